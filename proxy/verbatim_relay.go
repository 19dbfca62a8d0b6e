package proxy

import (
	"cmp"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/pgwire"
)

// verbatimRelay brings what a database of the tenant's own says to the client: as it is, in whole buffers. It looks at the start of a message where the
// ledger has to know of it, and takes out only errors that it has provoked, and rows beyond a limit.
type verbatimRelay struct {
	v *verbatim

	buf  []byte
	r, w int // buf[r:w] has been read and not consumed
	from int // buf[from:r] is forwarded and not yet written
	// rest is how much of a message is still to come, and restPasses whether it is forwarded.
	rest       int
	restPasses bool

	// head is the answer that the upstream gives now, as far as it is known; headed says so.
	head   due
	headed bool

	// muted makes it write no more: the session's goroutine has the last word. dead is why it ended.
	mu    sync.Mutex
	muted bool
	dead  string

	finished []*delivery // to be reported when they have left
	sent     sent
	// fatal is set when the upstream has said why it closes the connection, leaving when it was asked to.
	fatal   bool
	leaving atomic.Bool
	// silent is set when the client has been told that its statement failed while the upstream may go on with it: nothing passes until ReadyForQuery.
	silent bool
}

func newVerbatimRelay(v *verbatim) *verbatimRelay {
	return &verbatimRelay{v: v, buf: make([]byte, pgwire.BufferBytes)}
}

// run is the relay's goroutine.
func (r *verbatimRelay) run() {
	defer func() {
		if p := recover(); p != nil {
			r.v.s.server.log.Error("a relay failed", "session", r.v.s.id, "panic", p, "stack", string(debug.Stack()))
			r.end(internal())
		}
	}()
	for {
		if err := r.read(); err != nil {
			r.ended(err)
			return
		}
		if err := r.scan(); err != nil {
			r.ended(err)
			return
		}
		r.write()
		pause := r.v.s.spend(&r.sent)
		if err := r.v.s.out.flush(); err != nil {
			r.end(nil)
			return
		}
		r.report()
		linger(pause, r.isMuted)
	}
}

// read reads once, behind what is left.
func (r *verbatimRelay) read() error {
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r, r.from = 0, 0
	}
	n, err := r.v.conn.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	return err
}

// maxPeek is how much of a message is looked at: enough for the severity and the SQLSTATE of an error, and for a command tag.
const maxPeek = 1024

// scan handles the messages in the buffer, up to one whose start is not complete.
func (r *verbatimRelay) scan() error {
	for {
		if r.rest > 0 {
			n := min(r.rest, r.w-r.r)
			r.consume(n, r.restPasses)
			if r.rest -= n; r.rest > 0 {
				return nil
			}
		}
		if r.w-r.r < pgwire.HeaderBytes {
			return nil
		}
		h, err := pgwire.ParseHeader(r.buf[r.r:r.w], maxUpstreamBytes)
		if err != nil {
			return err
		}
		start := 0
		if h.Type != pgwire.MsgDataRow && h.Type != pgwire.MsgCopyData {
			start = min(h.Len, maxPeek)
		}
		if r.w-r.r < pgwire.HeaderBytes+start {
			return nil
		}
		passes, err := r.message(h, r.buf[r.r+pgwire.HeaderBytes:r.r+pgwire.HeaderBytes+start])
		if err != nil {
			return err
		}
		total := pgwire.HeaderBytes + h.Len
		n := min(total, r.w-r.r)
		r.consume(n, passes)
		r.rest, r.restPasses = total-n, passes
	}
}

// consume takes n bytes off the buffer, forwarded or dropped.
func (r *verbatimRelay) consume(n int, passes bool) {
	if !passes {
		r.write()
		r.from += n
	}
	r.r += n
}

// write writes what is forwarded and not yet written, and then b.
func (r *verbatimRelay) write(b ...byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.muted {
		if r.r > r.from {
			r.v.s.out.write(r.buf[r.from:r.r])
		}
		if len(b) > 0 {
			r.v.s.out.write(b)
		}
	}
	r.from = r.r
}

// finish notes that an execution has ended; it is reported when its last answer has left.
func (r *verbatimRelay) finish(run *delivery) {
	run.permit.Done()
	r.finished = append(r.finished, run)
}

// report tells the observer of the executions that have ended.
func (r *verbatimRelay) report() {
	for i, run := range r.finished {
		r.v.s.finished(Outcome{Session: r.v.s.id, Identity: r.v.s.who, Command: cmp.Or(run.command, "other"), Rows: run.rows,
			Bytes: run.bytes, SQLState: run.state, Limit: run.limit, Elapsed: time.Since(run.started), Waited: run.permit.Waited})
		r.finished[i] = nil
	}
	r.finished = r.finished[:0]
}

// ended closes the relay after the upstream's connection has failed, or sent nonsense.
func (r *verbatimRelay) ended(err error) {
	r.write()
	var format *pgwire.FormatError
	switch {
	case r.fatal, r.leaving.Load():
		_ = r.v.s.out.flush() // the client has been told why
		r.end(nil)
	case errors.Is(err, errDesync), errors.As(err, &format):
		r.v.s.server.log.Error("the upstream broke the protocol", "session", r.v.s.id, "error", err)
		r.end(internal())
	default:
		r.end(lost())
	}
}

// end closes the ledger and wakes the session's goroutine; f, unless nil, is the client's last word.
func (r *verbatimRelay) end(f *failure) {
	r.mu.Lock()
	if f != nil && !r.muted {
		r.dead = f.state
		r.v.s.out.fatal(f)
	}
	r.mu.Unlock()
	state := cmp.Or(r.state(), stateQueryCanceled)
	r.v.owed.close(func(run *delivery) {
		run.state = state
		r.finish(run)
	})
	r.report()
	r.v.s.wake()
}

// mute leaves the last word to the session's goroutine, or, when the relay has had it, to nobody: then it was muted before.
func (r *verbatimRelay) mute() (before bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.muted = r.muted, true
	return before
}

func (r *verbatimRelay) isMuted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.muted
}

// state is the SQLSTATE of why the relay has ended.
func (r *verbatimRelay) state() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead
}
