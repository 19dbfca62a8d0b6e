package proxy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestMessageLongerThanItsCopy: a COPY FROM STDIN can have failed, and its connection be another session's, before the client has sent all of a message that
// belongs to it.
func TestMessageLongerThanItsCopy(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	const bad = "no number\tx\n"
	rows := bad + strings.Repeat("3\t"+strings.Repeat("x", 1000)+"\n", 200)
	for name, last := range map[string]pgproto3.FrontendMessage{
		"rows":   &pgproto3.CopyData{Data: []byte(rows)},
		"reason": &pgproto3.CopyFail{Message: strings.Repeat("x", 1000)},
	} {
		message, err := last.Encode(nil)
		must(t, err)
		at := len(bad) + 5
		first := message[:at]
		if name == "reason" {
			first, err = (&pgproto3.CopyData{Data: []byte(bad)}).Encode(nil)
			must(t, err)
			first = append(first, message[:at]...)
		}
		c.Send(query("COPY orders (id, item) FROM STDIN"))
		must(t, c.Flush())
		_, err = c.conn.Write(first)
		must(t, err)
		got := c.hear(1)
		want := []string{"CopyInResponse 0 [0 0]", `Error ERROR 22P02 invalid input syntax for type integer: "no number"`, "Ready I"}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %.500q\nwant %q", name, got, want)
		}
		eventually(t, "the connection to be free", func() bool { return w.active.Pool.Stats().InUse == 0 })
		_, err = c.conn.Write(message[at:])
		must(t, err)
		want = []string{"RowDescription ?column?:23/0", `DataRow ["1"]`, "CommandComplete SELECT 1", "Ready I"}
		if got := c.say(1, &pgproto3.CopyDone{}, query("SELECT 1")); !slices.Equal(got, want) {
			t.Fatalf("%s: %.500q\nwant %q", name, got, want)
		}
	}
}
