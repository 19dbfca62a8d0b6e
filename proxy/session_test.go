package proxy_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestSession(t *testing.T) {
	w := newWorld(t, worldOptions{})
	ctx := context.Background()
	for _, mode := range []string{"simple_protocol", "exec", "cache_describe", "cache_statement", "describe_exec"} {
		conn := w.connect("default_query_exec_mode", mode)
		var items []string
		rows, err := conn.Query(ctx, "SELECT item FROM orders ORDER BY id")
		must(t, err)
		items, err = pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		if len(items) != 2 || items[0] != "anvil" {
			t.Errorf("%s: got %v", mode, items)
		}
		var n int
		must(t, conn.QueryRow(ctx, "SELECT count(*) FROM orders WHERE id > $1", 0).Scan(&n))
		if n != 2 {
			t.Errorf("%s: count %d", mode, n)
		}
	}
}
