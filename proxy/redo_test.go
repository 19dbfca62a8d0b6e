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

// TestStatementAfterChangeOfSchema uses a statement that another client has prepared before a change of the schema, and that gives it other columns.
func TestStatementAfterChangeOfSchema(t *testing.T) {
	const text = "SELECT * FROM orders WHERE id = 1"
	columns := 0
	group := func(messages ...pgproto3.FrontendMessage) []pgproto3.FrontendMessage { return messages }
	cases := map[string]struct {
		before, after []pgproto3.FrontendMessage
		fails         bool
	}{
		"prepared after it": {after: group(parse("p", text), bind("", "p"), describe('P', ""), exec("", 0), sync_)},
		"not described":     {after: group(parse("p", text), bind("", "p"), exec("", 0), sync_)},
		"described with it": {before: group(parse("p", text), describe('S', "p"), sync_), after: group(bind("", "p"), describe('P', ""), exec("", 0), sync_)},
		"several":           {after: group(parse("p", text), bind("", "p"), exec("", 0), bind("", "p"), describe('P', ""), exec("", 0), sync_)},
		"described before":  {before: group(parse("p", text), describe('S', "p"), sync_), after: group(bind("", "p"), exec("", 0), sync_), fails: true},
		"something has run": {before: group(parse("p", text), sync_), after: group(bind("", "one"), exec("", 0), bind("", "p"), exec("", 0), sync_), fails: true},
		"too large": {after: group(parse("p", text), bind("", "p"), exec("", 0),
			bind("", "text", strings.Repeat("x", 70<<10)), exec("", 0), sync_), fails: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
			other, client := dialRaw(t, w.dsnOf("globex_app")), dialRaw(t, w.dsn())
			other.say(1, parse("p", text), bind("", "p"), exec("", 0), sync_)
			client.say(1, parse("one", "SELECT 1"), parse("text", "SELECT length($1)"), sync_)
			if c.before != nil {
				client.say(1, c.before...)
			}
			columns++
			w.onUpstream(fmt.Sprintf("ALTER TABLE orders ADD c%d int", columns))
			heard := client.say(1, c.after...)
			failed := strings.Contains(strings.Join(heard, " "), "Error ERROR 0A000 cached plan must not change result type")
			rows := strings.Count(strings.Join(heard, " "), `"anvil"`)
			if failed != c.fails || !failed && (rows == 0 || strings.Contains(strings.Join(heard, " "), "Error")) {
				t.Errorf("%q", heard)
			}
			if failed { // it prepares again, as after an error without a proxy
				client.say(1, closing('S', "p"), sync_)
				if heard := client.say(1, parse("p", text), bind("", "p"), exec("", 0), sync_); !strings.Contains(strings.Join(heard, " "), "anvil") {
					t.Errorf("prepared again: %q", heard)
				}
			}
			if heard := client.say(1, bind("", "one"), exec("", 0), sync_); !answers(heard, "1") {
				t.Errorf("what comes after it: %q", heard)
			}
			eventually(t, "the connection back", func() bool { return w.active.Pool.Stats().InUse == 0 })
		})
	}
}

// TestDriverAfterChangeOfSchema has pgx go on through changes of the schema, while others keep statements of the same texts prepared.
func TestDriverAfterChangeOfSchema(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
	for i := range 6 {
		for _, user := range []string{"acme_app", "globex_app"} {
			conn := w.connectAs(user)
			for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeCacheDescribe} {
				rows, err := conn.Query(context.Background(), "SELECT * FROM orders WHERE id >= $1", mode, 0)
				must(t, err)
				n := len(rows.FieldDescriptions())
				rows.Close()
				if rows.Err() != nil || n != 3+i {
					t.Errorf("after %d changes %s gets %d columns: %v", i, user, n, rows.Err())
				}
			}
		}
		w.onUpstream(fmt.Sprintf("ALTER TABLE orders ADD c%d int", i))
		must(t, w.refresh(context.Background()))
	}
}
