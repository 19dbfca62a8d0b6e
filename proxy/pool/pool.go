package pool

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// keyPatience is how long the first who waits leaves a connection of another key to those who wait for that one, though they came later.
// It is many times what making a connection takes, so that two keys that take turns do not spend their time with that.
const keyPatience = 100 * time.Millisecond

// Pool lends connections. It is safe for concurrent use.
type Pool struct {
	closing context.Context
	close   context.CancelFunc
	// poke makes the keeper look at wake again.
	poke chan struct{}
	work sync.WaitGroup // every goroutine of the pool

	mu sync.Mutex
	// cfg is replaced by Configure, and never changed.
	cfg     *Config
	closed  bool
	retired bool
	empty   chan struct{} // closed when the pool is closed and nothing is open
	shelves map[Key]*shelf
	queue   queue
	// open counts what may not exceed the size: inUse, idle, and dialling.
	open, inUse, idle, dialling int
	// dropped are connections that unlock will close.
	dropped []drop
	// wanted is the key of the connection that was lent or made last, once there was one.
	wanted     Key
	used       bool
	generation int
	// failures counts the attempts to connect that have failed since the last success; none is made before retry, and outage is the last
	// error.
	failures int
	retry    time.Time
	outage   error
	// paused is set by Hold; changed is closed, and then nil, when await has to look again.
	paused  bool
	changed chan struct{}
	// conns are all that were made and not dropped.
	conns map[*Conn]struct{}
	// wake is when the keeper looks next; zero for never.
	wake     time.Time
	count    counters
	governor governor
}

type drop struct {
	conn   *Conn
	polite bool
}

// New returns a pool; it connects when it is asked for connections.
func New(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults(), poke: make(chan struct{}, 1), empty: make(chan struct{}), shelves: make(map[Key]*shelf),
		conns: make(map[*Conn]struct{})}
	p.queue.may = p.may
	p.governor.limit = 1
	p.closing, p.close = context.WithCancel(context.Background())
	p.work.Go(p.keep)
	return p
}

// Database is the name of the upstream database.
func (p *Pool) Database() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.Upstream.Database
}

// Configure replaces the sizes and times, and what new connections get for a Backend; Upstream, Log and Plain stay. Connections beyond a smaller Size are closed when they are idle.
func (p *Pool) Configure(cfg Config) {
	p.mu.Lock()
	defer p.unlock()
	cfg.Upstream, cfg.Log, cfg.Plain = p.cfg.Upstream, p.cfg.Log, p.cfg.Plain
	if cfg.Backend == nil {
		cfg.Backend = p.cfg.Backend
	}
	p.cfg = cfg.withDefaults()
	for p.idle > 0 && p.open > p.cfg.Size {
		p.discard(p.oldest(), ClosedSurplus)
	}
	p.alarm(time.Now())
	p.fill(time.Now())
}

// Retire makes the pool keep no connection that nobody waits for: those who still use it are served, and another pool has taken its place.
func (p *Pool) Retire() {
	p.mu.Lock()
	defer p.unlock()
	p.retired = true
	p.closeIdle(ClosedSurplus)
}

// Close makes Acquire fail, also for those who wait, and returns when every connection has been released and closed.
func (p *Pool) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.close()
		for w := p.queue.first; w != nil; w = p.queue.first {
			p.finish(w, outcome{err: ErrClosed})
		}
		if p.open == 0 {
			close(p.empty)
		}
		p.closeIdle(ClosedShutdown)
	}
	p.unlock()
	<-p.empty
	p.work.Wait()
}

// Reconnect replaces all connections: the idle ones at once, the others when they are released.
func (p *Pool) Reconnect() {
	p.mu.Lock()
	defer p.unlock()
	p.generation++
	p.failures = 0
	p.closeIdle(ClosedReconnect)
	p.fill(time.Now())
}

func (p *Pool) closeIdle(why Reason) {
	for _, s := range p.shelves {
		for len(s.idle) > 0 {
			p.discard(s.idle[len(s.idle)-1], why)
		}
	}
}

