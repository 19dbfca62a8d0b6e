package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgcordon/proxy/pool"
)

// TestWhatTriggersLeave has a tenant's writes run code of the database's that leaves something in its session: no other session sees it, and what has set it does not
// lose what goes with it.
func TestWhatTriggersLeave(t *testing.T) {
	const custom, none = "INSERT INTO seen DEFAULT VALUES RETURNING x", "none"
	trigger := func(body string) []string {
		return []string{"CREATE FUNCTION leaves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body + " RETURN NEW; END $$",
			"CREATE TRIGGER leaves BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION leaves()"}
	}
	function := func(returns string) string {
		return "CREATE FUNCTION leaves(int) RETURNS " + returns + " LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('app.x', 'acme', false); RETURN $1; END $$"
	}
	const insert = "INSERT INTO numbers (n) VALUES (1)"
	cases := map[string]struct {
		setup []string
		write string
		look  string // by others
		want  string
		mine  string // by the session itself; empty for what cannot be known to be its own
		pins  bool
	}{
		"own setting":   {setup: trigger("PERFORM set_config('app.x', 'acme', false);"), look: custom, want: none},
		"SET":           {setup: trigger("SET app.x = 'acme';"), look: custom, want: none},
		"known setting": {setup: trigger("SET lock_timeout = '7s';"), look: "SHOW lock_timeout", want: "0", mine: "7s"},
		"search_path":   {setup: trigger("SET search_path = other;"), look: "SELECT min(id)::text FROM orders", want: "1", mine: "7"},
		"temporary":     {setup: trigger("CREATE TEMP TABLE IF NOT EXISTS mine AS SELECT 'acme' AS of;"), look: "SELECT of FROM mine", want: "42P01", mine: "acme", pins: true},
		"lock":          {setup: trigger("PERFORM pg_advisory_lock(7);"), look: "SELECT count(*)::text FROM drawn", want: "0", pins: true},
		"listen":        {setup: trigger("LISTEN acme;"), look: "SELECT count(*)::text FROM pg_listening_channels()", want: "42501", pins: true},
		"default": {setup: []string{function("int"), "ALTER TABLE numbers ALTER n SET DEFAULT leaves(1)"},
			write: "INSERT INTO numbers DEFAULT VALUES", look: custom, want: none},
		"check":  {setup: []string{function("bool"), "ALTER TABLE numbers ADD CHECK (leaves(n)) NOT VALID"}, look: custom, want: none},
		"domain": {setup: []string{function("bool"), "CREATE DOMAIN checked AS int CHECK (leaves(VALUE))"}, write: "SELECT 1::checked", look: custom, want: none},
		"cascade": {setup: append(trigger("PERFORM set_config('app.x', 'acme', false);"), "DROP TRIGGER leaves ON numbers",
			"CREATE TABLE of_orders (tenant_id text NOT NULL, id int, FOREIGN KEY (tenant_id, id) REFERENCES orders ON DELETE CASCADE)",
			"INSERT INTO of_orders VALUES ('acme', 1)",
			"CREATE TRIGGER leaves BEFORE DELETE ON of_orders FOR EACH ROW EXECUTE FUNCTION leaves()"), write: "DELETE FROM orders WHERE id = 1", look: custom, want: none},
		"deferred": {setup: append(trigger("PERFORM set_config('app.x', 'acme', false);"), "DROP TRIGGER leaves ON numbers",
			"CREATE CONSTRAINT TRIGGER leaves AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leaves()"), look: custom, want: none},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
			w.onUpstream(append(c.setup,
				"CREATE TABLE seen (tenant_id text NOT NULL, x text DEFAULT coalesce(nullif(current_setting('app.x', true), ''), 'none'))", "GRANT ALL ON ALL TABLES IN SCHEMA public TO app_proxy")...)
			must(t, w.refresh(context.Background()))
			if c.write == "" {
				c.write = insert
			}
			for protocol, run := range map[string]func(*rawClient) []string{
				"simple":      func(r *rawClient) []string { return r.say(1, query(c.write)) },
				"extended":    func(r *rawClient) []string { return r.say(1, parse("", c.write), bind("", ""), exec("", 0), sync_) },
				"transaction": func(r *rawClient) []string { return r.say(3, query("BEGIN"), query(c.write), query("COMMIT")) },
			} {
				first := dialRaw(t, w.dsn())
				if heard := run(first); strings.Contains(strings.Join(heard, " "), "Error") {
					t.Fatalf("%s: %q", protocol, heard)
				}
				kept := 0
				if c.pins {
					kept = 1
				}
				eventually(t, fmt.Sprintf("%d connections kept", kept), func() bool { return w.active.Pool.Stats().InUse == kept })
				for _, user := range []string{"acme_app", "globex_app"} {
					if heard := dialRaw(t, w.dsnOf(user)).say(1, query(c.look)); !answers(heard, c.want) {
						t.Errorf("%s: %s sees %q, want %q", protocol, user, heard, c.want)
					}
				}
				if c.mine != "" {
					if heard := first.say(1, query(c.look)); !answers(heard, c.mine) {
						t.Errorf("%s: the session itself sees %q, want %q", protocol, heard, c.mine)
					}
				}
				must(t, first.conn.Close())
				eventually(t, "its end", func() bool { return w.active.Pool.Stats().InUse == 0 })
			}
		})
	}
}
