package proxy_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Who is killed is told so as by pg_terminate_backend, whatever it is in the middle of, and the server goes on with nothing of it.
func TestConsoleKillTellsTheClient(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	dba := w.admin("dba", "pgcordon")
	dsn, direct := w.own(ownSchema, "app_proxy")
	const why = "Error FATAL 57P01 terminating connection due to administrator command"
	const endless = "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d"
	for place, dsn := range map[string]string{"shared": w.dsn(), "own": dsn} {
		for what, messages := range map[string]messages{
			"idle":                            nil,
			"in a transaction":                {query("BEGIN"), query("SELECT 1")},
			"in a failed transaction":         {query("BEGIN"), query("SELECT nonsense")},
			"a statement":                     {query(endless)},
			"a statement in a transaction":    {query("BEGIN"), query(endless)},
			"a statement that is prepared":    {parse("", endless), bind("", ""), exec("", 0), sync_},
			"a statement with others behind":  {query(endless), query("SELECT 1")},
			"a statement without a Sync":      {parse("", endless), bind("", ""), exec("", 0), flush},
			"a group of messages":             {parse("", "SELECT 1"), bind("", ""), flush},
			"a statement, and Terminate":      {query(endless), &pgproto3.Terminate{}},
			"a transaction with a temp table": {query("BEGIN; CREATE TEMP TABLE kept (n int)")},
		} {
			c := dialRaw(t, dsn)
			runs, ready := false, 0
			for _, m := range messages {
				c.Send(m)
				if q, ok := m.(*pgproto3.Query); ok && q.String != endless && !runs {
					ready++
				}
				if q, ok := m.(*pgproto3.Query); ok && q.String == endless {
					runs = true
				}
				if p, ok := m.(*pgproto3.Parse); ok && p.Query == endless {
					runs = true
				}
			}
			must(t, c.Flush())
			c.hear(ready)
			running := func() int {
				return ownBackends(t, direct, "state = 'active' AND query LIKE '%numbers%'") + w.backends("state = 'active' AND query LIKE '%numbers%'")
			}
			if runs {
				eventually(t, what+": the statement to run", func() bool { return running() == 1 })
			}
			var clients []string
			eventually(t, what+": one client", func() bool {
				clients = simply(t, dba, "SHOW CLIENTS")
				return len(clients) == 1
			})
			simply(t, dba, "KILL_CLIENT "+strings.Split(clients[0], "|")[20])
			heard := c.hear(9)
			for len(heard) > 0 && (heard[0] == "ParseComplete" || heard[0] == "BindComplete" || strings.HasPrefix(heard[0], "RowDescription")) {
				heard = heard[1:]
			}
			if what == "a statement, and Terminate" { // nobody is there to be told
				heard = append([]string{why}, heard...)
			}
			if len(heard) != 2 || heard[0] != why {
				t.Errorf("%s, %s: heard %q", place, what, heard)
			}
			eventually(t, what+": the end of the statement", func() bool { return running() == 0 })
			eventually(t, what+": the end of the client", func() bool { return len(simply(t, dba, "SHOW CLIENTS")) == 0 })
		}
	}
}
