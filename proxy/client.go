package proxy

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/pgwire"
)

// client is the writing side of a client's connection. The relay writes what comes from upstream; the session's goroutine writes its own
// answers when nothing is outstanding. The lock keeps their bytes apart; the pipeline decides whose turn it is.
type client struct {
	conn net.Conn

	mu  sync.Mutex
	out *bufio.Writer
	err error
	// sent counts the bytes written.
	sent atomic.Int64
	// last is when bytes left last, kept only when timed is set.
	timed bool
	last  time.Time
}

func newClient(conn net.Conn) *client {
	return &client{conn: conn, out: bufio.NewWriterSize(conn, pgwire.BufferBytes)}
}

// write buffers b; a b that is larger than the room left goes to the socket at once.
func (c *client) write(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		_, c.err = c.out.Write(b)
		c.sent.Add(int64(len(b)))
	}
}

// flush hands everything to the socket. The error is that of the first write that failed.
func (c *client) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = c.out.Flush()
	}
	if c.timed {
		c.last = time.Now()
	}
	return c.err
}

// answered is when bytes left last, if timed is set.
func (c *client) answered() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// send writes and flushes.
func (c *client) send(b []byte) error {
	c.write(b)
	return c.flush()
}

// lastWords is how long a client may take to read why its connection ends.
const lastWords = 2 * time.Second

// fatal sends a last error.
func (c *client) fatal(f *failure) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(lastWords)) // the connection ends whether it works or not
	_ = c.send(f.response(nil, severityFatal))
}
