package proxy_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/proxy"
	"pgcordon/rewriter"
)

// answered is one statement and what it returns: its rows as one text each, or an SQLSTATE.
type answered struct {
	sql  string
	want string
}

// runSteps sends statements one after the other, by the simple protocol or the extended one, with the preparations that pgx makes for each.
func runSteps(t *testing.T, conn *pgx.Conn, mode pgx.QueryExecMode, steps []answered) {
	t.Helper()
	for _, s := range steps {
		rows, err := conn.Query(context.Background(), s.sql, mode)
		var got []string
		if err == nil {
			got, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
				values, err := r.Values()
				return fmt.Sprint(values...), err
			})
		}
		result := fmt.Sprint(got)
		if err != nil {
			result = state(err)
		}
		if result != s.want {
			t.Errorf("%s\n  gives %s, want %s (%v)", s.sql, result, s.want, err)
		}
	}
}

var bothModes = map[string]pgx.QueryExecMode{"simple": pgx.QueryExecModeSimpleProtocol, "extended": pgx.QueryExecModeDescribeExec}

// TestTemporaryTables: a session's temporary tables come and go with its transactions, hide what they are named like, and are its own.
func TestTemporaryTables(t *testing.T) {
	for name, mode := range bothModes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			conn, other := w.connect(), w.connect()
			runSteps(t, conn, mode, []answered{
				{"CREATE TEMP TABLE staging (id int PRIMARY KEY, item text)", "[]"},
				{"INSERT INTO staging SELECT id, item FROM orders", "[]"},
				{"SELECT item FROM staging ORDER BY id", "[anvil rope]"},
				{"SELECT s.item, o.id FROM staging s JOIN orders o USING (id) ORDER BY 2", "[anvil1 rope2]"},
				{"CREATE TEMP TABLE orders AS SELECT 99 AS id, 'mine'::text AS item", "[]"},
				{"SELECT item FROM orders", "[mine]"},
				{"SELECT count(*) FROM public.orders", "[2]"},
				{"DELETE FROM orders", "[]"},
				{"SELECT count(*) FROM public.orders", "[2]"},
				{"DROP TABLE orders", "[]"},
				{"SELECT item FROM orders ORDER BY id", "[anvil rope]"},
				{"DROP TABLE orders", "42501"},
				{"BEGIN", "[]"},
				{"CREATE TEMP TABLE gone (id int) ON COMMIT DROP", "[]"},
				{"INSERT INTO gone VALUES (1)", "[]"},
				{"SELECT id FROM gone", "[1]"},
				{"COMMIT", "[]"},
				{"SELECT id FROM gone", "42P01"},
				{"BEGIN", "[]"},
				{"SELECT id INTO TEMP orders FROM orders", "[]"},
				{"SELECT id FROM orders ORDER BY 1", "[1 2]"},
				{"SELECT item FROM orders", "42703"},
				{"SELECT 1", "25P02"},
				{"ROLLBACK", "[]"},
				{"SELECT item FROM orders ORDER BY id", "[anvil rope]"},
				{"BEGIN", "[]"},
				{"SAVEPOINT a", "[]"},
				{"CREATE TEMP TABLE orders (x int)", "[]"},
				{"SELECT count(*) FROM orders", "[0]"},
				{"ROLLBACK TO a", "[]"},
				{"SELECT count(*) FROM orders", "[2]"},
				{"COMMIT", "[]"},
				{"CREATE TEMP TABLE staging (id int)", "42P07"},
				{"CREATE TEMP TABLE IF NOT EXISTS staging (id int)", "[]"},
				{"SELECT count(item) FROM staging", "[2]"},
				{"CREATE INDEX ON staging (item)", "[]"},
				{"ANALYZE staging", "[]"},
				{"CREATE TEMP TABLE s AS SELECT * FROM secrets", "42501"},
				{"CREATE TABLE t (id int)", "42501"},
			})
			runSteps(t, other, mode, []answered{{"SELECT * FROM staging", "42P01"}, {"SELECT * FROM pg_temp.staging", "42P01"}})
		})
	}
}

