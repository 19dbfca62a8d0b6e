package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
)

func TestStorageLimit(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StorageRows: 100, StorageBytes: 5000}})
	conn := w.connect()
	ctx := context.Background()
	insert := []string{
		"INSERT INTO orders (id) VALUES (80)", "UPDATE orders SET item = 'x'", "EXECUTE adding",
		"WITH i AS (INSERT INTO orders (id) VALUES (81) RETURNING id) SELECT * FROM i",
		"WITH i AS (INSERT INTO orders (id) VALUES (82) RETURNING id) DELETE FROM orders USING i WHERE orders.id = i.id",
		"SELECT 1; INSERT INTO orders (id) VALUES (83)",
	}
	others := []string{"SELECT * FROM orders", "EXECUTE removing", "DELETE FROM orders WHERE id = 90", "CREATE TEMP TABLE IF NOT EXISTS mine (n int)",
		"INSERT INTO mine VALUES (1)", "BEGIN", "DELETE FROM orders", "ROLLBACK", "COPY orders TO STDOUT"}
	exec := func(sql string) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	must(t, exec("PREPARE adding AS INSERT INTO orders (id) VALUES (84)"))
	must(t, exec("PREPARE removing AS DELETE FROM orders WHERE id = 84"))
	for _, c := range []struct {
		stored limit.Stored
		says   string
	}{
		{limit.Stored{Rows: 100, Bytes: 10}, "limit storage_rows of 100 rows reached: delete rows, and retry when they have been counted again, in "},
		{limit.Stored{Rows: 9, Bytes: 6000}, "limit storage_bytes of 5000 bytes reached"},
	} {
		w.gate.SetStored(map[policy.TenantID]limit.Stored{tenant("acme"): c.stored}, time.Now().Add(time.Minute))
		for _, sql := range insert {
			expectLimit(t, conn, exec(sql), "53400", c.says)
		}
		_, err := conn.Exec(ctx, "INSERT INTO orders (id) VALUES ($1)", 85)
		expectLimit(t, conn, err, "53400", c.says)
		_, err = conn.CopyFrom(ctx, pgx.Identifier{"orders"}, []string{"id"}, pgx.CopyFromRows([][]any{{int32(86)}}))
		expectLimit(t, conn, err, "53400", c.says)
		for _, sql := range others {
			if err := exec(sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	w.gate.SetStored(map[policy.TenantID]limit.Stored{tenant("acme"): {Rows: 99}, tenant("globex"): {Rows: 1000}}, time.Now())
	must(t, exec("INSERT INTO orders (id) VALUES (80)"))
	if n, err := count(conn, "SELECT count(*) FROM orders WHERE id >= 80"); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}
