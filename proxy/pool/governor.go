package pool

import "time"

// governor keeps those who run much at once from slowing down those who do not. It bounds how many leases run at once by a limit that it finds: a lease of a tenant that
// has one already begins only below it. A tenant's first is never held back.
//
// It looks at the tenants that have one lease and want no other, and compares how long they are served with how long they are when there is little else (a delay-based
// limit, as TCP Vegas sets its window: Brakmo and Peterson 1995; raised by one and halved). While they are served as ever the limit grows, up to the pool's size. A tenant
// that is alone is not bounded. What takes longer at the lowest limit as well is soon taken for usual, so the limit does not stay low in vain.
type governor struct {
	// limit is how many leases may run at once for a tenant to begin another. It means something while there is company.
	limit int
	// last is who has asked last, and mixed when somebody else had asked before.
	last  *party
	mixed time.Time
	// served counts leases of quiet tenants since began, and slow those of them that took much longer than they do usually.
	served, slow int
	// unknown counts those of whom it is not known how long they take. While until is to come, the lowest limit holds so that it shows; that began at tried last.
	unknown      int
	until, tried time.Time
	began        time.Time
	// next is when the keeper looks again; zero while there is nothing to look at.
	next time.Time
	// patience is for how many looks the limit stays after it was too high, left how many are left. The more often it was, the longer.
	patience, left int
	raised         bool // the last change made it higher
	// paused is how many leases wait for their clients, as it was at the last look.
	paused int
	// whole counts leases of sessions that keep them.
	whole int
}

const (
	// company is for how long a tenant counts as not alone after another has been there.
	company = 30 * time.Second
	// look is how often the limit is looked at.
	look = 100 * time.Millisecond
	// enough is how many leases of quiet tenants a look wants to see, and lookMost how long it waits for them.
	enough   = 16
	lookMost = time.Second
	// slowness is how much longer than usual makes a lease a slow one; a limit is too high when more than slowMost of them are, and can be higher while it is not more than slowLess.
	slowness = 1.5
	slowMost = 0.3
	slowLess = 0.15
	// What is usual is made of so many leases, and known after the first learnt.
	learns, learnt = 16, 4
	// learnMost is for how long the lowest limit holds for that, and learnAgain how often.
	learnMost  = 2 * time.Second
	learnAgain = 30 * time.Second
	// patienceLeast is for how many looks the limit stays at least after it was too high, and patienceMost for how many at most: each try of a higher one that fails is
	// felt by some statements of the quiet.
	patienceLeast, patienceMost = 32, 256
	// evidence is how many slow leases, which are more than half of those that have ended, show at once that a raised limit is too high.
	evidence = 3
)

// took notes how long a lease took. What is usual is learnt while it is calm, and follows what has become slower only then: else a limit that is too high would become usual.
func (g *governor) took(t *party, d time.Duration, calm bool) {
	x := d.Seconds()
	switch {
	case calm && t.known < learns:
		t.known++
		t.usual += (x - t.usual) / float64(t.known)
	case t.known < learnt:
		g.unknown++
		return
	case calm || x < t.usual:
		t.usual += (min(x, 2*t.usual) - t.usual) / learns
	}
	g.served++
	if x > slowness*t.usual {
		g.slow++
	}
}

// hurts tells that a limit that was raised is too high, before the next look.
func (g *governor) hurts() bool { return g.raised && g.slow >= evidence && 2*g.slow > g.served }

// asked notes who has asked for a connection. Pool.mu is held, as in all that follows.
func (g *governor) asked(t *party, now time.Time) {
	if t != g.last {
		if g.last != nil {
			if now.Sub(g.mixed) > company {
				g.begin(now)
			}
			g.mixed = now
		}
		g.last = t
	}
}

// begin starts from the lowest limit: what is usual shows while little runs.
func (g *governor) begin(now time.Time) {
	*g = governor{last: g.last, mixed: now, limit: 1, patience: max(1, g.patience), left: g.patience / 4, whole: g.whole, began: now, until: now.Add(learnMost), tried: now}
}

// accompanied reports whether several tenants have been there of late.
func (g *governor) accompanied(now time.Time) bool {
	return !g.mixed.IsZero() && now.Sub(g.mixed) <= company
}

// limit is how many leases may run at once.
func (p *Pool) limit(now time.Time) int {
	if !p.cfg.Adaptive || !p.governor.accompanied(now) {
		return p.cfg.Size
	}
	return min(p.governor.limit, p.cfg.Size)
}

