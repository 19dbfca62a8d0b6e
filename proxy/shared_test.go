package proxy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/pool"
)

// TestTenantsShareConnections has clients of two tenants take turns on two upstream connections, in every protocol.
func TestTenantsShareConnections(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
	want := map[string]int{}
	for _, user := range []string{"acme_app", "globex_app"} {
		must(t, w.connectAs(user).QueryRow(context.Background(), "SELECT count(*) FROM orders").Scan(new(int)))
		var n int
		must(t, w.connectAs(user).QueryRow(context.Background(), "SELECT count(*) FROM orders WHERE id >= $1", 0).Scan(&n))
		want[user] = n
	}
	if want["acme_app"] == want["globex_app"] {
		t.Fatalf("both tenants have %d orders", want["acme_app"])
	}
	tx, err := w.connectAs("acme_app").Begin(context.Background())
	must(t, err)
	must(t, w.connectAs("globex_app").Ping(context.Background())) // on the other connection
	must(t, tx.Rollback(context.Background()))
	var group sync.WaitGroup
	for i := range 12 {
		user := []string{"acme_app", "globex_app"}[i%2]
		conn := w.connectAs(user)
		modes := []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}
		group.Go(func() {
			for n := range 60 {
				var got int
				err := conn.QueryRow(context.Background(), "SELECT count(*) FROM orders WHERE id >= $1", modes[(i+n)%4], 0).Scan(&got)
				if err != nil || got != want[user] {
					t.Errorf("%s sees %d orders: %v; want %d", user, got, err, want[user])
					return
				}
			}
		})
	}
	group.Wait()
	eventually(t, "all connections back", func() bool { return w.active.Pool.Stats().InUse == 0 })
	if n := w.active.Pool.Stats(); n.Connects != 2 {
		t.Errorf("stats %+v", n)
	}
}

// TestStatePinsOrMoves leaves each kind of state in a session, on a pool of two connections, and looks for it from others, and from the session itself.
func TestStatePinsOrMoves(t *testing.T) {
	cases := map[string]struct {
		leave []string // what the first session runs
		look  string   // what shows it
		mine  string   // what its own session sees
		other string   // what others see
		pins  bool
	}{
		"setting":         {leave: []string{"SET datestyle = German"}, look: "SHOW datestyle", mine: "German, DMY", other: "ISO, MDY"},
		"set_config":      {leave: []string{"SELECT set_config('lock_timeout', '7s', false)"}, look: "SHOW lock_timeout", mine: "7s", other: "0"},
		"local setting":   {leave: []string{"BEGIN", "SET LOCAL datestyle = German", "COMMIT"}, look: "SHOW datestyle", mine: "ISO, MDY", other: "ISO, MDY"},
		"rolled back":     {leave: []string{"BEGIN", "SET datestyle = German", "ROLLBACK"}, look: "SHOW datestyle", mine: "ISO, MDY", other: "ISO, MDY"},
		"reset":           {leave: []string{"SET datestyle = German", "RESET datestyle"}, look: "SHOW datestyle", mine: "ISO, MDY", other: "ISO, MDY"},
		"application":     {leave: []string{"SET application_name = 'x'", "RESET application_name"}, look: "SHOW application_name", mine: "first", other: "second"},
		"search_path":     {leave: []string{"SET search_path = other"}, look: "SHOW search_path", mine: "other", other: `"$user", public`},
		"advisory lock":   {leave: []string{"SELECT pg_advisory_lock(7)"}, look: "SELECT pg_try_advisory_lock(7)::text", mine: "true", other: "false", pins: true},
		"temporary table": {leave: []string{"CREATE TEMP TABLE mine AS SELECT 5 AS n"}, look: "SELECT count(*)::text FROM mine", mine: "1", other: "42P01", pins: true},
		"cursor":          {leave: []string{"BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT 'row'", "COMMIT"}, look: "FETCH c", mine: "row", other: "34000", pins: true},
		"prepare":         {leave: []string{"PREPARE p AS SELECT 'prepared'"}, look: "EXECUTE p", mine: "prepared", other: "26000", pins: true},
		"listen":          {leave: []string{"LISTEN ch"}, look: "SELECT 'x'", mine: "x", other: "x", pins: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
			first := dialRaw(t, w.dsn("application_name", "first"))
			for _, sql := range c.leave {
				if heard := first.say(1, query(sql)); strings.Contains(strings.Join(heard, " "), "Error") {
					t.Fatalf("%s: %q", sql, heard)
				}
			}
			kept := 0
			if c.pins {
				kept = 1
			}
			eventually(t, fmt.Sprintf("%d connections kept", kept), func() bool { return w.active.Pool.Stats().InUse == kept })
			for i := range 4 {
				second := dialRaw(t, w.dsnOf([]string{"acme_app", "globex_app"}[i%2], "application_name", "second"))
				if c.pins && name == "advisory lock" && i%2 == 1 {
					continue // another tenant's lock is another
				}
				if heard := second.say(1, query(c.look)); !answers(heard, c.other) {
					t.Errorf("another session: %q, want %q", heard, c.other)
				}
			}
			busy := dialRaw(t, w.dsn())
			if !c.pins {
				busy.say(1, query("BEGIN")) // so that the session gets the other connection
			}
			if heard := first.say(1, query(c.look)); !answers(heard, c.mine) {
				t.Errorf("the session itself: %q, want %q", heard, c.mine)
			}
			must(t, first.conn.Close())
			eventually(t, "its end", func() bool { return w.active.Pool.Stats().InUse == 1-kept })
			if heard := dialRaw(t, w.dsn("application_name", "second")).say(1, query(c.look)); !answers(heard, c.other) && name != "advisory lock" {
				t.Errorf("after its end: %q, want %q", heard, c.other)
			}
		})
	}
}

