// Genfunctions writes the tables of Postgres's built-in functions, operators and types that package rewriter embeds.
//
//	go run ./rewriter/internal/genfunctions --dsn 'postgres://...' --out rewriter
//
// It reads pg_catalog of a live server and decides about every function by written rules (rules.go), of which the last
// one denies. A function that is not immutable is allowed only when a person has reviewed it (reviewed.go). Run it against a
// new major version of Postgres with --merge: entries that the tables hold already stay as they are when the new server
// lacks them, and the difference is reviewed as code.
//
// The tables also say which functions and operators are harmless (harmless.go): those that may run on a row of another
// tenant before the tenant predicate does, because nothing that they do with the values can be noticed.
package main
