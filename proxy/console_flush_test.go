package proxy_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestConsoleDoesNotHoldAnswersBack: a client that never sends Sync does not make the proxy keep the answers to all its messages.
func TestConsoleDoesNotHoldAnswersBack(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	c := dialRaw(t, strings.Replace(w.dsnOf("watcher"), "/"+w.database, "/pgcordon", 1))
	c.Send(parse("s", "SHOW CLIENTS"))
	for range 1000 {
		c.Send(describe('S', "s"))
	}
	must(t, c.Flush())
	described := false
	for !described {
		m, err := c.Receive()
		must(t, err)
		_, described = m.(*pgproto3.RowDescription)
	}
	if heard := c.say(1, sync_); heard[len(heard)-1] != "Ready I" {
		t.Errorf("%q", heard[len(heard)-1])
	}
}
