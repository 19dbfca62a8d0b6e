package proxy

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"

	"pgcordon/proxy/eventloop"
	"pgcordon/proxy/pgwire"
)

// relay brings what an upstream says to the client of the session that has the connection. It reads whole buffers, finds the frames in them by their
// headers, and writes those that pass unchanged in one piece; only the few kinds that have to be understood are looked into (answers.go), and what an idle
// connection says (unasked.go). It ends when the connection does, or the client's: then it has told the client why, closed the pipeline and woken the session's
// goroutine.
//
// The buffer's frames go out before the next read, so what is buffered never waits for something that may not come. A client that
// does not read blocks the relay in its write, hence the upstream in its: as it would without a proxy.
type relay struct {
	up  *upstream
	src source
	// turn is whose goroutine the relay is in, if it is an event loop's; resume is what the loop calls.
	turn   *eventloop.Turn
	resume func(*eventloop.Turn)
	// attached is the session that has the connection; nil for none.
	attached atomic.Pointer[session]
	done     chan struct{}
	// gone is set before the relay looks for the last time whom it has to tell that the connection has ended.
	gone atomic.Bool
	// forsaken is set when its session has left it with answers outstanding, which are nobody's: the connection is being closed.
	forsaken atomic.Bool

	// s is the session that what was read now is for, with its pipeline and client; nil for none.
	s    *session
	pipe *pipeline
	out  *client

	buf  []byte
	r, w int // buf[r:w] has been read and not consumed
	from int // buf[from:r] is forwarded and not yet written
	// rest is how much of a frame decided by its header is still to come, restPasses whether it is forwarded,
	// restEnds whether it ends its expectation.
	rest                 int
	restPasses, restEnds bool
	// current is the length in the buffer of the frame that is looked into; 0 for one that was too large, which is in large.
	current int
	large   []byte

	finished []*execution // to be reported when they have left
	sent     sent
	scratch  []byte

	// refusal is the error of a statement of the proxy's own on an idle connection.
	refusal error
	// fatal is set when the upstream has said why it closes the connection.
	fatal bool
	// silent is set when the client has been told that its statement failed while the upstream may go on with it:
	// nothing passes until ReadyForQuery.
	silent bool
	// redo is the statement that is prepared anew when the group that was refused has ended, which is sent again then.
	redo *sharedStatement
	// blocks is set while the pipeline is blocked until a text runs in the place of its prepared form.
	blocks bool
	// provoked is set while the error that makes the transaction fail is outstanding.
	provoked bool
}

func newRelay(u *upstream) *relay {
	r := &relay{up: u, buf: make([]byte, pgwire.BufferBytes), done: make(chan struct{})}
	r.src.Reader = u.conn.Conn
	if watched, ok := u.conn.Conn.(*eventloop.Conn); ok {
		r.src.watched = watched
	}
	r.resume = r.resumed
	return r
}

// errDesync is an answer that nothing asked for.
var errDesync = errors.New("the upstream sent an answer that was not expected")

// errOwn is the failure of a statement of the proxy's own without which the session must not go on.
var errOwn = errors.New("a statement of the proxy's own failed")

// run is the relay's goroutine, until the connection ends.
func (r *relay) run() {
	r.resumed(nil)
	<-r.done
}

// resumed brings what is there to the client, until the relay is parked or the connection has ended.
func (r *relay) resumed(turn *eventloop.Turn) {
	r.turn = turn
	for r.carry() == errParked {
		turn := r.turn
		r.turn = nil
		if r.src.watched.Park(r.resume) {
			return
		}
		r.turn = turn
	}
	close(r.done)
}

// carry brings to the client what the upstream says: errParked when it has said all that it has, nil when the connection has ended.
func (r *relay) carry() (parked error) {
	defer func() {
		if p := recover(); p != nil {
			r.up.log.Error("a relay failed", "panic", p, "stack", string(debug.Stack()))
			r.gone.Store(true)
			r.end(internal())
		}
	}()
	for {
		if err := r.read(); err == errParked {
			return err
		} else if err != nil {
			r.gone.Store(true)
			r.choose()
			r.ended(err)
			return nil
		}
		r.turn.Read()
		r.choose()
		if r.s == nil {
			if err := r.unasked(); err != nil {
				r.gone.Store(true)
				r.choose()
				r.ended(err)
				return nil
			}
			continue
		}
		if err := r.scan(); err != nil {
			r.ended(err)
			return nil
		}
		r.pass()
		pause := r.s.spend(&r.sent)
		if err := r.out.flush(); err != nil {
			r.end(nil)
			return nil
		}
		r.report()
		if pause > 0 {
			r.turn.Yield()
			r.keepPace(pause)
		}
		r.pipe.left()
	}
}

// choose finds out which session has the connection now.
func (r *relay) choose() {
	r.s, r.pipe, r.out = nil, nil, nil
	for {
		s := r.attached.Load()
		if s == nil {
			return
		}
		if s.pipe.enter(r.up) {
			r.s, r.pipe, r.out = s, s.pipe, s.out
			return
		}
		if r.attached.Load() == s {
			return // it is about to give the connection back
		}
	}
}

// read reads once, behind what is left.
func (r *relay) read() error {
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r, r.from = 0, 0
	}
	n, err := r.src.read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	return err
}

