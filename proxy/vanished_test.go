package proxy_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
)

// TestClientsThatVanishGiveTheirPlacesBack: whatever is outstanding when its client goes counts as running no more, and is told to the observer.
func TestClientsThatVanishGiveTheirPlacesBack(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsAtOnce: 50}})
	own, _ := w.own(ownSchema, "app_proxy")
	stays := dialRaw(t, w.dsn()) // the tenant is forgotten with its last connection
	const copies = "COPY numbers (n) FROM STDIN"
	c := dialRaw(t, w.dsn())
	c.Send(query(copies))
	must(t, c.Flush())
	if m, err := c.Receive(); err != nil || render(m) != "CopyInResponse 0 [0]" {
		t.Fatalf("%v, %v", m, err)
	}
	must(t, c.conn.Close())
	eventually(t, "its outcome", func() bool {
		o := w.seen.outcomes()
		return len(o) == 1 && o[0].SQLState == "57014" && o[0].Identity.User == "acme_app"
	})
	for name, messages := range map[string][]pgproto3.FrontendMessage{
		"rows":              {query(copies)},
		"rows on the way":   {query(copies), &pgproto3.CopyData{Data: []byte("3\n")}},
		"extended":          {parse("", copies), bind("", ""), exec("", 0), flush},
		"half of a message": {query("SELECT 1"), query("SELECT n FROM numbers"), &pgproto3.CopyData{Data: []byte("3\n")}},
		"several":           {query("SELECT n FROM numbers"), query("SELECT n FROM numbers"), query("SELECT n FROM numbers a CROSS JOIN (VALUES (1), (2)) AS v(w)"), query("SELECT 1")},
		"without Sync":      {parse("", "SELECT n FROM numbers"), bind("", ""), exec("", 0), exec("", 0), bind("", ""), exec("", 0)},
	} {
		for _, dsn := range []string{w.dsn(), own} {
			for range 5 {
				c := dialRaw(t, dsn)
				for _, m := range messages {
					c.Send(m)
				}
				must(t, c.Flush())
				must(t, c.conn.Close())
			}
		}
		eventually(t, name+": nothing to run any more", func() bool {
			for _, u := range w.gate.Stats() {
				if u.Running != 0 || u.Connections != 1 {
					return false
				}
			}
			return true
		})
	}
	if got := stays.say(1, query("SELECT 1")); len(got) != 4 {
		t.Errorf("%q", got)
	}
}
