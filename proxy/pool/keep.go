package pool

import "time"

// keep is the keeper's goroutine: it does what time brings about, when it is due and not before.
func (p *Pool) keep() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p.mu.Lock()
		now := time.Now()
		p.tend(now)
		p.govern(now)
		if at := p.governor.next; !at.IsZero() {
			p.alarm(at)
		}
		p.fill(now)
		next := p.wake
		select {
		case <-p.poke: // next knows it
		default:
		}
		p.unlock()
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-p.closing.Done():
			return
		case <-p.poke:
		case <-timer.C:
		}
	}
}

// alarm makes the keeper look at the given time, or before. The lock is held.
func (p *Pool) alarm(at time.Time) {
	if at.IsZero() || !p.wake.IsZero() && !at.Before(p.wake) {
		return
	}
	p.wake = at
	select {
	case p.poke <- struct{}{}:
	default: // it will look anyway
	}
}

// due is when an idle connection has to be closed; zero for never. The lock is held.
func (c *Conn) due() time.Time {
	due := c.expires()
	if d := c.pool.cfg.IdleTimeout; d > 0 {
		if at := c.idleAt.Add(d); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// tend closes the idle connections that are due, and finds out when the next is. The lock is held.
func (p *Pool) tend(now time.Time) {
	p.wake = time.Time{}
	for _, s := range p.shelves {
		for i := len(s.idle) - 1; i >= 0; i-- {
			c := s.idle[i]
			if why, old := c.expired(now); old {
				p.discard(c, why)
				continue
			}
			due := c.due()
			switch {
			case due.IsZero():
			case now.Before(due):
				if p.wake.IsZero() || due.Before(p.wake) {
					p.wake = due
				}
			case p.open > p.cfg.MinSize:
				p.discard(c, ClosedIdle)
			default: // one of the least; its time begins anew
				c.idleAt = now
			}
		}
	}
}