// scan handles the frames in the buffer, up to one that is not complete.
func (r *relay) scan() error {
	for {
		if r.rest > 0 {
			n := min(r.rest, r.w-r.r)
			r.consume(n, r.restPasses)
			if r.rest -= n; r.rest > 0 {
				return nil
			}
			if r.restEnds {
				r.pop()
			}
		}
		if r.w-r.r < pgwire.HeaderBytes {
			return nil
		}
		h, err := pgwire.ParseHeader(r.buf[r.r:r.w], maxUpstreamBytes)
		if err != nil {
			return err
		}
		var e *expectation
		if first, ok := r.pipe.first(); ok {
			e = &first
		}
		if r.looksInto(h, e) {
			body, complete, err := r.body(h)
			if err != nil || !complete {
				return err
			}
			if err := r.look(h.Type, body, e); err != nil {
				return err
			}
			continue
		}
		if err := r.skim(h, e); err != nil {
			return err
		}
	}
}

// maxUpstreamBytes is the largest message of an upstream's: Postgres allocates no larger one.
const maxUpstreamBytes = 1<<30 - 1

// consume takes n bytes off the buffer, forwarded or dropped.
func (r *relay) consume(n int, passes bool) {
	if !passes {
		r.pass()
		r.from += n
	}
	r.r += n
}

// pass writes what is forwarded and not yet written.
func (r *relay) pass() {
	if r.r > r.from {
		r.write(r.buf[r.from:r.r])
		r.from = r.r
	}
}

// write gives bytes to the client, unless the session's goroutine has the last word.
func (r *relay) write(b []byte) {
	lock(&r.s.word)
	defer r.s.word.Unlock()
	if !r.s.muted {
		r.out.write(b)
	}
}

// frame consumes a frame that is decided by its header; ends says that its expectation is popped once all of it has passed.
func (r *relay) frame(h pgwire.Header, passes, ends bool) {
	total := pgwire.HeaderBytes + h.Len
	n := min(total, r.w-r.r)
	r.consume(n, passes)
	r.rest, r.restPasses, r.restEnds = total-n, passes, ends
	if r.rest == 0 && ends {
		r.pop()
	}
}

// maxLookedInto bounds what is kept of a message that is looked into: errors and notices may be longer, and lose their end.
const maxLookedInto = 512 << 10

// body returns a frame's body once all of it is there. One that is larger than the buffer is read past it, and cut at maxLookedInto.
func (r *relay) body(h pgwire.Header) (body []byte, complete bool, err error) {
	total := pgwire.HeaderBytes + h.Len
	if total <= len(r.buf) {
		r.current = total
		if r.w-r.r < total {
			return nil, false, nil
		}
		return r.buf[r.r+pgwire.HeaderBytes : r.r+total], true, nil
	}
	r.pass()
	r.current = 0
	body = append([]byte{}, r.buf[r.r+pgwire.HeaderBytes:r.w]...)
	left := h.Len - len(body)
	r.r, r.w, r.from = 0, 0, 0
	for left > 0 {
		n, err := r.src.Read(r.buf[:min(left, len(r.buf))])
		if n == 0 && err != nil {
			return nil, false, err
		}
		left -= n
		body = append(body, r.buf[:min(n, maxLookedInto-len(body))]...)
	}
	r.large = pgwire.Append(nil, h.Type, body...)
	return body, true, nil
}

// take consumes the frame that body has returned. If it passes it does so as it is, else instead of it b is written.
func (r *relay) take(passes bool, b []byte) {
	r.consume(r.current, passes)
	switch {
	case !passes:
		r.write(b)
	case r.current == 0:
		r.write(r.large)
	}
	r.large = nil
}

// pop ends the first expectation: everything of it has been written.
func (r *relay) pop() {
	r.pass()
	own, idle, suspect := r.pipe.pop()
	for own != nil {
		r.s.answerOwn(own)
		own, idle, suspect = r.pipe.pop()
	}
	if suspect || idle && r.s.leave.Load() {
		r.s.wake()
	}
}

// ended closes the relay after the upstream's connection has failed, or sent nonsense.
func (r *relay) ended(err error) {
	var format *pgwire.FormatError
	broken := errors.Is(err, errDesync) || errors.As(err, &format)
	if broken && !r.forsaken.Load() {
		r.up.log.Error("the upstream broke the protocol", "process", r.up.conn.PID, "error", err)
	}
	if r.s == nil {
		return
	}
	r.pass()
	switch {
	case r.fatal:
		_ = r.out.flush() // the client has been told why
		r.end(nil)
	case broken, errors.Is(err, errOwn):
		r.end(internal())
	default:
		r.end(lost())
	}
}

// end closes the session's pipeline and wakes its goroutine; f, unless nil, is the client's last word.
func (r *relay) end(f *failure) {
	if r.s == nil {
		return
	}
	if r.redo != nil || r.blocks {
		r.redo, r.blocks = nil, false
		r.pipe.unblock()
	}
	r.s.lastWord(f)
	state := cmp.Or(r.s.deadState(), stateQueryCanceled)
	r.pipe.close(func(e *expectation) {
		if e.run != nil {
			e.run.state = state
			r.finish(e.run)
		}
	})
	r.report()
	r.pipe.left()
	r.s.wake()
}

// cancel makes the upstream cancel what it runs, and returns when it has been told.
func (r *relay) cancel() {
	r.turn.Yield()
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	if err := r.up.conn.Cancel(ctx); err != nil {
		r.pipe.pin(pinCancel)
		r.s.server.log.Warn("cancelling a statement over its row limit failed", "session", r.s.id, "error", err)
	}
}

// provoke makes the upstream fail what is open. The session sends nothing meanwhile.
func (r *relay) provoke(end []byte) {
	b := pgwire.AppendParse(r.scratch[:0], refusedName, refusedText, nil)
	b = append(b, end...)
	r.scratch = b
	r.provoked = true
	if _, err := r.up.Write(b); err == nil {
		_ = r.up.flush() // an upstream that is gone is found out by the next read
	}
}
