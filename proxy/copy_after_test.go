package proxy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestMessagesBehindAFailedCopy: a client that has read the error of a COPY FROM STDIN goes on without ending its rows.
func TestMessagesBehindAFailedCopy(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	rows := make([]pgproto3.FrontendMessage, 8)
	for i := range rows {
		rows[i] = &pgproto3.CopyData{Data: []byte("no number\t" + strings.Repeat("x", 8000) + "\n")}
	}
	failed := []string{"CopyInResponse 0 [0 0]", `Error ERROR 22P02 invalid input syntax for type integer: "no number"`, "Ready I"}
	answered := []string{"RowDescription ?column?:23/0", `DataRow ["1"]`, "CommandComplete SELECT 1", "Ready I"}
	expect := func(got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%.500q\nwant %q", got, want)
		}
	}
	copied := append([]pgproto3.FrontendMessage{query("COPY orders (id, item) FROM STDIN")}, rows...)
	expect(c.say(1, copied...), failed)
	expect(c.say(1, query("SELECT 1")), answered)
	expect(c.say(1, copied...), failed)
	expect(c.say(1, append(slices.Clone(rows), &pgproto3.CopyDone{}, query("SELECT 1"))...), answered)

	for _, m := range append([]pgproto3.FrontendMessage{parse("", "COPY orders (id, item) FROM STDIN"), bind("", ""), exec("", 0)}, rows...) {
		c.Send(m)
	}
	must(t, c.Flush())
	for ended := false; !ended; {
		m, err := c.Receive()
		must(t, err)
		_, ended = m.(*pgproto3.ErrorResponse)
	}
	expect(c.say(1, sync_), []string{"Ready I"})
	expect(c.say(1, query("SELECT 1")), answered)
}
