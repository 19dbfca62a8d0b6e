package proxy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/auth"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway/throwawaytest"
)

// again are statements that run upstream as prepared ones once they have come a few times: %d is another number each time.
var again = []string{
	"SELECT id, item FROM orders WHERE id = %d ORDER BY id",
	"SELECT item, 'x' AS x, 5.50 FROM orders WHERE id IN (1, %d) AND item <> 'it''s \\ %d' ORDER BY 1",
	"SELECT o.id, n.n FROM orders o LEFT JOIN numbers n ON n.n = o.id AND n.n < %d ORDER BY 1, 2",
	"INSERT INTO orders (id, item) VALUES (%d, 'new') RETURNING id, item",
	"INSERT INTO orders (id, item) VALUES (%d, 'new')", // taken
	"INSERT INTO orders (id, item) VALUES (%d, 'new') RETURNING *",
	"UPDATE orders SET item = 'changed %d' WHERE id = %d RETURNING item",
	"UPDATE orders SET id = id + 2147483647 WHERE id = %d", // out of range
	"UPDATE orders SET item = 'again' WHERE id = %d",
	"SELECT count(*) FROM orders WHERE id > %d",
	"SELECT 10 / (id - id) FROM orders WHERE id = %d", // fails behind its description
	"SELECT nothing FROM orders WHERE id = %d",
	"SELECT id FROM orders WHERE id = %d AND item = 5", // no such operator
	"DELETE FROM orders WHERE id = %d RETURNING id",
	"DELETE FROM orders WHERE id = %d",
}

// ranAsPrepared counts the statements that went upstream with parameters in the place of literals.
func (r *recorder) ranAsPrepared() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, d := range r.decided {
		if d.Plan != nil && d.Plan.ClientParams > 0 {
			n++
		}
	}
	return n
}

func rounds(first, n int, sql string) string {
	return strings.ReplaceAll(sql, "%d", fmt.Sprint(first+n))
}

// TestQueriesAsPrepared: the answers are those of Postgres to the text, alone, in a transaction, in one that has failed, and without waiting.
func TestQueriesAsPrepared(t *testing.T) {
	w := newWorld(t, worldOptions{})
	own := throwawaytest.Database(t, w.pg, onlyAcme)
	direct, proxied := dialRaw(t, w.pg.DSN("app_proxy", own)), dialRaw(t, w.dsn())
	same := func(s step) {
		t.Helper()
		want, got := direct.say(s.ready, s.messages...), proxied.say(s.ready, s.messages...)
		if !slices.Equal(want, got) {
			t.Errorf("%v\nPostgres: %s\npgcordon: %s", s.messages, strings.Join(want, "\n          "), strings.Join(got, "\n          "))
		}
	}
	for n := range 8 {
		for _, sql := range again {
			same(one(query(rounds(100, n, sql))))
		}
	}
	alone := w.seen.ranAsPrepared()
	if alone < 8*len(again)/3 {
		t.Errorf("%d statements have run as prepared ones", alone)
	}
	for n := range 3 {
		same(one(query("BEGIN")))
		for _, sql := range again {
			same(one(query("SAVEPOINT a")))
			same(one(query(rounds(200, n, sql))))
			same(one(query(rounds(200, n, sql))))
			same(one(exec("", 0), describe('P', ""), sync_)) // there is no portal
			same(one(query("ROLLBACK TO a")))
		}
		same(one(query("ROLLBACK")))
	}
	if n := w.seen.ranAsPrepared(); n < alone+3*len(again)/2 {
		t.Errorf("%d statements have run as prepared ones", n)
	}
	var flood step
	for n := range 5 {
		for _, sql := range again {
			flood.messages = append(flood.messages, query(rounds(300, n, sql)))
		}
		flood.messages = append(flood.messages, query("SELECT 1; SELECT 2"), parse("", "SELECT 3"), bind("", ""), exec("", 0), sync_)
		flood.ready += len(again) + 2
	}
	same(flood)
	// The unnamed statement is gone after a Query.
	same(many(3, parse("", "SELECT 1"), sync_, query(rounds(100, 1, again[0])), bind("", ""), sync_))
}

