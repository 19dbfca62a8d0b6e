package proxy

import (
	"bufio"
	"sync"

	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
)

// upstream is the writing side of a lease. The session's goroutine writes; the relay writes only while it has the pipeline blocked.
type upstream struct {
	lease *pool.Conn

	mu  sync.Mutex
	out *bufio.Writer
	err error
}

func newUpstream(lease *pool.Conn) *upstream {
	return &upstream{lease: lease, out: bufio.NewWriterSize(lease.Conn, pgwire.BufferBytes)}
}

// Write buffers part of a message. It makes an upstream an io.Writer.
func (u *upstream) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return 0, u.err
	}
	var n int
	n, u.err = u.out.Write(b)
	return n, u.err
}

// flush hands everything to the socket.
func (u *upstream) flush() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil && u.out.Buffered() > 0 {
		u.err = u.out.Flush()
	}
	return u.err
}

// failed reports whether a write has failed.
func (u *upstream) failed() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err != nil
}
