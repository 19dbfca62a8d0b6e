package rewriter

func init() {
	confined = append(confined,
		"EXPLAIN (costs off) SELECT 1",
		"EXPLAIN (verbose, summary on, format json, costs 'off') SELECT * FROM public.orders o WHERE o.tenant_id = $3",
		"EXPLAIN (costs off) UPDATE public.orders SET total = $1 WHERE public.orders.tenant_id = $3",
	)
	escapes = append(escapes, []struct{ sql, why string }{
		{"EXPLAIN SELECT 1", "with costs"},
		{"EXPLAIN (costs) SELECT 1", "with costs"},
		{"EXPLAIN (costs off, costs on) SELECT 1", "with costs"},
		{"EXPLAIN (costs off, analyze) SELECT 1", "with analyze"},
		{"EXPLAIN (costs off, analyze off) SELECT 1", "with analyze"},
		{"EXPLAIN (costs off, buffers) SELECT 1", "with buffers"},
		{"EXPLAIN (costs off, nosuch) SELECT 1", "with nosuch"},
		{"EXPLAIN (costs off) SELECT * FROM public.orders", "not compared"},
		{"EXPLAIN (costs off) SELECT * FROM orders", "neither qualified"},
		{"EXPLAIN (costs off) DELETE FROM public.orders", "not compared"},
		{"EXPLAIN (costs off) CREATE TABLE t AS SELECT 1", "EXPLAIN of"},
		{"EXPLAIN (costs off) EXECUTE x", "EXPLAIN of"},
		{"EXPLAIN (costs off) DECLARE c CURSOR FOR SELECT 1", "EXPLAIN of"},
	}...)
}