// TestQueriesAsPreparedBehindOpenMessages: what is skipped after an error in messages without a Sync is skipped up to the client's.
func TestQueriesAsPreparedBehindOpenMessages(t *testing.T) {
	w := newWorld(t, worldOptions{})
	own := throwawaytest.Database(t, w.pg, onlyAcme)
	proxied := dialRaw(t, w.dsn())
	known := func(n int) *pgproto3.Query {
		return query(fmt.Sprintf("SELECT item FROM orders WHERE id = %d", n))
	}
	for i, s := range []step{
		one(known(1)), one(known(2)), one(known(3)), one(known(4)),
		many(1, parse("", "SELECT id FROM orders WHERE item = 5"), known(1), known(2), known(1), sync_),
		many(1, parse("", "SELECT $1::int"), bind("", "", "x"), known(1), known(2), sync_),
		many(1, parse("", "SELECT 1/0"), bind("", ""), exec("", 0), known(1), known(2), known(2), sync_),
		many(3, parse("", "SELECT 1"), known(1), known(2), sync_),
		many(3, parse("", "INSERT INTO orders (id, item) VALUES (9, 'x')"), bind("", ""), exec("", 0), known(1), known(9), sync_),
		many(3, query("BEGIN"), parse("", "SELECT 1/0"), bind("", ""), exec("", 0), known(1), known(2), sync_, query("ROLLBACK")),
		many(5, query("BEGIN"), parse("", "SELECT 1"), bind("", ""), exec("", 0), known(1), known(2), sync_, query("ROLLBACK")),
		many(2, known(1), known(2)),
	} {
		direct := dialRaw(t, w.pg.DSN("app_proxy", own)) // what 18 leaves open after a Query in front of a Sync fails the next statement: see rouse
		want, got := direct.say(s.ready, s.messages...), proxied.say(s.ready, s.messages...)
		if !slices.Equal(want, got) {
			t.Fatalf("%d\nPostgres: %q\npgcordon: %q", i, want, got)
		}
	}
	if n := w.seen.ranAsPrepared(); n < 2 {
		t.Errorf("%d statements have run as prepared ones", n)
	}
}

// TestQueriesAsPreparedOfTenants: tenants share the statements, and no rows.
func TestQueriesAsPreparedOfTenants(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	acme, globex := dialRaw(t, w.dsn()), dialRaw(t, w.dsnOf("globex_app"))
	for n := range 6 {
		sql := fmt.Sprintf("SELECT item FROM orders WHERE id < %d ORDER BY id", 2+n)
		items := strings.Join(acme.say(1, query(sql)), " ")
		if strings.Contains(items, "GLOBEX") || !strings.Contains(items, "anvil") {
			t.Errorf("acme: %s", items)
		}
		if items := strings.Join(globex.say(1, query(sql)), " "); strings.Contains(items, "anvil") || !strings.Contains(items, "GLOBEX") {
			t.Errorf("globex: %s", items)
		}
	}
	if n := w.seen.ranAsPrepared(); n < 6 {
		t.Errorf("%d statements have run as prepared ones", n)
	}
}

// TestQueriesAsPreparedAfterDDL: somebody has changed the table, of which the proxy does not know.
func TestQueriesAsPreparedAfterDDL(t *testing.T) {
	for _, change := range []string{"ALTER TABLE orders ALTER id TYPE int8", "ALTER TABLE orders ALTER item TYPE varchar(80)", "ALTER TABLE orders ALTER item TYPE jsonb USING '{}'",
		"ALTER TABLE orders DROP item", "DROP TABLE orders", "ALTER TABLE orders RENAME item TO object"} {
		t.Run(change, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
			own := throwawaytest.Database(t, w.pg, onlyAcme)
			direct, proxied := dialRaw(t, w.pg.DSN("app_proxy", own)), dialRaw(t, w.dsn())
			for n := range 8 {
				if n == 5 {
					must(t, w.pg.Exec(context.Background(), own, "DROP VIEW shown")) // it would keep the table as it is
					must(t, w.pg.Exec(context.Background(), w.database, "DROP VIEW shown"))
					must(t, w.pg.Exec(context.Background(), own, change))
					must(t, w.pg.Exec(context.Background(), w.database, change))
				}
				if n == 7 {
					must(t, w.refresh(context.Background()))
				}
				sql := fmt.Sprintf("SELECT id, item FROM orders WHERE id = %d AND item = 'rope'", n)
				want, got := direct.say(1, query(sql)), proxied.say(1, query(sql))
				for i := range got { // names in messages are the upstream's where the snapshot is older than the change
					got[i], want[i] = strings.ReplaceAll(got[i], "public.", ""), strings.ReplaceAll(want[i], "public.", "")
				}
				if !slices.Equal(want, got) {
					t.Errorf("%d\nPostgres: %s\npgcordon: %s", n, strings.Join(want, "\n          "), strings.Join(got, "\n          "))
				}
			}
			if n := w.seen.ranAsPrepared(); n < 2 {
				t.Errorf("%d statements have run as prepared ones", n)
			}
		})
	}
}

