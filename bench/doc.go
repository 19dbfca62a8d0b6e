// Command bench measures what pgcordon costs and saves: pgbench against Postgres directly, through a bare Go relay, through
// PgBouncer and through pgcordon, in turn, several rounds, with full enforcement on. It reports medians, their spread and
// ratios between things measured in the same run. See README.md for the columns and for how to run it.
package main