// Request is what Acquire is asked for.
type Request struct {
	// Key is what the connection must have been started with.
	Key Key
	// Tenant is whose time it is, of which it gets as much as others in proportion to Weight; 0 means 1. Holder is the caller's number for itself: Connections and Waiting
	// tell it.
	Tenant string
	Weight float64
	Holder uint64
	// Whole is set for a session that keeps the connection to its end, whatever it does with it.
	Whole bool
	// Prefer is the connection that the caller had last, or nil: taken if it is idle and of that key, else the one that was used last.
	Prefer *Conn
	// Wait is the context of a wait for a connection; nil for the one that Acquire is given. It is asked for its Done only when the caller has to wait, who may
	// take that as the sign to finish what others wait for.
	Wait context.Context
}

// Acquire lends a connection. The error is ErrExhausted, ErrClosed, a *ConnectError, or a context's.
func (p *Pool) Acquire(ctx context.Context, r Request) (*Conn, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		s, patience, now := p.shelves[r.Key], p.cfg.ConnectTimeout, time.Now()
		t := p.queue.arrive(r.Tenant, r.Weight, now)
		p.governor.asked(t, now)
		var c *Conn
		var rested bool
		if s == nil || len(s.idle) == 0 || !r.Whole && !p.may(t, now) {
			w := p.enqueue(r, t, now)
			p.unlock()
			var err error
			if c, rested, err = p.wait(cmp.Or(r.Wait, ctx), w); err != nil {
				return nil, err
			}
		} else {
			c, rested = p.lend(s, r, t, now)
			p.mu.Unlock()
		}
		if c.Dead() {
			p.giveUp(c, ClosedLost)
			continue
		}
		if !rested || c.alive(ctx, patience) {
			return c, nil
		}
		if ctx.Err() != nil {
			p.giveUp(c, ClosedCheck)
			return nil, ctx.Err()
		}
		p.silent(c)
	}
}

// lend takes an idle connection off the shelf; rested says that it has to be checked. The lock is held.
func (p *Pool) lend(s *shelf, r Request, t *party, now time.Time) (c *Conn, rested bool) {
	c = r.Prefer
	if c == nil || !s.take(c) {
		c = s.idle[len(s.idle)-1]
		s.idle[len(s.idle)-1] = nil
		s.idle = s.idle[:len(s.idle)-1]
	}
	p.idle--
	p.inUse++
	s.leased++
	p.wanted = s.key
	c.state, c.leasedAt, c.holder, c.party = leased, now, r.Holder, t
	p.begin(c, r.Whole, now)
	p.count.leases++
	p.watch(now)
	return c, p.rested(c, now)
}

// rested reports whether an idle connection has to be checked before it is used. The lock is held.
func (p *Pool) rested(c *Conn, now time.Time) bool {
	return p.cfg.CheckDelay > 0 && now.Sub(c.idleAt) > p.cfg.CheckDelay
}

// begin counts a lease to the party of a connection, end counts it back. The lock is held.
func (p *Pool) begin(c *Conn, whole bool, now time.Time) {
	if c.whole = whole; whole {
		p.governor.whole++
	}
	p.queue.begin(c.party, now)
}

func (p *Pool) end(c *Conn, now time.Time) {
	p.ended(c, now)
	p.queue.end(c.party, now)
}

