package proxy_test

import (
	"context"
	"strings"
	"testing"

	"pgcordon/proxy/pool"
)

// TestSequencesInATransaction draws from a sequence on a connection on which another session has drawn from two.
func TestSequencesInATransaction(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	other, c := dialRaw(t, w.dsnOf("globex_app")), dialRaw(t, w.dsn())
	for turn := range 2 {
		other.say(1, query("SELECT nextval('drawn_a_seq')"))
		other.say(1, query("SELECT nextval('drawn_b_seq')"))
		c.say(1, query("BEGIN"))
		c.say(1, query("SELECT nextval('drawn_a_seq')"))
		if heard := c.say(1, query("SELECT (currval('drawn_a_seq') = lastval())::text")); !answers(heard, "true") {
			t.Errorf("turn %d: %q", turn, heard)
		}
		if heard := c.say(1, query("SELECT currval('drawn_b_seq')")); !answers(heard, "55000") {
			t.Errorf("turn %d, what the other session drew: %q", turn, heard)
		}
		c.say(1, query("ROLLBACK"))
	}
}

// TestFetchOfOnesOwnCursor describes a FETCH that another session has prepared for a cursor of that name with other columns.
func TestFetchOfOnesOwnCursor(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	for user, column := range map[string]string{"globex_app": "theirs", "acme_app": "mine"} {
		conn := w.connectAs(user)
		for _, sql := range []string{"BEGIN", "DECLARE c CURSOR FOR SELECT 1 AS " + column, "PREPARE p AS SELECT 1 AS " + column} {
			_, err := conn.Exec(context.Background(), sql)
			must(t, err)
		}
		for _, sql := range []string{"FETCH c", "EXECUTE p"} {
			d, err := conn.Prepare(context.Background(), strings.ToLower(sql), sql)
			must(t, err)
			if len(d.Fields) != 1 || d.Fields[0].Name != column {
				t.Errorf("%s of %s: %+v", sql, user, d.Fields)
			}
		}
		_, err := conn.Exec(context.Background(), "ROLLBACK")
		must(t, err)
		_, err = conn.Exec(context.Background(), "DEALLOCATE ALL")
		must(t, err)
	}
}

// TestStatementAfterItsSettings prepares a statement again, on a connection that has dropped it, after its session has set what the text depends on:
// for others it goes on to mean what they have set.
func TestStatementAfterItsSettings(t *testing.T) {
	const text = "SELECT ('01/02/2020'::date)::text"
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}, prepared: 1})
	first := dialRaw(t, w.dsn())
	first.say(1, parse("s", text), bind("", "s"), exec("", 0), sync_)
	first.say(1, parse("t", "SELECT 1"), bind("", "t"), exec("", 0), sync_) // takes its place
	first.say(1, query("SET datestyle = 'ISO, DMY'"))
	first.say(1, bind("", "s"), exec("", 0), sync_)
	other := dialRaw(t, w.dsnOf("globex_app"))
	if heard := other.say(1, parse("s", text), bind("", "s"), exec("", 0), sync_); !answers(heard, "2020-01-02") {
		t.Errorf("another session: %q", heard)
	}
}