// TestQueriesAsPreparedUnderRowLimit: the client gets the rows up to the limit and its error, in and out of a transaction, and goes on.
func TestQueriesAsPreparedUnderRowLimit(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 10}})
	c := dialRaw(t, w.dsn())
	for n := range 6 {
		for _, begin := range []string{"", "BEGIN"} {
			status := "I"
			if begin != "" {
				c.clean(begin)
				status = "E"
			}
			heard := c.say(1, query(fmt.Sprintf("SELECT n FROM numbers WHERE n > %d", n)))
			if len(heard) != 13 || !strings.HasPrefix(heard[11], "Error ERROR 53400") || heard[12] != "Ready "+status {
				t.Fatalf("%d: %q", n, heard)
			}
			if begin != "" {
				c.clean("ROLLBACK")
			}
			if heard := c.say(1, query(fmt.Sprintf("SELECT n FROM numbers WHERE n < %d", 5+n))); len(heard) != 4+n+3 || heard[len(heard)-1] != "Ready I" {
				t.Fatalf("%d: %q", n, heard)
			}
		}
	}
	if n := w.seen.ranAsPrepared(); n < 8 {
		t.Errorf("%d statements have run as prepared ones", n)
	}
}

// TestQueriesAsText: it can be switched off, and on again for a session that is there.
func TestQueriesAsText(t *testing.T) {
	w := newWorld(t, worldOptions{})
	active := w.active
	active.Users = auth.NewDirectory([]auth.User{{Name: "acme_app", Tenant: tenant("acme"), Verifier: verifier(), SimpleAsText: true}})
	w.server.Swap(active)
	c := dialRaw(t, w.dsn())
	run := func() {
		for n := range 6 {
			if heard := c.say(1, query(fmt.Sprintf("SELECT item FROM orders WHERE id = %d", n%2+1))); len(heard) != 4 {
				t.Fatalf("%q", heard)
			}
		}
	}
	run()
	if n := w.seen.ranAsPrepared(); n > 0 {
		t.Errorf("%d statements have run as prepared ones", n)
	}
	w.server.Swap(w.active)
	run()
	if n := w.seen.ranAsPrepared(); n == 0 {
		t.Error("no statement has run as a prepared one")
	}
}

// TestQueriesAsPreparedAfterLockTimeout: a comparison that could not be made is made later.
func TestQueriesAsPreparedAfterLockTimeout(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c, other := dialRaw(t, w.dsn()), dialRaw(t, w.pg.DSN("", w.database))
	c.clean("SET lock_timeout = '20ms'")
	other.clean("BEGIN")
	other.clean("LOCK TABLE orders")
	for n := range 3 {
		if heard := c.say(1, query(fmt.Sprintf("SELECT item FROM orders WHERE id = %d", n))); len(heard) != 2 || !strings.HasPrefix(heard[0], "Error ERROR 55P03") {
			t.Fatalf("%q", heard)
		}
	}
	other.clean("ROLLBACK")
	for n := range 3 {
		if heard := c.say(1, query(fmt.Sprintf("SELECT item FROM orders WHERE id = %d", n))); heard[len(heard)-1] != "Ready I" || strings.Contains(heard[0], "Error") {
			t.Fatalf("%q", heard)
		}
	}
	if n := w.seen.ranAsPrepared(); n != 3 {
		t.Errorf("%d statements have run as prepared ones", n)
	}
}
