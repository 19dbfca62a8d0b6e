package proxy_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestQuietSessionsGoOn has sessions become quiet between messages, in a transaction and in the middle of a message: they go on.
func TestQuietSessionsGoOn(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	quiet := func() {
		t.Helper()
		eventually(t, "the session to be looked at while it is quiet", func() bool { return w.server.Tidy() > 0 })
		w.server.Tidy() // it is renewed once
	}
	quiet()
	c.clean("BEGIN", "DELETE FROM orders WHERE id = 1")
	quiet()
	if heard := c.say(1, query("SELECT count(*)::text FROM orders")); !answers(heard, "1") {
		t.Errorf("in its transaction: %q", heard)
	}
	message, err := (&pgproto3.Query{String: "SELECT 'whole'"}).Encode(nil)
	must(t, err)
	_, err = c.conn.Write(message[:3])
	must(t, err)
	quiet()
	_, err = c.conn.Write(message[3:9])
	must(t, err)
	quiet()
	_, err = c.conn.Write(message[9:])
	must(t, err)
	if heard := c.hear(1); !answers(heard, "whole") {
		t.Errorf("a message with pauses: %q", heard)
	}
	c.clean("ROLLBACK")
	quiet()
	if heard := c.say(1, query("SELECT count(*)::text FROM orders")); !answers(heard, "2") {
		t.Errorf("after its transaction: %q", heard)
	}
}
