package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// How long a transaction may be open, and how long it may wait for its client, by the tenant's limits. One that goes beyond is made to fail, which
// gives its locks and its snapshot back; its client is told by the error of its next statement, or of the one that is running, and rolls it back
// as it would after any error. So the session goes on.
//
// One timer per session, set when a transaction begins while there are such limits and looked at again when it is due, sees to that. What
// runs is cancelled, by a request that can hit nothing of a later transaction; where something else is outstanding behind it, the session's
// goroutine waits for all of it before it takes the client's next message.

// overtime watches the transactions of a session.
type overtime struct {
	// on is set once there has been such a limit; due, when the session's goroutine has to look.
	on, due atomic.Bool

	mu    sync.Mutex
	timer *time.Timer
	armed bool
	terms limit.Terms // of the last statement
	// began is when the transaction began that is open, waits since when it has waited for its client; zero for none and not.
	began, waits time.Time
	// told is why the transaction was made to fail, until the client has heard of it.
	told *failure
}

// overtimeRetry is how often a transaction that is over its time is looked at until it has ended.
const overtimeRetry = 50 * time.Millisecond

// runs notes that a statement was sent under this permit.
func (s *session) runs(permit *limit.Permit) {
	o := &s.overtime
	if permit.TransactionTimeout <= 0 && permit.IdleInTransactionTimeout <= 0 && !o.on.Load() {
		return
	}
	o.on.Store(true)
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.terms, o.waits = permit.Terms, time.Time{}
	if o.began.IsZero() {
		o.began = now
	}
	if o.armed {
		return
	}
	next := o.next(now)
	switch {
	case next <= 0:
		return
	case o.timer == nil:
		o.timer = time.AfterFunc(next, s.lookAtTime)
	default:
		o.timer.Reset(next)
	}
	o.armed = true
}

// next is how long it takes until something may be over its time; 0 when nothing can.
func (o *overtime) next(now time.Time) time.Duration {
	var next time.Duration
	sooner := func(limit time.Duration, since time.Time) {
		if limit <= 0 {
			return
		}
		if since.IsZero() {
			since = now
		}
		if d := max(overtimeRetry, since.Add(limit).Sub(now)); next == 0 || d < next {
			next = d
		}
	}
	sooner(o.terms.TransactionTimeout, o.began)
	sooner(o.terms.IdleInTransactionTimeout, o.waits)
	return next
}

// exceeded is the limit that the transaction is over; nil for none.
func (o *overtime) exceeded(now time.Time) *limit.Exceeded {
	over := func(limit time.Duration, since time.Time) bool {
		return limit > 0 && !since.IsZero() && now.Sub(since) >= limit
	}
	switch {
	case over(o.terms.TransactionTimeout, o.began):
		return o.terms.TransactionExceeded()
	case over(o.terms.IdleInTransactionTimeout, o.waits):
		return o.terms.IdleExceeded()
	}
	return nil
}

// stop ends the watching.
func (o *overtime) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = true // and so it stays
	if o.timer != nil {
		o.timer.Stop()
	}
}

