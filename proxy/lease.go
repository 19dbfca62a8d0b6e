package proxy

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
)

// A session has a connection to the upstream, its lease, from the first message that needs one until nothing binds it to that connection:
// the upstream is idle, nothing is outstanding, no group of messages open, and the session has left nothing there that cannot be moved.
// Who makes the last of these true gives the connection back: the relay, when it has written the last answer; the session's goroutine,
// when it begins to wait for the client; or a cancel request that has ended.

// pins are the reasons why a session keeps its connection between transactions.
type pins uint16

const (
	pinSession   pins = 1 << iota // pool_mode session
	pinTemporary                  // temporary tables, or anything else in the temporary schema
	pinCursor                     // cursors WITH HOLD
	pinListen                     // channels it listens to
	pinLock                       // advisory locks of the session
	pinPrepared                   // statements that PREPARE has made
	pinSequence                   // it reads what its sequences gave last
	pinUnmovable                  // what nothing can take away, as the seed of random()
	pinCancel                     // a cancel request that may still be on its way to it
	pinTimeout                    // a statement_timeout too short to be sure that the next one can reset it
	pinKinds     = iota

	// pinsForGood are those that end with the connection.
	pinsForGood = pinUnmovable | pinCancel
)

// pinNames are the names of the pins, in the order of their bits: the label values of a metric.
var pinNames = [pinKinds]string{"session", "temporary", "cursor", "listen", "lock", "prepare", "sequence", "seed", "cancel", "timeout"}

// lease is the part of a pipeline that says which connection the session has, and what binds it to it.
type lease struct {
	up *upstream
	// parked is set while the session's goroutine waits for its client; relaying while the relay is busy with what has come.
	parked, relaying bool
	// open is set while messages of the extended protocol have gone upstream without a Sync. lulled is set when the last of them was a Query: servers
	// before 18 end with it what is open, newer ones only if it has several statements.
	open, lulled bool
	// pinned is why the connection is kept. suspect is set while something may have happened to the state of the session upstream
	// that was not looked at yet.
	pinned  pins
	suspect bool
	// counts are the server's; nil for nobody's.
	counts *pinCounts
}

// detach takes the connection from the session if nothing binds it; nil when something does. p.mu is held. What it returns is to be given back
// when p.mu is not held any more.
func (p *pipeline) detach() *upstream {
	up := p.up
	if up == nil || p.binds() || !p.parked || p.relaying || p.blocked > 0 || p.closed {
		return nil
	}
	p.up = nil
	return up
}

// binds reports whether something binds the session to the connection that it has for longer than others are busy with that. p.mu is held.
func (p *pipeline) binds() bool {
	return p.open || p.suspect || p.pinned != 0 || p.count > 0 || p.status != 'I' || p.failed
}

// giveBack returns a connection on which nothing of the session is left. Nil is none.
func (u *upstream) giveBack() {
	if u == nil {
		return
	}
	u.relay.attached.Store(nil)
	u.conn.Release(true)
}

// enter says that the relay of this connection begins to handle what has come; false when it is not the session's any more.
func (p *pipeline) enter(u *upstream) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.up != u {
		return false
	}
	p.relaying = true
	return true
}

// left says that the relay has handled what has come.
func (p *pipeline) left() {
	p.mu.Lock()
	p.relaying = false
	p.rest()
	up := p.detach()
	if p.closed {
		p.cond.Broadcast()
	}
	p.mu.Unlock()
	up.giveBack()
}

// park says that the session's goroutine waits for its client. look tells that it should look first at what it has left on its connection.
func (p *pipeline) park() (look bool) {
	p.mu.Lock()
	p.parked = true
	p.rest()
	if p.coming {
		p.coming = false
		p.cond.Broadcast()
	}
	up, look := p.detach(), p.suspect && p.quiet()
	p.mu.Unlock()
	up.giveBack()
	return look
}

// quiet reports whether the session has a connection on which it has nothing outstanding or open. p.mu is held.
func (p *pipeline) quiet() bool {
	return p.up != nil && p.count == 0 && p.status == 'I' && !p.open && !p.failed && !p.closed
}

// looks reports whether it is time to look at what the session has left on its connection.
func (p *pipeline) looks() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.suspect && p.quiet()
}

// unpark ends that, and returns the connection that the session has, or nil.
func (p *pipeline) unpark() *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parked = false
	return p.up
}

// attach makes a connection that was acquired the session's.
func (p *pipeline) attach(u *upstream) {
	p.mu.Lock()
	p.up = u
	p.mu.Unlock()
}

// withdraw takes that back; false when the relay is busy with the session.
func (p *pipeline) withdraw() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.relaying {
		return false
	}
	p.up = nil
	return true
}

// isOpen reports whether messages of the extended protocol have gone upstream without a Sync.
func (p *pipeline) isOpen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// isLulled reports whether the upstream would answer a Sync without ending the transaction that is open.
func (p *pipeline) isLulled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open && p.lulled
}

// idle reports whether the upstream has answered all and waits for nothing, and its transaction status.
func (p *pipeline) idle() (status byte, idle bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status, p.count == 0 && !p.open && !p.failed && p.blocked == 0
}

// holds reports whether the session has a connection that it would not give back while it waits.
func (p *pipeline) holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up != nil && p.binds()
}

