package proxy_test

import (
	"bytes"
	"runtime/pprof"
	"testing"
)

// working is how many goroutines are in a session or, other than to wait for the end of its connection, a relay.
func working(t testing.TB) int {
	t.Helper()
	var stacks bytes.Buffer
	must(t, pprof.Lookup("goroutine").WriteTo(&stacks, 2))
	n := 0
	for _, g := range bytes.Split(stacks.Bytes(), []byte("\n\n")) {
		if bytes.Contains(g, []byte("proxy.(*session).run(")) || bytes.Contains(g, []byte("proxy.(*relay).carry(")) {
			n++
		}
	}
	return n
}

// Clients that are silent, in a transaction or not, need no goroutine, and neither do the connections that nobody uses.
func TestSilentClientsNeedNoGoroutine(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for i := range 20 {
		c := dialRaw(t, w.dsn())
		c.say(1, query("SELECT count(*) FROM numbers"))
		if i%4 == 0 {
			c.say(1, query("BEGIN"))
		}
	}
	eventually(t, "no goroutine", func() bool { return working(t) == 0 })
}

// A client that does not read its answer, and one that sends half a message, hold up nobody.
func TestWhoBlocksHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, worldOptions{})
	deaf := dialRaw(t, w.dsn())
	deaf.Send(query("SELECT repeat('x', 1000000) FROM numbers a, numbers b"))
	must(t, deaf.Flush())
	half := dialRaw(t, w.dsn())
	message, err := query("SELECT 1").Encode(nil)
	must(t, err)
	_, err = half.conn.Write(message[:len(message)-2])
	must(t, err)
	w.running()
	eventually(t, "both are waited for", func() bool { return working(t) >= 2 })
	other := dialRaw(t, w.dsn())
	for range 100 {
		other.say(1, query("SELECT 1"))
	}
	_, err = half.conn.Write(message[len(message)-2:])
	must(t, err)
	half.hear(1)
	must(t, deaf.conn.Close())
}
