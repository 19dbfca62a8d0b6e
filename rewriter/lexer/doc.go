// Package lexer cuts a text into tokens as the scanner of Postgres 16 does (src/backend/parser/scan.l), with
// standard_conforming_strings on and in UTF-8, and finds in one pass what statements of one shape have in common.
//
// # Shapes
//
// Skeleton copies a text with each literal that could be another one replaced by a hole: two bytes that no text can hold, NUL and the kind of
// the literal. All other bytes stay, white space among them, so that an offset in one text of a shape is the offset in any other,
// shifted by the lengths of the literals before it. Two texts have the same skeleton exactly when they differ in nothing but the insides of
// those literals. A comment is a literal too, of which nothing depends.
//
// # What must hold
//
// For every text that Skeleton accepts, the tokens are those of Postgres: a fuzz test holds them against libpg_query's scanner. What
// Postgres refuses, and what is rare enough not to be worth the risk, is not accepted: then the parser decides.
//
// The package knows no grammar. Which literals may really be replaced is found out by package rewriter, once for each shape, from the
// parser's tree.
//
// A scan takes time linear in the text, and allocates nothing once the caller's buffers have grown.
package lexer
