package proxy

import (
	"bufio"
	"context"
	"log/slog"
	"maps"
	"sync"

	"pgcordon/proxy/eventloop"
	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
)

// upstream is what this package keeps of one connection to the upstream, for its whole life. Who has it leased writes to it: the session's
// goroutine, and the relay only while it has the pipeline blocked. The relay reads it, leased or idle.
type upstream struct {
	conn  *pool.Conn
	relay *relay
	log   *slog.Logger

	mu  sync.Mutex
	out *bufio.Writer
	err error
	// kept is what was written since keep, while keeping is set.
	kept    []byte
	keeping bool
	// parameters is what the upstream has reported of its settings last. It is exchanged, and never changed.
	parameters *parameters
	// asked is who waits for the end of a statement that was sent while nobody has the connection leased.
	asked chan error

	// What follows belongs to the session that has it leased.

	// carried are the settings that the connection has beyond those it began with.
	carried *carried
	// statements are those that it knows by the proxy's names.
	statements statements
	// sequences is the number of the session that may have drawn from sequences; 0 for none.
	sequences uint64
	// strange is the number of the session that may have set here what only its own code knows; 0 for none.
	strange uint64
}

// parameters are the settings that the upstream reports, by name.
type parameters struct{ values map[string]string }

// DefaultMaxPrepared is how many prepared statements a connection keeps when nothing else is said.
const DefaultMaxPrepared = 200

// NewBackend returns what makes the readers of a pool's connections: pool.Config.Backend. log is told what idle connections say; maxPrepared
// is how many prepared statements each keeps, DefaultMaxPrepared if it is 0.
func NewBackend(log *slog.Logger, maxPrepared int) func(*pool.Conn) pool.Backend {
	if maxPrepared <= 0 {
		maxPrepared = DefaultMaxPrepared
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return func(conn *pool.Conn) pool.Backend {
		if watched, ok := eventloop.Adopt(conn.Conn); ok {
			conn.Conn = watched
		}
		u := newUpstream(conn)
		u.log, u.parameters, u.carried = log, &parameters{conn.Parameters}, nothingCarried
		u.statements.most = maxPrepared
		u.relay = newRelay(u)
		return u
	}
}

// newUpstream returns the writing side of a connection.
func newUpstream(conn *pool.Conn) *upstream {
	return &upstream{conn: conn, out: bufio.NewWriterSize(conn.Conn, pgwire.BufferBytes)}
}

// Run reads the connection until it ends. It makes an upstream a pool.Backend.
func (u *upstream) Run() { u.relay.run() }

// Write buffers part of a message. It makes an upstream an io.Writer.
func (u *upstream) Write(b []byte) (int, error) {
	lock(&u.mu)
	defer u.mu.Unlock()
	if u.err != nil {
		return 0, u.err
	}
	if u.keeping {
		u.keeps(b)
	}
	var n int
	n, u.err = u.out.Write(b)
	return n, u.err
}

// flush hands everything to the socket.
func (u *upstream) flush() error {
	lock(&u.mu)
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

// reported is what the upstream has reported of its settings last.
func (u *upstream) reported() *parameters {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.parameters
}

// report keeps what the upstream reports of a setting.
func (u *upstream) report(name, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	values := maps.Clone(u.parameters.values)
	values[name] = value
	u.parameters = &parameters{values}
}

// Working reports whether the upstream has something to answer. It makes an upstream what the pool asks when it counts who works.
func (u *upstream) Working() bool {
	s := u.relay.attached.Load()
	if s == nil {
		return true // its session has only got it, or is about to give it back
	}
	empty, _ := s.pipe.state()
	return !empty
}

// Check asks for a sign of life: the pool does before it lends a connection that was idle for long.
func (u *upstream) Check(ctx context.Context) error { return u.alone(ctx, pgwire.AppendSync(nil)) }

// alone sends messages that ReadyForQuery ends, while no session has the connection, and waits for that. What else comes is dropped;
// an error is returned.
func (u *upstream) alone(ctx context.Context, messages []byte) error {
	asked := make(chan error, 1)
	u.mu.Lock()
	u.asked = asked
	u.mu.Unlock()
	if _, err := u.Write(messages); err != nil {
		return err
	}
	if err := u.flush(); err != nil {
		return err
	}
	select {
	case err := <-asked:
		return err
	case <-u.relay.done:
		return errRelay
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answered ends the wait of alone; false when nobody waits.
func (u *upstream) answered(err error) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.asked == nil {
		return false
	}
	u.asked <- err
	u.asked = nil
	return true
}

// forgetAll notes that the connection was put into the state that it began with.
func (u *upstream) forgetAll() {
	u.carried, u.sequences, u.strange = nothingCarried, 0, 0
	u.statements.clear()
}
