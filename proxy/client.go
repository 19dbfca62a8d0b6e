package proxy

import (
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

	mu sync.Mutex
	// out is what was not handed to the socket: of outputs, and nil while it is empty.
	out *[pgwire.BufferBytes]byte
	n   int
	err error
	// sent counts the bytes written.
	sent atomic.Int64
	// last is when bytes left last, kept only when timed is set.
	timed bool
	last  time.Time
}

// outputs are buffers that no client uses now.
var outputs = sync.Pool{New: func() any { return new([pgwire.BufferBytes]byte) }}

// move makes another connection, of the same socket, the client's.
func (c *client) move(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
}

func newClient(conn net.Conn) *client { return &client{conn: conn} }

// write buffers b; a large one goes to the socket at once.
func (c *client) write(b []byte) {
	lock(&c.mu)
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.sent.Add(int64(len(b)))
	if c.n+len(b) > pgwire.BufferBytes {
		c.empty()
		if len(b) >= pgwire.BufferBytes/2 && c.err == nil {
			_, c.err = c.conn.Write(b)
			return
		}
	}
	if c.out == nil {
		c.out = outputs.Get().(*[pgwire.BufferBytes]byte)
	}
	c.n += copy(c.out[c.n:], b)
}

// empty hands the buffer to the socket and gives it back. The lock is held.
func (c *client) empty() {
	if c.out == nil {
		return
	}
	if c.err == nil {
		_, c.err = c.conn.Write(c.out[:c.n])
	}
	outputs.Put(c.out)
	c.out, c.n = nil, 0
}

// flush hands everything to the socket. The error is that of the first write that failed.
func (c *client) flush() error {
	lock(&c.mu)
	defer c.mu.Unlock()
	c.empty()
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
