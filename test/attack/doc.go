// Package attack plays a hostile tenant who has read the source: each case tries to see, count, change or be influenced by another
// tenant's rows, through the real proxy on a real Postgres.
//
// A case passes when none of the victim's marker is in any byte that the attacker received, the victim's rows are what they were, the
// case's own check holds, and what has to be refused was refused.
//
// # The cases
//
//	testdata/corpus.jsonl   a corpus of known ways around such a proxy, one case per line
//	testdata/*.case         further tries, by topic; case.go says how they are written
//	wire_test.go            those that need single messages rather than statements
//	startup_test.go         those of startup packets, logins and cancel requests
//	testdata/elsewhere      those of the corpus that other tests play
//	testdata/overrides      where the outcome differs from what a case expects, and why that is sound
//
// Every statement is tried in the simple protocol and, if it stands alone, in the extended one too. Clients share upstream connections: with
// PGCORDON_POOL_MODE=two they take turns on two of them, which takes longer; with PGCORDON_POOL_MODE=session each keeps its own.
//
// # Adding a case
//
// Add it to a .case file of its world: a world is a schema, a policy and two tenants (testdata/<world>.sql and <world>.yaml). Each case gets
// the database as the schema made it: one that has changed anything is followed by a fresh copy.
package attack