// readyFor notes a ReadyForQuery. It belongs to the relay.
func (o *overtime) readyFor(status byte, more bool) {
	if !o.on.Load() {
		return
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits = time.Time{}
	switch {
	case status == 'I':
		o.began, o.told = time.Time{}, nil
		o.due.Store(false)
		if more {
			o.began = now
		}
	case status == 'T':
		o.told = nil // ROLLBACK TO has brought it back to life
		if !more {
			o.waits = now
		}
	}
}

// lookAtTime is what the timer does.
func (s *session) lookAtTime() {
	o := &s.overtime
	now := time.Now()
	empty := !s.outstanding()
	o.mu.Lock()
	if o.began.IsZero() {
		o.armed = false
		o.mu.Unlock()
		return
	}
	if empty && o.waits.IsZero() { // a group of messages without a Sync
		o.waits = now
	}
	over := o.exceeded(now)
	began, next := o.began, o.next(now)
	if next <= 0 {
		o.armed = false
	} else {
		o.timer.Reset(next)
	}
	o.mu.Unlock()
	if over == nil {
		return
	}
	o.due.Store(true)
	if s.own != nil {
		if !s.own.cutTransaction(began) {
			s.wake()
		}
		return
	}
	if up := s.pipe.blockLast(); up != nil {
		s.cutTransaction(up, began)
		s.pipe.unblock()
		return
	}
	s.wake()
}

// cutTransaction cancels what runs, unless that is another transaction by now.
func (s *session) cutTransaction(up *upstream, began time.Time) {
	if !s.overtime.is(began) {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	if err := up.conn.Cancel(ctx); err != nil {
		s.server.log.Warn("cancelling a transaction over its time failed", "session", s.id, "error", err)
	}
}

// blockLast blocks the pipeline, and returns the upstream, if all that is outstanding ends with one ReadyForQuery at most: a cancel request hits nothing
// but that then.
func (p *pipeline) blockLast() *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 || p.closed {
		return nil
	}
	for i := range p.count - 1 {
		if k := p.at(i).kind; k == answerQuery || k == answerSync {
			return nil
		}
	}
	p.blocked++
	return p.up
}

// is reports whether the transaction that began then is open still.
func (o *overtime) is(began time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.began.Equal(began)
}

// expire returns why the transaction has to fail; nil when it has not, or, by over, has ended or failed by itself. toldNow says that the client is told
// at once.
func (o *overtime) expire(over, toldNow bool) *failure {
	o.mu.Lock()
	defer o.mu.Unlock()
	limit := o.exceeded(time.Now())
	o.due.Store(false)
	if limit == nil || over {
		return nil
	}
	f := exceeded(limit)
	o.began, o.waits = time.Time{}, time.Time{}
	if !toldNow {
		o.told = f
	}
	return f
}

// onTime makes the transaction fail if it is over its time.
func (s *session) onTime() error {
	if s.own != nil {
		return s.own.onTime()
	}
	o := &s.overtime
	if !o.due.Load() {
		return nil
	}
	if err := s.drain(); err != nil {
		return err
	}
	_, status := s.pipe.state()
	open := !s.alone() && (status != 'T' || s.pipe.isOpen())
	f := o.expire(s.alone() || status == 'E' || s.pipe.skips(), open)
	if f == nil {
		return nil
	}
	s.notRun(f, time.Now())
	if open { // the client has to send a Sync before it goes on
		if err := s.refuse(f, extended); err != nil {
			return err
		}
		return s.flush()
	}
	return s.failQuietly()
}

// failQuietly makes the transaction fail without telling the client.
func (s *session) failQuietly() error {
	r := &reply{}
	for _, k := range []answer{answerParse, answerSync} {
		if _, err := s.expect(expectation{kind: k, mode: skip, name: refusedName, reply: r}); err != nil {
			return err
		}
	}
	if _, err := s.up.Write(pgwire.AppendSync(pgwire.AppendParse(nil, refusedName, refusedText, nil))); err != nil {
		return s.upstreamGone()
	}
	return s.drain()
}

// tell is what the client is told in the place of this error; nil for the error itself. It belongs to the relay.
func (o *overtime) tell(state string, e *expectation) *failure {
	if !o.on.Load() || e == nil || e.mode == skip || e.mode == quiet {
		return nil
	}
	return o.instead(state, e.run != nil && !e.run.over)
}

// instead is tell for an error of a statement's, or, without runs, of another message.
func (o *overtime) instead(state string, runs bool) *failure {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case state == stateFailedTransaction && o.told != nil:
		f := o.told
		o.told = nil
		return f
	case state == stateQueryCanceled && o.due.Load() && runs:
		if over := o.exceeded(time.Now()); over != nil {
			o.due.Store(false)
			o.began = time.Time{}
			return exceeded(over)
		}
	}
	return nil
}

// tells reports whether the client has yet to hear that its transaction was made to fail.
func (o *overtime) tells() bool {
	if !o.on.Load() {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.told != nil
}

// takeTold returns why the transaction was made to fail, for the client to hear of it now.
func (o *overtime) takeTold() *failure {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.told
	o.told = nil
	return f
}

// tellCommit makes an error of the answer to a COMMIT that has rolled back what the client does not know to have failed.
func (o *overtime) tellCommit(run *execution, typ byte, tag []byte) {
	if !o.on.Load() || typ != pgwire.MsgCommandComplete || string(tag) != "ROLLBACK\x00" || run.plan == nil ||
		run.statement >= len(run.plan.Statements) || run.plan.Statements[run.statement].Kind != rewriter.KindCommit {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told != nil {
		run.over, run.excess, o.told = true, o.told, nil
	}
}
