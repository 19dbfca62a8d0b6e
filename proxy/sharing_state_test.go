package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/pool"
)

// clean runs statements, none of which may fail.
func (c *rawClient) clean(statements ...string) {
	c.t.Helper()
	for _, sql := range statements {
		if heard := c.say(1, query(sql)); strings.Contains(strings.Join(heard, " "), "Error") || heard[len(heard)-1] == "closed" {
			c.t.Fatalf("%s: %q", sql, heard)
		}
	}
}

// onUpstream runs statements as the owner of the database, beside the server.
func (w *world) onUpstream(statements ...string) {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.pg.DSN("", w.database))
	must(w.t, err)
	defer conn.Close(context.Background())
	for _, sql := range statements {
		_, err := conn.Exec(context.Background(), sql)
		must(w.t, err)
	}
}

// TestMeaningUnderPassingSettings prepares a text while a setting is in force that gives it another meaning: those who share statements of that text must not
// get that one.
func TestMeaningUnderPassingSettings(t *testing.T) {
	const text = "SELECT '01.02.2020'::date::text"
	cases := map[string][][]pgproto3.FrontendMessage{
		"SET LOCAL": {
			{query("BEGIN")}, {query("SET LOCAL datestyle = 'ISO, DMY'")},
			{parse("p", text), bind("", "p"), exec("", 0), sync_},
			{query("COMMIT")}},
		"set_config": {
			{query("BEGIN")}, {query("WITH c AS (SELECT set_config('datestyle', 'ISO, DMY', true) AS v) SELECT v FROM c")},
			{parse("p", text), bind("", "p"), exec("", 0), sync_},
			{query("ROLLBACK")}},
		"one group": {
			{parse("", "SET datestyle = 'ISO, DMY'"), bind("", ""), exec("", 0), parse("p", text), bind("", "p"), exec("", 0), sync_}},
		"pipelined": {
			{query("SET datestyle = 'ISO, DMY'"), parse("p", text), bind("", "p"), exec("", 0), sync_}},
		"prepared before": {
			{parse("p", text), sync_},
			{query("BEGIN")}, {query("DISCARD PLANS")}, {query("SET LOCAL datestyle = 'ISO, DMY'")},
			{bind("", "p"), exec("", 0), sync_},
			{query("COMMIT")}},
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}, prepared: 1})
			first := dialRaw(t, w.dsn())
			for _, messages := range steps {
				n := 0
				for _, m := range messages {
					switch m.(type) {
					case *pgproto3.Query, *pgproto3.Sync:
						n++
					}
				}
				first.say(n, messages...)
			}
			for _, user := range []string{"globex_app", "acme_app"} {
				c := dialRaw(t, w.dsnOf(user))
				if heard := c.say(1, parse("p", text), bind("", "p"), exec("", 0), sync_); !answers(heard, "2020-01-02") {
					t.Errorf("%s: %q", user, heard)
				}
			}
		})
	}
}

// TestShortTimeouts has a client set a statement_timeout in which nothing of the proxy's own can be sure to end: it is its statements' alone.
func TestShortTimeouts(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
	hasty, other := dialRaw(t, w.dsn()), dialRaw(t, w.dsnOf("globex_app"))
	for range 20 {
		hasty.clean("SET statement_timeout = 1")
		other.clean("SELECT 1")
		if heard := hasty.say(1, query("SELECT count(*) FROM numbers a, numbers b, numbers c")); !strings.Contains(strings.Join(heard, " "), "57014") {
			t.Fatalf("%q", heard)
		}
		if heard := other.say(1, query("SHOW statement_timeout")); !answers(heard, "0") {
			t.Fatalf("another session: %q", heard)
		}
	}
	hasty.clean("SET statement_timeout = '90s'")
	other.clean("SELECT 1")
	if heard := hasty.say(1, query("SHOW statement_timeout")); !answers(heard, "90s") {
		t.Errorf("%q", heard)
	}
	hasty.clean("RESET statement_timeout")
	other.clean("SELECT 1")
	if heard := hasty.say(1, query("SHOW statement_timeout")); !answers(heard, "0") {
		t.Errorf("%q", heard)
	}
}

