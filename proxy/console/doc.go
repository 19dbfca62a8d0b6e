// Package console is the admin database: what a client gets that connects to the database pgcordon, or pgbouncer, of the proxy itself. It answers
// the commands of PgBouncer's console (its manual, "Admin console") with the same columns, so that programs that were made for that one
// read it, and further ones that show tenants, limits, denials, policy and plan cache.
//
//	session.go    the client's messages, in both protocols; extended.go those of the extended one
//	command.go    a text cut into commands; run.go what each does; control.go those that change something
//	table.go      rows, in text and binary
//	views_*.go    what SHOW shows: PgBouncer's views, its statistics, and pgcordon's own
//	settings.go   the settings that drivers ask for and set when they connect
//	source.go     where all of it comes from: interfaces that the proxy and the process implement
//
// # What must hold
//
// Whoever gets here has authenticated (Link.User) and stands in stats_users or admin_users. That is asked again for each message, so that
// a reload takes the right away; commands that change something ask for admin_users.
//
// No view shows a value of a tenant's, SQL text, or a secret. Statements are named by their fingerprints.
//
// Looking costs sessions nothing: the numbers are kept for other purposes, and locks are held for as long as copying takes.
//
// PAUSE that is broken off, by a cancel request or because its client goes, is undone: nobody would know of it.
//
// # Goroutines
//
// A session runs in the goroutine of its connection. PAUSE and WAIT_CLOSE wait in one of their own (patient), which ends before the
// command does.
package console
