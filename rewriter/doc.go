// Package rewriter confines a tenant's SQL to the tenant: SQL and a bound policy in, a Plan or a Denial out.
// It does no I/O, reads no clock, and is the only package that knows libpg_query.
//
// # The path of a text
//
//	cache        the plan of a text seen before, for every tenant
//	shapes       the plan of a text that differs from earlier ones in its literals alone (shape.go)
//	guardInput   bounds size, nesting and tokens, before C code sees the text
//	pg_query     Postgres's own grammar
//	statement    one function for each kind of statement; the default refuses (classify.go)
//	pass         resolves every name, constrains every relation, allows every function, operator and type
//	printTree    writes the tree as SQL, and notes where the tenant's parameters stand
//	sweep        parses the printed text again and proves it, sharing no code with the pass
//
// # Why the output is confined
//
// Every relation is found in the catalog snapshot, by the session's search_path, and written with its schema, so that the
// server cannot find another. One that the policy does not open is refused. For one of scope tenant the predicate
//
//	alias.tenant_column = $n
//
// is added where it filters the relation and nothing else: in WHERE for the preserved side of joins, in the ON of the join for a
// nullable side, and inside a sub-select put around the relation where neither works (FULL JOIN, USING and NATURAL
// on a nullable side, an alias with a column list, and the source of MERGE). Views are replaced by their definitions, so that only tables need
// predicates. Where rows of scope mixed are read and not locked, `OR alias.tenant_column IS NULL` stands behind it; where rows are marked as deleted,
// a test for the mark stands beside it, also for scope global. A write through a simple view becomes one of the table below it (view_write.go). Names of common table expressions are followed by Postgres's scoping
// rules; the target of a write is never one of them.
//
// Rows are written with the tenant: the column is added to INSERT, and a value given for it must be the tenant column of a confined relation, or
// a constant or a parameter that the executor compares with the tenant (Plan.CheckConstants, Plan.CheckArgument). ON CONFLICT DO UPDATE gets the
// predicate in its WHERE, and ON CONFLICT (email) finds the unique index over (tenant, email) (conflict.go).
//
// A tenant column that the policy hides does not exist for the client: `*` is written as a list, a whole row is that of a sub-select (hide.go), and the
// catalogs show it as a dropped one (catalogs.txt).
//
// A function is called only if the table of built-in functions allows it, or the policy vouches for it; the call is written with
// its schema. Operators, casts, types and the attribute notation `row.function` are resolved for the same reason.
//
// A function or operator that does not exist is sent under a name that nothing can have, so that Postgres says so with the types of its arguments. A plan
// keeps every name that was sent otherwise than it was written, and its errors speak of the client's (written.go).
//
// Conditions of the client's do not run on rows of other tenants in a way that could be noticed: order.go tells how, collation.go why texts of two
// collations are such a condition, lazy.go what of sub-selects and functions that refer to no column, and strict.go how
// Postgres still sees which outer joins they make inner ones. Nor does the planner run them on what it has kept of those rows (estimate.go).
//
// # What a plan holds
//
// No tenant. The tenant's id arrives as an appended parameter of the extended protocol, or by Plan.Splice in the simple one. So
// a plan is shared by all tenants, and a server's prepared statement can be: but for statements that take no parameters, as COPY, whose
// text is spliced in both protocols (Plan.Spliced).
//
// # Adding a rule
//
// A new kind of statement is a case in classify.go and a file of its own; a new kind of expression a case in expr.go and in weigh
// (order.go). A rule that looks at the value of a constant must be known to shape_roles.go. All need golden cases (testdata/golden) and a case in the sweep, which refuses what it does not know. A new
// reason to refuse is a constant in rules.go.
//
// The package keeps no goroutines. A Rewriter is safe for concurrent use and belongs to one bound policy: a reload makes a new one.
package rewriter