// TestTemporaryObjectsStay leaves things in the temporary schema that are no tables.
func TestTemporaryObjectsStay(t *testing.T) {
	for _, sql := range []string{"CREATE DOMAIN pg_temp.d AS int", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"CREATE TYPE pg_temp.e AS ENUM ('a')", "CREATE TEMP SEQUENCE s", "CREATE TEMP VIEW v AS SELECT 1 AS n"} {
		t.Run(sql, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
			c := dialRaw(t, w.dsnOf("migrator"))
			if heard := c.say(1, query(sql)); strings.Contains(strings.Join(heard, " "), "Error") {
				return // nothing was left
			}
			_ = c.say(1, query("SELECT 1"))
			if n := w.active.Pool.Stats().InUse; n != 1 {
				t.Errorf("%d connections kept", n)
			}
			must(t, c.conn.Close())
			other := dialRaw(t, w.dsnOf("globex_app"))
			other.clean("SELECT 1")
			if w.active.Pool.Stats().Connects == 1 {
				var n int
				conn, err := pgx.Connect(context.Background(), w.pg.DSN("", w.database))
				must(t, err)
				defer conn.Close(context.Background())
				must(t, conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_depend d JOIN pg_namespace n ON n.oid = refobjid AND "+
					"refclassid = 'pg_namespace'::regclass WHERE nspname LIKE 'pg\\_temp\\_%'").Scan(&n))
				if n != 0 {
					t.Errorf("%d objects are left", n)
				}
			}
		})
	}
}

// TestFunctionsLeaveNothing calls a function that the policy vouches for, which sets what no list shows and draws from a sequence.
func TestFunctionsLeaveNothing(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	w.onUpstream("CREATE SEQUENCE strays", "GRANT ALL ON SEQUENCE strays TO app_proxy",
		`CREATE FUNCTION stray(v text) RETURNS bigint LANGUAGE plpgsql AS $$
			BEGIN PERFORM set_config('app.stray', v, false); RETURN nextval('strays') + 41; END $$`)
	active := w.active
	active.Planner = w.planner(policyYAML + "settings: [app.stray]\nfunctions:\n  - {name: public.stray, why: for the test}\n")
	w.server.Swap(active)
	first := dialRaw(t, w.dsn())
	first.clean("SELECT stray('acme-secret')")
	first.clean("SELECT 1")
	for _, user := range []string{"globex_app", "acme_app"} {
		other := dialRaw(t, w.dsnOf(user))
		if heard := other.say(1, query("SELECT current_setting('app.stray', true)")); strings.Contains(fmt.Sprint(heard), "secret") {
			t.Errorf("%s: %q", user, heard)
		}
		if heard := other.say(1, query("SELECT lastval()")); !strings.Contains(fmt.Sprint(heard), "55000") {
			t.Errorf("%s: %q", user, heard)
		}
	}
}

// TestSequencesOfOneSession draws on two connections in turn: what was dealt on one before is not what was dealt last.
func TestSequencesOfOneSession(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
	w.onUpstream("CREATE TABLE dealt (tenant_id text NOT NULL, id serial)", "GRANT ALL ON dealt, dealt_id_seq TO app_proxy")
	must(t, w.refresh(context.Background()))
	c, holds := dialRaw(t, w.dsn()), dialRaw(t, w.dsn())
	const draw = "INSERT INTO dealt (tenant_id) VALUES ('acme')"
	c.clean(draw)
	holds.clean("BEGIN", "SELECT 1") // on the connection that was used last
	c.clean(draw)
	other := dialRaw(t, w.dsn())
	other.clean("BEGIN", "SELECT 1")
	holds.clean("COMMIT") // now that connection is the only one that is free
	heard := c.say(1, query("SELECT lastval()"))
	if answers(heard, "1") {
		t.Errorf("an old value: %q", heard)
	}
}

// TestConnectionOfAQuietClient sends what leaves the session with something to look at in every order: the connection is given back all the same.
func TestConnectionOfAQuietClient(t *testing.T) {
	long := strings.Repeat("x", 40000)
	cases := map[string][]pgproto3.FrontendMessage{
		"long":            {query("SET application_name = '" + long + "'")},
		"then a Close":    {query("SET datestyle = German"), closing('S', "nothing")},
		"within a group":  {parse("", "SET datestyle = German"), bind("", ""), exec("", 0), sync_},
		"and a failure":   {parse("", "SET datestyle = German"), bind("", ""), exec("", 0), parse("", "SELECT nothing"), sync_},
		"and a refusal":   {query("SET datestyle = German"), parse("", "SELECT * FROM secrets"), sync_},
		"refused at once": {query("SET datestyle = German"), query("SELECT * FROM secrets")},
	}
	for name, messages := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
			dialRaw(t, w.dsn()).say(1, parse("p", "SELECT 1"), sync_) // now it is known
			c := dialRaw(t, w.dsn())
			for _, m := range messages {
				c.Send(m)
			}
			must(t, c.Flush())
			c.hear(1)
			eventually(t, "the connection given back", func() bool { return w.active.Pool.Stats().InUse == 0 })
			if heard := dialRaw(t, w.dsnOf("globex_app")).say(1, query("SHOW datestyle")); !answers(heard, "ISO, MDY") {
				t.Errorf("%q", heard)
			}
		})
	}
}