// alive asks the backend of a connection for a sign of life.
func (c *Conn) alive(ctx context.Context, patience time.Duration) bool {
	asked, ok := c.Backend.(checker)
	if !ok {
		return true
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	return asked.Check(ctx) == nil
}

// put finds a use for a connection that is clean, and counts as leased to nobody: the first who waits for it, else its shelf. The lock is held.
func (p *Pool) put(c *Conn, now time.Time) {
	if p.closed {
		p.drop(c, ClosedShutdown)
		return
	}
	if p.paused {
		p.drop(c, ClosedPaused)
		return
	}
	if why, old := c.expired(now); old {
		p.drop(c, why)
		return
	}
	if p.yields(c, now) {
		p.drop(c, ClosedEvicted)
		return
	}
	if w := p.queue.next(c.shelf, now); w != nil {
		p.inUse++
		c.shelf.leased++
		p.finish(w, outcome{conn: c})
		return
	}
	if p.open > p.cfg.Size || p.retired {
		p.drop(c, ClosedSurplus)
		return
	}
	c.state, c.idleAt = idle, now
	c.shelf.idle = append(c.shelf.idle, c)
	p.idle++
	p.alarm(c.due())
}

// yields reports whether a connection makes room for the first who waits, who needs another key. The lock is held.
func (p *Pool) yields(c *Conn, now time.Time) bool {
	if len(p.queue.shelves) == 0 || len(p.queue.shelves) == 1 && p.queue.shelves[0] == c.shelf {
		return false
	}
	first := p.queue.foremost(now)
	return first != nil && first.shelf != c.shelf && first.shelf.dialling == 0 && p.mayDial(now) &&
		now.Sub(first.since) > keyPatience && now.Sub(c.made) > keyPatience
}

// silent drops a leased connection that gave no sign of life. Those that were not tried for as long would most likely not either, and
// each would cost a client the time to find out: they go with it.
func (p *Pool) silent(c *Conn) {
	p.giveUp(c, ClosedCheck)
	p.mu.Lock()
	defer p.unlock()
	for o := p.oldest(); o != nil && time.Since(o.idleAt) > p.cfg.CheckDelay; o = p.oldest() {
		p.discard(o, ClosedCheck)
	}
	p.fill(time.Now())
}

// giveUp drops a leased connection, and makes another where one is needed.
func (p *Pool) giveUp(c *Conn, why Reason) {
	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	p.inUse--
	c.shelf.leased--
	p.end(c, now)
	p.drop(c, why)
	p.fill(now)
}

// discard drops an idle connection. The lock is held.
func (p *Pool) discard(c *Conn, why Reason) {
	c.shelf.take(c)
	p.idle--
	p.drop(c, why)
}

// drop ends a connection that is neither leased nor on its shelf. The lock is held.
func (p *Pool) drop(c *Conn, why Reason) {
	c.state = gone
	delete(p.conns, c)
	p.count.closed[why]++
	p.dropped = append(p.dropped, drop{c, why != ClosedReleased && why != ClosedLost && why != ClosedCheck})
	p.shrink(c.shelf)
}

// shrink counts a connection, or an attempt at one, less. The lock is held.
func (p *Pool) shrink(s *shelf) {
	p.open--
	p.announce()
	if s.empty() {
		delete(p.shelves, s.key)
	}
	if p.closed && p.open == 0 {
		close(p.empty)
	}
}

// unlock closes what was dropped while the lock was held.
func (p *Pool) unlock() {
	dropped := p.dropped
	p.dropped = nil
	p.mu.Unlock()
	for _, d := range dropped {
		d.conn.farewell(d.polite)
	}
}

// fill makes connections for those who wait and are not served otherwise, as far as there is room. The lock is held.
func (p *Pool) fill(now time.Time) {
	if p.queue.length == 0 && (p.open >= p.cfg.MinSize || !p.used || p.retired) || p.closed || p.paused {
		return
	}
	for p.mayDial(now) {
		w := p.queue.uncovered(now, func(s *shelf) bool { return s.waiting <= s.dialling })
		if w == nil {
			break
		}
		if !p.room() {
			return
		}
		p.start(w.shelf)
	}
	for p.mayDial(now) && p.open < p.cfg.MinSize && p.used && !p.retired {
		p.start(p.shelf(p.wanted))
	}
	if p.failures > 0 && p.dialling == 0 {
		p.alarm(p.retry)
	}
}

// room makes room for one more connection. The lock is held.
func (p *Pool) room() bool {
	most := p.cfg.Size
	if p.queue.patient < p.queue.length {
		most += p.cfg.ReserveSize
	}
	if p.open < most {
		return true
	}
	if p.idle == 0 {
		return false
	}
	p.discard(p.oldest(), ClosedEvicted) // of another key: nobody waits where one is idle
	return true
}

// oldest is the idle connection that was used least recently; nil for none. The lock is held.
func (p *Pool) oldest() *Conn {
	var oldest *Conn
	for _, s := range p.shelves {
		if len(s.idle) > 0 && (oldest == nil || s.idle[0].idleAt.Before(oldest.idleAt)) {
			oldest = s.idle[0]
		}
	}
	return oldest
}

// shelf returns the shelf of a key, made when there is none. The lock is held.
func (p *Pool) shelf(k Key) *shelf {
	s := p.shelves[k]
	if s == nil {
		s = &shelf{key: k}
		p.shelves[k] = s
	}
	return s
}