// may reports whether a party may begin a lease now.
func (p *Pool) may(t *party, now time.Time) bool {
	g := &p.governor
	if t.leases == 0 || !p.cfg.Adaptive || !g.accompanied(now) {
		return true
	}
	if p.inUse >= p.cfg.Size-p.cfg.spare() {
		return false
	}
	return p.inUse-g.whole-g.paused < max(g.limit, p.cfg.AdaptiveLeast)
}

// spare is how many connections a tenant that has some may not take while others could come.
func (c *Config) spare() int { return min(2, c.Size/4) }

// further counts the leases that run beyond the first of each tenant.
func (p *Pool) further() int {
	return p.inUse - p.governor.whole - p.governor.paused - len(p.queue.shares.leading)
}

// ended notes the end of a lease.
func (p *Pool) ended(c *Conn, now time.Time) {
	g, t := &p.governor, c.party
	if c.whole {
		g.whole--
		return
	}
	accompanied := g.accompanied(now)
	if t.leases > 1 || t.waiting > 0 {
		return
	}
	if g.took(t, now.Sub(c.leasedAt), !accompanied || p.further()+1 < p.cfg.AdaptiveLeast); g.hurts() {
		p.alarm(now)
	}
}

// govern looks whether the limit is right. It is called when somebody may have been held back, and by the keeper.
func (p *Pool) govern(now time.Time) {
	g := &p.governor
	if !p.cfg.Adaptive || !g.accompanied(now) || p.queue.length == 0 && p.inUse <= 1 {
		g.next = time.Time{}
		p.serve(now)
		return
	}
	if now.Before(g.next) && !g.hurts() {
		return
	}
	g.next = now.Add(look)
	p.alarm(g.next)
	g.paused = p.pausing()
	if p.further() > max(g.limit, p.cfg.AdaptiveLeast) {
		g.served, g.slow, g.unknown, g.began = 0, 0, 0, now // of a higher limit
	}
	if g.served > 0 && g.served < enough && now.Sub(g.began) < lookMost && !g.hurts() {
		p.serve(now)
		return
	}
	g.decide(p.cfg.AdaptiveLeast, p.cfg.Size, now)
	g.served, g.slow, g.unknown, g.began = 0, 0, 0, now
	p.serve(now)
}

// decide sets the limit, after what has been counted since the last time.
func (g *governor) decide(least, size int, now time.Time) {
	g.limit = min(max(g.limit, least), size)
	part := 0.0
	if g.served > 0 {
		part = float64(g.slow) / float64(g.served)
	}
	switch {
	case now.Before(g.until):
		if g.limit = least; g.unknown == 0 && g.served > 0 {
			g.until = now
		}
	case g.unknown > g.served && now.Sub(g.tried) > learnAgain:
		g.until, g.tried, g.limit = now.Add(learnMost), now, least
	case part > slowMost && g.limit > least:
		if g.raised {
			g.limit--
		} else {
			g.limit = max(least, g.limit/2)
		}
		g.raised = false
		g.patience = min(max(2*g.patience, patienceLeast), patienceMost)
		g.left = g.patience
	case part > slowMost: // it was not the limit
		g.patience, g.left = 1, 1
	case part > slowLess:
	case g.left > 0:
		g.left--
	case g.limit < size:
		if g.raised { // and it was not too high then
			g.patience = max(1, g.patience*3/4)
		}
		g.limit++
		g.raised = true
		g.left = g.patience / 4
	}
}

// watch makes the keeper look, once several tenants have leases.
func (p *Pool) watch(now time.Time) {
	g := &p.governor
	if g.next.IsZero() && (p.inUse > 1 || p.queue.length > 0) && p.cfg.Adaptive && g.accompanied(now) {
		g.next = now.Add(look)
		p.alarm(g.next)
	}
}

// working is a Backend that tells whether its connection is waiting for the upstream, and not for its client. It must not use the pool.
type working interface{ Working() bool }

// pausing counts the leases that wait for their clients.
func (p *Pool) pausing() (n int) {
	for c := range p.conns {
		if c.state != leased || c.whole {
			continue
		}
		if b, ok := c.Backend.(working); ok && !b.Working() {
			n++
		}
	}
	return n
}

// serve lends idle connections to those who wait and may have them now.
func (p *Pool) serve(now time.Time) {
	if p.idle == 0 || p.queue.length == 0 {
		return
	}
	for i := len(p.queue.shelves) - 1; i >= 0; i-- {
		s := p.queue.shelves[i]
		for len(s.idle) > 0 {
			w := p.queue.next(s, now)
			if w == nil {
				break
			}
			last := len(s.idle) - 1
			c := s.idle[last]
			s.idle[last] = nil
			s.idle = s.idle[:last]
			p.idle--
			p.inUse++
			s.leased++
			c.state = leased
			p.finish(w, outcome{conn: c, rested: p.rested(c, now)})
		}
	}
}