// answers reports whether what was heard has this as its only value, or its SQLSTATE.
func answers(heard []string, want string) bool {
	return slices.ContainsFunc(heard, func(s string) bool {
		return s == fmt.Sprintf("DataRow [%q]", want) || strings.HasPrefix(s, "Error ERROR "+want+" ") && want != ""
	})
}

// TestPreparedOnEveryConnection uses a statement that was prepared once on all connections there are, more statements than a connection keeps,
// and the ways to drop them.
func TestPreparedOnEveryConnection(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 3}, prepared: 2})
	c := dialRaw(t, w.dsn())
	names := []string{"a", "b", "c", "d"}
	for i, name := range names {
		if heard := c.say(1, parse(name, fmt.Sprintf("SELECT '%s %d'", name, i)), sync_); heard[0] != "ParseComplete" {
			t.Fatalf("%s: %q", name, heard)
		}
	}
	hold := []*rawClient{dialRaw(t, w.dsn()), dialRaw(t, w.dsn())}
	for turn := range 3 {
		for i, name := range names {
			if heard := c.say(1, bind("", name), exec("", 0), sync_); !answers(heard, fmt.Sprintf("%s %d", name, i)) {
				t.Errorf("turn %d, %s: %q", turn, name, heard)
			}
		}
		if turn < 2 {
			hold[turn].say(1, query("BEGIN")) // takes the connection that was used last
		}
	}
	if heard := c.say(1, parse("a", "SELECT 1"), sync_); !strings.HasPrefix(heard[0], "Error ERROR 42P05") {
		t.Errorf("prepared twice: %q", heard)
	}
	c.say(1, query("DEALLOCATE b"))
	c.say(1, &pgproto3.Close{ObjectType: 'S', Name: "c"}, sync_)
	for _, name := range []string{"b", "c"} {
		if heard := c.say(1, bind("", name), exec("", 0), sync_); !strings.HasPrefix(heard[0], "Error ERROR 26000") {
			t.Errorf("%s is gone: %q", name, heard)
		}
	}
	other := dialRaw(t, w.dsn())
	if heard := other.say(1, bind("", "a"), exec("", 0), sync_); !strings.HasPrefix(heard[0], "Error ERROR 26000") {
		t.Errorf("another session's: %q", heard)
	}
	c.say(1, query("DEALLOCATE ALL"))
	if heard := c.say(1, bind("", "a"), exec("", 0), sync_); !strings.HasPrefix(heard[0], "Error ERROR 26000") {
		t.Errorf("after DEALLOCATE ALL: %q", heard)
	}
	if heard := c.say(1, parse("a", "SELECT 'a 0'"), bind("", "a"), exec("", 0), sync_); !answers(heard, "a 0") {
		t.Errorf("prepared anew: %q", heard)
	}
	c.say(1, query("DISCARD ALL"))
	if heard := c.say(1, parse("a", "SELECT 'a 0'"), bind("", "a"), exec("", 0), sync_); !answers(heard, "a 0") {
		t.Errorf("after DISCARD ALL: %q", heard)
	}
}
