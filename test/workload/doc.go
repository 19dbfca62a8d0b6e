// Package workload runs known workloads through the real binary, on a database that twenty tenants share, and directly on a database that holds
// one tenant's rows alone: the 22 queries of TPC-H (its specification's query definitions, on rows made in tpch.sql), and the
// built-in scripts of pgbench. The answers, and what the writes have left, must be the same; the plans must reach the large tables by
// the tenant's index.
package workload