// pin adds reasons to keep the connection.
func (p *pipeline) pin(why pins) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setPins(p.pinned | why)
}

// setPins replaces the reasons, and counts the sessions that have each. p.mu is held.
func (p *pipeline) setPins(why pins) {
	for i := range pinKinds {
		if bit := pins(1) << i; p.counts != nil && (p.pinned^why)&bit != 0 {
			if why&bit != 0 {
				p.counts[i].Add(1)
			} else {
				p.counts[i].Add(-1)
			}
		}
	}
	p.pinned = why
}

// unpin notes that the session has ended.
func (p *pipeline) unpin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setPins(0)
}

// pinCounts are how many sessions keep their connection for each reason.
type pinCounts [pinKinds]atomic.Int64

// Pinned is how many sessions keep their upstream connection between transactions, by the reason: PinReasons in their order. A session can have several.
func (s *Server) Pinned() []int64 {
	counts := make([]int64, pinKinds)
	for i := range counts {
		counts[i] = s.pinned[i].Load()
	}
	return counts
}

// PinReasons are why a session keeps its upstream connection between transactions: a closed set.
func PinReasons() []string { return slices.Clone(pinNames[:]) }

// pins returns the reasons why the connection is kept.
func (p *pipeline) pins() pins {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pinned
}

// suspects notes that the state of the session upstream has to be looked at before the connection can be given back.
func (p *pipeline) suspects() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspect = true
}

// examined notes that it was looked at, and what keeps the connection.
func (p *pipeline) examined(why pins) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspect = false
	p.setPins(why)
}

// lease gets the session a connection, if it has none.
func (s *session) lease(ctx context.Context) *failure {
	if s.up != nil {
		return nil
	}
	for {
		active := s.server.active.Load()
		conn, err := active.Pool.Acquire(ctx, pool.Request{Wait: s.acquires(ctx), Key: s.key, Tenant: s.tenant, Weight: s.seat.Weight(), Holder: s.id, Whole: s.user.SessionPool, Prefer: s.last})
		s.waits.end()
		if err != nil {
			if !errors.Is(err, errCancelled) {
				s.server.log.Warn("no upstream connection", "session", s.id, "error", err)
			}
			return unreachable(err)
		}
		s.reused.acquisition = waiting{ctx, &s.waits, still{}}
		err = s.seat.TakeBack(&s.reused.acquisition)
		s.waits.end()
		if err != nil {
			conn.Release(true)
			return exceeded(err)
		}
		s.last = conn
		up, ok := conn.Backend.(*upstream)
		if !ok {
			s.server.log.Error("the pool's connections have no Backend of package proxy")
			conn.Release(false)
			return internal()
		}
		if f, ok := s.take(up); ok {
			return f
		}
	}
}

// take makes an acquired connection the session's; false when it is of no use. Its settings are made the session's with the next write.
func (s *session) take(up *upstream) (f *failure, ok bool) {
	s.pipe.attach(up)
	s.up = up
	up.relay.attached.Store(s)
	if up.relay.gone.Load() && s.pipe.withdraw() { // otherwise its relay tells the session when it ends
		s.up = nil
		up.relay.attached.Store(nil)
		up.conn.Release(false)
		return nil, false
	}
	s.announce(up)
	if err := s.carry(up); err != nil {
		return lost(), true
	}
	return nil, true
}

// resetTimeout is how long the upstream may take to drop what a session has left on a connection.
const resetTimeout = 5 * time.Second

// giveUp ends the session's hold on its connection: one that is clean, or can be cleaned, goes back; any other is closed.
func (s *session) giveUp() {
	up, clean := s.pipe.end()
	defer s.pipe.unpin()
	s.up = nil
	if up == nil {
		return
	}
	if clean && !s.torn && (s.pipe.pins() == 0 || s.reset(up)) {
		up.giveBack()
		return
	}
	up.relay.forsaken.Store(true)
	s.terminate(up)
	_ = up.conn.Close() // ends its relay
	<-up.relay.done
	s.pipe.close(s.forsake)
	up.conn.Release(false)
}

// forsake ends the execution of an answer for which nobody waits any more.
func (s *session) forsake(e *expectation) {
	if run := e.run; run != nil {
		run.state = stateQueryCanceled
		run.permit.Done()
		s.reports(run)
	}
}

// end ends the pipeline for the session's side, once the relay is not busy with it, and returns the connection that the session had. clean says
// that nothing is outstanding on it.
func (p *pipeline) end() (up *upstream, clean bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clean = p.quiet() && !p.suspect
	p.closed = true
	p.cond.Broadcast()
	for p.blocked > 0 || clean && p.relaying {
		p.await()
	}
	clean = clean && p.pinned&pinsForGood == 0 // a cancel request may have ended meanwhile
	up, p.up = p.up, nil
	return up, clean
}

// reset drops all that the session has left on a connection that keeps it.
func (s *session) reset(up *upstream) bool {
	up.relay.attached.Store(nil)
	ctx, stop := context.WithTimeout(context.Background(), resetTimeout)
	defer stop()
	if up.alone(ctx, pgwire.AppendQuery(nil, "DISCARD ALL")) != nil {
		return false
	}
	up.forgetAll()
	return true
}
