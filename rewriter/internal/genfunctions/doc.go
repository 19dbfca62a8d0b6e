// Genfunctions writes the tables of Postgres's built-in functions, operators and types that package rewriter embeds.
//
//	go run ./rewriter/internal/genfunctions --out rewriter 'postgres://...' 'postgres://...' ...
//
// It reads pg_catalog of live servers, one of each supported major (scripts/servers fetches them), and decides about every function by written
// rules (rules.go), of which the last one denies. A function that is not immutable is allowed only when a person has reviewed it
// (reviewed.go). What no rule knows is denied and named on standard error; the difference that a new major makes is reviewed as code.
//
// The tables hold the union of all majors, each row with the majors that have it. Where they differ, the more careful word holds (union.go).
//
// The tables also say which functions and operators are harmless (harmless.go): those that may run on a row of another
// tenant before the tenant predicate does, because nothing that they do with the values can be noticed.
package main
