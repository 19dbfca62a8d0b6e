package proxy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A DELETE that has become an UPDATE ends with the command tag of a DELETE, in its place among the statements of a message.
func TestDeleteTag(t *testing.T) {
	w := newWorld(t, worldOptions{})
	ctx := context.Background()
	must(t, w.pg.Exec(ctx, w.database, `
CREATE TABLE tasks (tenant_id text NOT NULL, id int, deleted_at timestamptz);
GRANT ALL ON tasks TO app_proxy;
INSERT INTO tasks SELECT 'acme', generate_series(1, 9);
INSERT INTO tasks VALUES ('globex', 1)`))
	active := w.active
	active.Planner = w.planner(`
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.tasks, scope: tenant, soft_delete: {column: deleted_at, rewrite_delete: true}}
  - {match: "*.*", scope: tenant}
`)
	w.server.Swap(active)
	conn := w.connect()
	for _, c := range []struct{ sql, want string }{
		{"DELETE FROM tasks WHERE id = 1", "DELETE 1"},
		{"DELETE FROM tasks WHERE id = 1", "DELETE 0"},
		{"UPDATE tasks SET id = id WHERE id < 4", "UPDATE 2"},
		{"WITH d AS (DELETE FROM tasks WHERE id = 2 RETURNING id) SELECT * FROM d", "SELECT 1"},
		{"DELETE FROM tasks WHERE id = 3 RETURNING id", "DELETE 1"},
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeDescribeExec} {
			tx, err := conn.Begin(ctx)
			must(t, err)
			tag, err := tx.Exec(ctx, c.sql, mode)
			must(t, err)
			if tag.String() != c.want {
				t.Errorf("%s (%v): %s, want %s", c.sql, mode, tag, c.want)
			}
			if mode == pgx.QueryExecModeSimpleProtocol {
				must(t, tx.Rollback(ctx))
			} else {
				must(t, tx.Commit(ctx))
			}
		}
	}
	results, err := conn.PgConn().Exec(ctx, "UPDATE tasks SET id = id; DELETE FROM tasks WHERE id = 4; SELECT id FROM tasks WHERE id = 5; DELETE FROM tasks").ReadAll()
	must(t, err)
	want := []string{"UPDATE 6", "DELETE 1", "SELECT 1", "DELETE 5"}
	for i, r := range results {
		if r.CommandTag.String() != want[i] {
			t.Errorf("statement %d: %s, want %s", i+1, r.CommandTag, want[i])
		}
	}
	if len(results) != len(want) {
		t.Errorf("%d results", len(results))
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO tasks (id) VALUES (10), (11)")
	batch.Queue("DELETE FROM tasks WHERE id = $1", 10)
	batch.Queue("DELETE FROM orders WHERE id = $1", 1)
	sent := conn.SendBatch(ctx, batch)
	for _, want := range []string{"INSERT 0 2", "DELETE 1", "DELETE 1"} {
		tag, err := sent.Exec()
		must(t, err)
		if tag.String() != want {
			t.Errorf("in a batch: %s, want %s", tag, want)
		}
	}
	must(t, sent.Close())
	for _, text := range []string{"DELETE FROM tasks", "PREPARE d AS DELETE FROM tasks; EXECUTE d", "SELECT 1; DELETE FROM tasks", "UPDATE tasks SET id = 1", "EXECUTE d"} {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
		must(t, err)
		_, err = tx.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
		want := "cannot execute DELETE in a read-only transaction"
		if strings.HasPrefix(text, "UPDATE") {
			want = strings.Replace(want, "DELETE", "UPDATE", 1)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		must(t, tx.Rollback(ctx))
	}
	admin, err := pgx.Connect(ctx, w.pg.DSN("", w.database))
	must(t, err)
	defer admin.Close(ctx)
	var acme, marked, globex int
	must(t, admin.QueryRow(ctx, `SELECT count(*) FILTER (WHERE tenant_id = 'acme'), count(deleted_at) FILTER (WHERE tenant_id = 'acme'),
		count(*) FILTER (WHERE tenant_id = 'globex' AND deleted_at IS NULL) FROM tasks`).Scan(&acme, &marked, &globex))
	if acme != 11 || marked != 10 || globex != 1 {
		t.Errorf("%d rows of acme, %d of them marked; %d of globex", acme, marked, globex)
	}
}