// TestTemporaryTablesInOneMessage: a text may make a table and use it; a prepared statement is planned with what was made before it.
func TestTemporaryTablesInOneMessage(t *testing.T) {
	w := newWorld(t, worldOptions{})
	conn := w.connect()
	runSteps(t, conn, pgx.QueryExecModeSimpleProtocol, []answered{
		{"CREATE TEMP TABLE orders (id int); INSERT INTO orders VALUES (5); DELETE FROM orders; SELECT id FROM orders", "[]"},
		{"SELECT id FROM orders", "[]"},
		{"SELECT count(*) FROM public.orders", "[2]"},
	})
	c := dialRaw(t, w.dsn())
	heard := c.say(1, parse("", "CREATE TEMP TABLE fresh AS SELECT id FROM orders"), bind("", ""), exec("", 0),
		parse("", "SELECT count(*) FROM fresh"), bind("", ""), exec("", 0), sync_)
	found := false
	for _, h := range heard {
		found = found || h == `DataRow ["2"]`
	}
	if !found {
		t.Errorf("a pipelined use of a fresh table: %q", heard)
	}
}

// withRefresh is a world whose migrator may change the schema.
func withRefresh(t *testing.T) *world {
	w := newWorld(t, worldOptions{})
	bind := func(snapshot *catalog.Snapshot) (proxy.Planner, error) {
		parsed, err := policy.ParsePolicy("policy.yaml", []byte(policyYAML))
		if err != nil {
			return nil, err
		}
		return rewriter.New(policy.Bind(parsed, snapshot), rewriter.Options{}), nil
	}
	w.active.Rebind = bind
	w.server.Swap(w.active)
	return w
}

// TestSchemaChanges: a role with the right ddl changes the schema, uses the change within its transaction, and after the commit
// everybody knows it.
func TestSchemaChanges(t *testing.T) {
	for name, mode := range bothModes {
		t.Run(name, func(t *testing.T) {
			w := withRefresh(t)
			must(t, w.pg.Exec(context.Background(), w.database, "GRANT CREATE ON SCHEMA public TO app_proxy"))
			migrator, err := pgx.Connect(context.Background(), w.dsnOf("migrator"))
			must(t, err)
			t.Cleanup(func() { _ = migrator.Close(context.Background()) })
			plain := w.connect()
			runSteps(t, migrator, mode, []answered{
				{"BEGIN", "[]"},
				{"CREATE TABLE parcels (tenant_id text NOT NULL, id int)", "[]"},
				{"CREATE INDEX ON parcels (tenant_id)", "[]"},
				{"INSERT INTO parcels (id) VALUES (7)", "[]"},
				{"SELECT tenant_id, id FROM parcels", "[acme7]"},
				{"ALTER TABLE parcels ADD COLUMN note text", "[]"},
				{"SELECT p.note IS NULL FROM parcels p", "[true]"},
			})
			runSteps(t, plain, mode, []answered{{"SELECT id FROM parcels", "42P01"}})
			runSteps(t, migrator, mode, []answered{
				{"COMMIT", "[]"},
				{"SELECT id FROM parcels", "[7]"},
			})
			runSteps(t, plain, mode, []answered{
				{"SELECT id FROM parcels", "[7]"},
				{"DROP TABLE parcels", "42501"},
			})
			runSteps(t, migrator, mode, []answered{
				{"BEGIN", "[]"},
				{"CREATE TABLE lost (tenant_id text, id int)", "[]"},
				{"SELECT count(*) FROM lost", "[0]"},
				{"SELECT 1/0", "22012"},
				{"SELECT count(*) FROM lost", "25P02"},
				{"ROLLBACK", "[]"},
				{"SELECT count(*) FROM lost", "42P01"},
				{"DO $$ BEGIN CREATE TEMP TABLE orders (x int); END $$", "[]"},
				{"SELECT count(*) FROM orders", "[0]"},
				{"CREATE TABLE filled AS SELECT * FROM public.orders", "42501"},
				{"SELECT count(*) FROM secrets", "42501"},
				{"DROP TABLE parcels", "[]"},
				{"SELECT count(*) FROM parcels", "42P01"},
			})
			runSteps(t, plain, mode, []answered{{"SELECT id FROM parcels", "42P01"}, {"SELECT count(*) FROM orders", "[2]"}})
		})
	}
}
