// Package draft proposes a first policy for a database that has none.
//
// It finds the tenant column by its name, type, NOT NULL, how many tables carry it and whether it refers to a table of
// tenants; then it gives each relation a scope, with the reason as a comment. What it is not sure of is denied: a draft
// that denies too much is noticed at once, one that opens too much is not.
package draft
