// Package catalog reads the catalog of an upstream database into a Snapshot: an immutable value that
// the policy is bound to and that the rewriter resolves names against.
//
// Load asks a live server, in one REPEATABLE READ transaction and with a fixed number of queries that does not
// depend on how many tables there are. Encode and Decode keep a snapshot in a file (gzip of JSON), so that what was
// read from a real server can stand beside golden tests.
//
// What is in a snapshot:
//   - every schema but pg_toast and the temporary ones, the system schemas included, with relations, columns, functions,
//     operators and types. Definitions of views and sources of functions are loaded for user schemas only;
//   - every name inside a view's definition is schema-qualified, because it is printed with an empty search_path;
//   - casts that a user or an extension made.
//
// A snapshot is never changed after Load or Decode has returned, so it may be shared between goroutines.
package catalog
