// Package arch holds the tests of the project's shape: who may import whom (imports_test.go), that ARCHITECTURE.md names only what exists
// (docs_test.go), and that files and functions stay short enough to read (size_test.go).
//
// The rules are tables at the top of each file. A package that is in none of the import table's rows fails the test: whoever adds
// one says where it stands. Each checker is also run on an example that breaks its rule, so that it cannot pass by finding nothing.
package arch
