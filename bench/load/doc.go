// Package load holds the workloads of a bench run: each makes its tables, and measures one target for a while.
//
// pgbench's own scripts are run by pgbench. The others have a load generator of their own (drive.go): so many goroutines, each with a
// connection, that send one transaction after the other until the time is over; all latencies are kept. What happens between
// transactions is not measured.
package load
