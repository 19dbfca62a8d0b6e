package proxy_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/pool"
)

// TestPortalsAreWhatTheyWereBoundTo: a client makes a portal, and then has a Bind of another statement to its name, or its Close, fail or be skipped. What runs
// is the first one, and what that leaves behind must not be another client's.
func TestPortalsAreWhatTheyWereBoundTo(t *testing.T) {
	type m = []pgproto3.FrontendMessage
	const fails = "SELECT nothing"
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	run := func(portal, sql string) m { return m{parse("", sql), bind(portal, ""), exec(portal, 0), sync_} }
	ways := map[string]struct {
		portal string
		again  m
		use    m
	}{
		"bound again":           {"p", m{parse("", "SELECT 1"), bind("p", ""), sync_}, m{exec("p", 0), sync_}},
		"skipped":               {"p", m{parse("", "SELECT 1"), parse("x", fails), bind("p", ""), sync_}, m{exec("p", 0), sync_}},
		"skipped, without name": {"", m{parse("z", "SELECT 1"), parse("x", fails), bind("", "z"), sync_}, m{exec("", 0), sync_}},
		"not closed":            {"p", m{parse("x", fails), closing('P', "p"), sync_}, m{exec("p", 0), sync_}},
		"fetched":               {"p", m{parse("", "SELECT 1"), bind("p", ""), sync_}, m{query("FETCH ALL FROM p")}},
		"fetched, not closed":   {"p", m{parse("x", fails), closing('P', "p"), sync_}, m{query("FETCH ALL FROM p")}},
		"closed, not bound": {"p", m{closing('P', "p"), parse("", fails), bind("p", ""), sync_},
			m{exec("p", 0), sync_}},
	}
	for _, sql := range []string{"SET lock_timeout = '7s'", "CREATE TEMP TABLE planted AS SELECT item FROM orders", "SET default_transaction_read_only = on",
		"SELECT set_config('lock_timeout', '7s', false)", "SET datestyle = German", "SELECT pg_advisory_lock(4)", "LISTEN ch"} {
		for name, way := range ways {
			for _, piped := range []bool{false, true} {
				c := dialRaw(t, w.dsn())
				var all m
				for _, group := range []m{run("b", "BEGIN"), {parse("", sql), bind(way.portal, ""), sync_}, run("s", "SAVEPOINT s"), way.again,
					run("r", "ROLLBACK TO s"), way.use, run("c", "COMMIT")} {
					if all = append(all, group...); !piped {
						c.say(1, group...)
					}
				}
				if piped {
					c.say(7, all...)
				}
				must(t, c.conn.Close())
				other := dialRaw(t, w.dsnOf("globex_app"))
				for look, want := range map[string]string{"SHOW lock_timeout": "0", "SHOW datestyle": "ISO, MDY", "SHOW default_transaction_read_only": "off",
					"SELECT count(*) FROM pg_locks": "refused", "SELECT count(*) FROM planted": "refused"} {
					heard := other.say(1, query(look))
					if refused := strings.HasPrefix(heard[0], "Error"); refused != (want == "refused") || !refused && !answers(heard, want) {
						t.Errorf("%s of %s, piped %v: %s: %q", sql, name, piped, look, heard)
					}
				}
				heard := other.say(3, query("CREATE TEMP TABLE IF NOT EXISTS mine (n int)"), query("SELECT * FROM planted"), query("DROP TABLE mine"))
				if len(heard) != 6 || !strings.HasPrefix(heard[2], "Error ERROR 42P01") {
					t.Errorf("%s of %s, piped %v: %q", sql, name, piped, heard)
				}
				must(t, other.conn.Close())
			}
		}
	}
}

// TestPortalsSurviveASavepoint: what was bound once and not closed goes on after an error that a savepoint has caught, as drivers that fetch in parts do.
func TestPortalsSurviveASavepoint(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	c.say(1, query("BEGIN"))
	c.say(1, parse("", "SELECT n FROM numbers ORDER BY n"), bind("C_1", ""), exec("C_1", 2), sync_)
	c.say(1, query("SAVEPOINT s"))
	c.say(1, parse("", "SELECT 1/0"), bind("C_2", ""), exec("C_2", 0), sync_)
	c.say(1, query("ROLLBACK TO s"))
	got := strings.Join(c.say(1, exec("C_1", 2), sync_), ",")
	if want := `DataRow ["3"],DataRow ["4"],PortalSuspended,Ready T`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// A name can be used again.
	got = strings.Join(c.say(2, closing('P', "C_1"), parse("", "SELECT n FROM numbers ORDER BY n DESC"), bind("C_1", ""), sync_, exec("C_1", 1), sync_), ",")
	if want := `CloseComplete,ParseComplete,BindComplete,Ready T,DataRow ["1000"],PortalSuspended,Ready T`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestFetchedSettingsGoWithTheirSession: what only its session knows that it has set is set as well when the portal that does is fetched from.
func TestFetchedSettingsGoWithTheirSession(t *testing.T) {
	type m = []pgproto3.FrontendMessage
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	active := w.active
	active.Planner = w.planner(policyYAML + "settings: [app.mark]\n")
	w.server.Swap(active)
	for name, use := range map[string]m{
		"executed":                  {exec("p", 0), sync_},
		"FETCH":                     {query("FETCH ALL FROM p")},
		"MOVE":                      {query("MOVE ALL IN p")},
		"FETCH that is a statement": {parse("", "FETCH ALL FROM p"), bind("", ""), exec("", 0), sync_},
	} {
		c, other := dialRaw(t, w.dsn()), dialRaw(t, w.dsnOf("globex_app"))
		c.say(1, query("BEGIN"))
		c.say(1, parse("", "SELECT set_config('app.mark', 'acme-mark', false)"), bind("p", ""), sync_)
		c.say(1, use...)
		c.say(1, query("COMMIT"))
		if heard := other.say(1, query("SELECT current_setting('app.mark', true)")); strings.Contains(strings.Join(heard, ","), "acme-mark") {
			t.Errorf("%s: another session reads %q", name, heard)
		}
		if heard := c.say(1, query("SELECT current_setting('app.mark', true)")); !answers(heard, "acme-mark") {
			t.Errorf("%s: %q", name, heard)
		}
		must(t, c.conn.Close())
		must(t, other.conn.Close())
	}
}
