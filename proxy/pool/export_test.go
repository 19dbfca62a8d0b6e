package pool

import "fmt"

// Audit holds what the pool counts against what there is.
func (p *Pool) Audit() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var inUse, idleConns, dialling, waiting int
	for key, s := range p.shelves {
		if s.key != key || s.empty() {
			return fmt.Errorf("a shelf of nothing: %+v", s)
		}
		if len(s.idle) > 0 && s.waiting.length > 0 {
			return fmt.Errorf("%d are idle and %d wait", len(s.idle), s.waiting.length)
		}
		for _, c := range s.idle {
			if c.shelf != s || c.state != idle {
				return fmt.Errorf("state %d on the shelf of idle ones", c.state)
			}
		}
		n := 0
		for w := s.waiting.first; w != nil; w = w.at[byKey].next {
			if n++; w.shelf != s || !w.queued || w.at[byKey].next == nil && s.waiting.last != w {
				return fmt.Errorf("a waiter in the wrong place: %+v", w)
			}
		}
		if n != s.waiting.length {
			return fmt.Errorf("%d wait for a key, counted as %d", n, s.waiting.length)
		}
		inUse += s.leased
		idleConns += len(s.idle)
		dialling += s.dialling
		waiting += s.waiting.length
	}
	all := 0
	for w := p.queue.first; w != nil; w = w.at[byArrival].next {
		all++
	}
	if inUse != p.inUse || idleConns != p.idle || dialling != p.dialling || waiting != p.queue.length || all != waiting ||
		p.open != p.inUse+p.idle+p.dialling {
		return fmt.Errorf("in use %d and %d, idle %d and %d, being made %d and %d, waiting %d, %d and %d, open %d", inUse, p.inUse,
			idleConns, p.idle, dialling, p.dialling, waiting, p.queue.length, all, p.open)
	}
	return nil
}
