// Package isolation is the two-world test, the test above all others: what a tenant sees through the proxy on a database that
// it shares equals what it would see on a database that holds its rows alone, and nothing it does touches another's rows.
//
// A round has a random schema (NewSchema) in four databases: the shared one behind a proxy in this process, and one for each
// of three tenants with that tenant's rows alone (Worlds). A batch (NewBatch) is a set of rows and a list of steps, each one
// message of one tenant's. Every step runs through the proxy and directly on the tenant's own world, and the answers must be
// equal (compare): rows, as multisets unless the statement orders them in full; column names, types, modifiers and sources;
// command tags; SQLSTATEs, messages and positions; notices; parameter types; the transaction status. After the batch each
// tenant's rows in the shared database must equal those of its own world, which only its own statements have changed.
//
// How the worlds are made comparable:
//
//   - In a tenant's own world the tenant column has the tenant's id as its default, as the proxy fills it in. The role there may
//     not touch what the policy denies, and only read what is global.
//   - In a quarter of the schemas the tenant columns are hidden (hide_column): the own worlds have no such column at all, in no table and no key.
//   - Ids come from ranges, one per tenant: that a surrogate key's collision shows that a row exists is accepted. Before a
//     statement that draws from a sequence the runner sets it, in both worlds, to the next value of the tenant's range.
//   - Every statement has one right answer (generator): LIMIT stands after an order over all columns, aggregates and window
//     functions give peers the same value, no floating point, numerics of one scale, no clock. Hazard columns hold values that make an expression raise
//     an error (0, text that is no number) in the rows of some tenants; expressions over them are made for the other tenants only. So
//     a condition that is evaluated on another tenant's row shows as an error that the own world does not have.
//     TestStatementsHaveOneAnswer runs two copies of one world against each other, under different planner settings, to prove it.
//   - In each fifth schema there are the extensions citext, hstore, pg_trgm, pgcrypto, unaccent and uuid-ossp, as far as the server has them.
//   - Default rows (scope mixed) are in every world, and row security keeps them from being written in the tenants' own. Rows that are
//     marked as deleted are in the shared world alone; those that a DELETE marks are gone from the own one. So keys hold among live rows,
//     no foreign key refers to such a table, and RETURNING of a DELETE does not ask for the mark. Rows marked from the start must not change.
//   - The rows of a COPY FROM STDIN have at most one mistake, so that the two worlds find the same one, and go into no table with default rows,
//     for Postgres copies into none with row security. One that is wrong in the tenant's field may be refused where the own world takes it, and of one that is too short as well the proxy says only that.
//   - Partitions and tables that inherit are named directly as well; one child is denied by its own name, and read through its parents.
//   - Cursors move over rows in full order, and backwards only where they are declared so. Cursors, prepared statements, temporary tables, locks and
//     channels are put away by the unit of steps that makes them.
//   - Through views there is MERGE on servers of 17 and newer, which have it, and no ON CONFLICT DO UPDATE where they have conditions, which the proxy refuses.
//   - A statement that the proxy refuses by a rule is undone in the own world. Refusals of ordinary statements are counted by
//     rule, and must stay below a share.
//   - In errors of classes 22 and 23 the text of the message is not compared: which of several bad values it quotes is
//     the plan's choice, and the proxy may drop it. TestErrorTexts runs statements made for their errors.
//
// What is accepted, and so not generated or not compared: rows of another tenant under the same surrogate key make an INSERT
// fail (probes look whether more than that shows); and the columns of a view's rows come from the tables below it.
//
// A finding is shrunk (Worlds.Shrink) by dropping steps, rows and clauses, and printed with its schema, rows, statement, both
// answers and the seed, which is one number and makes the same round again.
//
//	go test ./test/isolation -run TestTwoWorlds -v                      # PGCORDON_ISOLATION_N statements, 50000 with fixed seeds unless set
//	PGCORDON_ISOLATION_N=100000 go test ./test/isolation -run TestTwoWorlds -timeout 0 -v
//	go test -tags mutation ./test/isolation -run TestFindsWhatIsLeftOut -v # proves that it finds what is missing
//	PGCORDON_SEED=42 go test ./test/isolation -run TestTwoWorlds -v     # again, beginning with the round of that seed
package isolation
