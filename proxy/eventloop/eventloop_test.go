package eventloop_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgcordon/proxy/eventloop"
)

// pair returns a connection that a loop watches, and the other end.
func pair(t testing.TB, network string) (*eventloop.Conn, net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/s"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, ok := eventloop.Adopt(accepted)
	if !ok {
		t.Fatal("not adopted")
	}
	t.Cleanup(func() { c.Close(); other.Close() })
	return c, other
}

// parked parks until what comes; it returns the channel on which the handler tells what TryRead gives it.
func parked(t *testing.T, c *eventloop.Conn) <-chan error {
	t.Helper()
	said := make(chan error, 1)
	drain(t, c)
	if !c.Park(func(*eventloop.Turn) {
		_, err := c.TryRead(make([]byte, 10))
		said <- err
	}) {
		t.Fatal("not parked")
	}
	return said
}

// drain reads until there is nothing.
func drain(t *testing.T, c *eventloop.Conn) {
	t.Helper()
	for {
		_, err := c.TryRead(make([]byte, 100))
		if err == eventloop.ErrWouldBlock {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestParkedHandlerRuns(t *testing.T) {
	for _, c := range []struct {
		name string
		what func(c *eventloop.Conn, other net.Conn) error
		want error
	}{
		{"bytes", func(_ *eventloop.Conn, other net.Conn) error { _, err := other.Write([]byte("x")); return err }, nil},
		{"end", func(_ *eventloop.Conn, other net.Conn) error { return other.Close() }, io.EOF},
		{"close", func(c *eventloop.Conn, _ net.Conn) error { return c.Close() }, net.ErrClosed},
		{"deadline that has passed", func(c *eventloop.Conn, _ net.Conn) error { return c.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{"deadline", func(c *eventloop.Conn, _ net.Conn) error {
			return errors.Join(c.SetReadDeadline(time.Now().Add(time.Hour)), c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		}, os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, network := range []string{"tcp", "unix"} {
				conn, other := pair(t, network)
				said := parked(t, conn)
				if err := c.what(conn, other); err != nil {
					t.Fatal(err)
				}
				if err := <-said; !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", network, err, c.want)
				}
			}
		})
	}
}

func TestParkSeesWhatIsThere(t *testing.T) {
	never := func(*eventloop.Turn) { t.Error("the handler has run") }
	c, other := pair(t, "tcp")
	if c.Park(never) {
		t.Error("parked a new connection, of which it is not known whether there is something to read")
	}
	drain(t, c)
	if _, err := other.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 2)); n != 2 || err != nil { // Read waits for the edge
		t.Fatal(n, err)
	}
	if c.Park(never) {
		t.Error("parked with bytes to read")
	}
	if n, err := c.TryRead(make([]byte, 10)); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	other.Close()
	if n, err := c.Read(make([]byte, 2)); n != 0 || err != io.EOF {
		t.Fatal(n, err)
	}
	if c.Park(never) {
		t.Error("parked at the end")
	}
}

// TestBytesArrive sends much in both directions at once, through handlers that park and through Write, which has to wait.
func TestBytesArrive(t *testing.T) {
	const conns, size = 8, 4 << 20
	var all sync.WaitGroup
	for range conns {
		c, other := pair(t, "tcp")
		data := make([]byte, size)
		_, _ = rand.Read(data)
		buffer := make([]byte, 10_000)
		var echo func(*eventloop.Turn)
		echo = func(turn *eventloop.Turn) {
			for {
				n, err := c.TryRead(buffer)
				if err == eventloop.ErrWouldBlock {
					if c.Park(echo) {
						return
					}
					continue
				}
				if err != nil {
					return
				}
				turn.Read()
				if _, err := c.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
		echo(nil)
		all.Go(func() { _, _ = other.Write(data) })
		all.Go(func() {
			got := make([]byte, size)
			if _, err := io.ReadFull(other, got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("the bytes have not come back: %v", err)
			}
		})
	}
	all.Wait()
}

// TestBlockedHandlersHoldNobodyUp has handlers wait for what only other handlers bring, in all ways.
func TestBlockedHandlersHoldNobodyUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		wait   func(turn *eventloop.Turn)
		silent bool
	}{
		{"which yield", func(turn *eventloop.Turn) { turn.Yield() }, false},
		{"which do not know their turn", func(*eventloop.Turn) { eventloop.Blocking() }, false},
		{"which say nothing", func(*eventloop.Turn) {}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 20
			rescues := eventloop.Rescues()
			var arrived atomic.Int32
			everybody := make(chan struct{})
			var all sync.WaitGroup
			for range n {
				conn, other := pair(t, "tcp")
				drain(t, conn)
				all.Add(1)
				if !conn.Park(func(turn *eventloop.Turn) {
					defer all.Done()
					if arrived.Add(1) == n {
						close(everybody)
					}
					c.wait(turn)
					<-everybody
				}) {
					t.Fatal("not parked")
				}
				if _, err := other.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			all.Wait()
			if c.silent && eventloop.Rescues() == rescues {
				t.Error("no handler was found to hold up its loop")
			}
		})
	}
}

func TestRead(t *testing.T) {
	c, other := pair(t, "unix")
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = other.Write([]byte("x")) }()
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Error(n, err)
	}
	go c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestWriteWaits(t *testing.T) {
	c, other := pair(t, "tcp")
	if err := c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64<<20) // more than the sockets hold
	if _, err := c.Write(data); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	other.Close()
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(data); err == nil {
		t.Error("written to nobody")
	}
}

// TestRawRead waits as who watches for the end of a connection does, without reading: what was sent stays to be read.
func TestRawRead(t *testing.T) {
	c, other := pair(t, "tcp")
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	first := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- raw.Read(func(uintptr) bool {
			if calls++; calls == 1 {
				close(first)
			}
			return calls == 2
		})
	}()
	<-first
	if _, err := other.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c.Park(func(*eventloop.Turn) {}) {
		t.Fatal("parked with a byte to read")
	}
	if n, err := c.TryRead(make([]byte, 2)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// TestDescriptorsAreNotMixedUp closes connections while others write to them, and opens new ones that get the same numbers: no byte may reach
// another connection.
func TestDescriptorsAreNotMixedUp(t *testing.T) {
	const rounds = 200
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for range rounds {
				c, other := pair(t, "tcp")
				mine := byte('a' + worker)
				all.Go(func() {
					for {
						if _, err := c.Write([]byte{mine, mine, mine}); err != nil {
							return
						}
					}
				})
				got := make([]byte, 100)
				for range 20 {
					n, err := other.Read(got)
					if err != nil {
						break
					}
					if bytes.Count(got[:n], []byte{mine}) != n {
						t.Errorf("%q has reached %c", got[:n], mine)
					}
				}
				c.Close()
				other.Close()
			}
		})
	}
	all.Wait()
}
