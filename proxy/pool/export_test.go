package pool

import (
	"fmt"
	"time"
)

// Audit holds what the pool counts against what there is.
func (p *Pool) Audit() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var inUse, idleConns, dialling, waiting int
	for key, s := range p.shelves {
		if s.key != key || s.empty() {
			return fmt.Errorf("a shelf of nothing: %+v", s)
		}
		if len(s.idle) > 0 && p.queue.next(s, time.Now()) != nil {
			return fmt.Errorf("%d are idle and %d wait", len(s.idle), s.waiting)
		}
		for _, c := range s.idle {
			if c.shelf != s || c.state != idle {
				return fmt.Errorf("state %d on the shelf of idle ones", c.state)
			}
		}
		n := 0
		for _, l := range append(append([]*lane{}, s.calm.heap...), s.busy.lanes...) {
			if l.shelf != s || l.length == 0 {
				return fmt.Errorf("a lane in the wrong place: %+v", l)
			}
			for w := l.first; w != nil; w = w.at[byLane].next {
				if n++; w.shelf != s || w.lane != l || w.party != l.party || !w.queued || w.at[byLane].next == nil && l.last != w {
					return fmt.Errorf("a waiter in the wrong place: %+v", w)
				}
			}
		}
		for _, l := range s.busy.lanes {
			if l.party.leases == 0 {
				return fmt.Errorf("a party without leases among those that have some: %+v", l.party)
			}
		}
		if n != s.waiting {
			return fmt.Errorf("%d wait for a key, counted as %d", n, s.waiting)
		}
		inUse += s.leased
		idleConns += len(s.idle)
		dialling += s.dialling
		waiting += s.waiting
	}
	all := 0
	for w := p.queue.first; w != nil; w = w.at[byArrival].next {
		all++
	}
	leases := 0
	for _, t := range p.queue.shares.leading {
		leases += t.leases
	}
	if leases != p.inUse {
		return fmt.Errorf("%d leases of tenants, %d in use", leases, p.inUse)
	}
	if inUse != p.inUse || idleConns != p.idle || dialling != p.dialling || waiting != p.queue.length || all != waiting ||
		p.open != p.inUse+p.idle+p.dialling {
		return fmt.Errorf("in use %d and %d, idle %d and %d, being made %d and %d, waiting %d, %d and %d, open %d", inUse, p.inUse,
			idleConns, p.idle, dialling, p.dialling, waiting, p.queue.length, all, p.open)
	}
	return nil
}
