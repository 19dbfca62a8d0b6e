// Package stand puts up what a bench run measures: a database of its own on a Postgres server (a throwaway one, unless the user names
// theirs), and in front of it a bare relay, PgBouncer and pgcordon, each a process whose CPU time and memory can be read.
//
// Nothing of the user's is touched: the database is made for the run and dropped at its end, with everything in it. All targets work on
// the same rows, and everybody logs in with SCRAM.
//
// Close ends the processes by the ids that Open saw, and drops the database.
package stand
