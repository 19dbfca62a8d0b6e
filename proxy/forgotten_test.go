package proxy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
)

// TestConnectionsKeepTheirStatements: whatever a client makes of DEALLOCATE ALL, another's prepared statements go on on the connection that both use.
func TestConnectionsKeepTheirStatements(t *testing.T) {
	type m = []pgproto3.FrontendMessage
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}, limits: limit.Limits{RowsPerStatement: 500}})
	ctx := context.Background()
	must(t, w.pg.Exec(ctx, w.database, "ALTER TABLE orders ADD CONSTRAINT late UNIQUE (tenant_id, item) DEFERRABLE INITIALLY DEFERRED"))
	for name, groups := range map[string][]m{
		"run":             {{parse("", "DEALLOCATE ALL"), bind("", ""), exec("", 0), sync_}},
		"in a query":      {{query("DEALLOCATE ALL")}},
		"another client":  {{query("DISCARD ALL")}},
		"commit fails":    {{query("UPDATE orders SET item = 'x'; DEALLOCATE ALL")}},
		"over its limit":  {{query("SELECT n FROM numbers; DEALLOCATE ALL")}},
		"in another text": {{query("DEALLOCATE ALL; SELECT 1/0")}},
		"a cursor instead": {{query("BEGIN")}, {parse("", "DEALLOCATE ALL"), bind("p", ""), sync_}, {query("CLOSE p")},
			{query("DECLARE p CURSOR FOR SELECT 1")}, {exec("p", 0), sync_}, {query("COMMIT")}},
		"a cursor before": {{query("BEGIN")}, {query("DECLARE p CURSOR FOR SELECT 1")}, {query("SAVEPOINT s")},
			{parse("", "DEALLOCATE ALL"), bind("p", ""), sync_}, {query("ROLLBACK TO s")}, {exec("p", 0), sync_}, {query("COMMIT")}},
	} {
		other := dialRaw(t, w.dsnOf("globex_app"))
		other.say(1, parse("mine", "SELECT item FROM orders"), bind("", "mine"), exec("", 0), sync_)
		c := dialRaw(t, w.dsn())
		for _, group := range groups {
			c.say(1, group...)
		}
		for range 2 {
			got := strings.Join(other.say(1, bind("", "mine"), exec("", 0), sync_), ",")
			if want := `BindComplete,DataRow ["GLOBEX-SECRET"],CommandComplete SELECT 1,Ready I`; got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		must(t, c.conn.Close())
		must(t, other.conn.Close())
	}
}

// TestPortalsAreLimited: what a limit counts is what runs, by whatever name.
func TestPortalsAreLimited(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 5, ChangesPerStatement: 5}})
	c := dialRaw(t, w.dsn())
	c.say(1, query("BEGIN"))
	c.say(1, query("DECLARE p CURSOR FOR SELECT n FROM numbers"))
	c.say(1, query("SAVEPOINT s"))
	c.say(1, parse("", "SET LOCAL lock_timeout = 5"), bind("p", ""), sync_) // fails: there is a cursor
	c.say(1, query("ROLLBACK TO s"))
	if got := strings.Join(c.say(1, exec("p", 0), sync_), ","); !strings.Contains(got, "Error ERROR 53400") {
		t.Errorf("a cursor: %s", got)
	}
	c.say(1, query("ROLLBACK"))
	for name, groups := range map[string][][]pgproto3.FrontendMessage{
		"a portal": {{parse("", "DELETE FROM numbers RETURNING n"), bind("p", ""), sync_}},
		"EXECUTE":  {{query("PREPARE d AS DELETE FROM numbers RETURNING n")}, {parse("", "EXECUTE d"), bind("p", ""), sync_}},
		"FETCH": {{parse("", "DELETE FROM numbers RETURNING n"), bind("q", ""), sync_},
			{parse("", "FETCH ALL FROM q"), bind("p", ""), sync_}},
	} {
		c.say(1, query("BEGIN"))
		for _, group := range groups {
			c.say(1, group...)
		}
		if got := strings.Join(c.say(1, query("FETCH 3 FROM p")), ","); !strings.HasPrefix(got, "Error ERROR 0A000") {
			t.Errorf("FETCH of %s: %s", name, got)
		}
		c.say(1, query("ROLLBACK"))
	}
	// What changes few enough may be fetched.
	c.say(1, query("BEGIN"))
	c.say(1, parse("", "INSERT INTO orders (id, item) VALUES (7, 'x') RETURNING id"), bind("p", ""), sync_)
	if got, want := strings.Join(c.say(1, query("FETCH ALL FROM p")), ","), `RowDescription id:23/0,DataRow ["7"],CommandComplete FETCH 1,Ready T`; got != want {
		t.Errorf("FETCH of an INSERT: %s, want %s", got, want)
	}
}
