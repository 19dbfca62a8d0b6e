package limit

import (
	"context"
	"sync"
	"time"
)

// due is when a statement may run, by one of the limits per second. The zero value is one that may at any time.
type due struct {
	pace  *pace // that of the bucket when at was reckoned
	at    int64 // on the gate's clock
	limit string
}

// hoped is how long it takes until then, as it may become.
func (d *due) hoped(now int64) time.Duration {
	if d.pace == nil {
		return 0
	}
	return d.pace.hoped(max(0, d.at-now))
}

// follow reckons again after the bucket's pace may have changed: so many tokens are owed still as were.
func (d *due) follow(b *bucket, now int64) {
	next := b.pace.Load()
	switch {
	case d.pace == nil || next == d.pace:
		return
	case next == nil:
		*d = due{}
		return
	}
	if left := d.at - now; left > 0 {
		d.at = now + nanoseconds(float64(left)/d.pace.interval*next.interval)
	}
	d.pace = next
}

// dues are by the numbers of the limits.
type dues [rates]due

// last is the one that comes last.
func (d *dues) last() *due {
	last := &d[0]
	for i := range d {
		if d[i].at > last.at {
			last = &d[i]
		}
	}
	return last
}

// owed is when what was sent is paid for. late is what will not be within wait, even if this proxy's portion becomes what the others have; nil for nothing.
func (a *account) owed(now int64, wait time.Duration) (owed dues, late *due) {
	for i, b := range a.buckets() {
		if i == rateStatements {
			continue
		}
		if p := b.pace.Load(); p != nil {
			d := due{pace: p, at: now + b.debt(p, now), limit: rateNames[i]}
			if owed[i] = d; d.hoped(now) > wait && (late == nil || d.hoped(now) > late.hoped(now)) {
				late = &due{pace: p, at: d.at, limit: d.limit}
			}
		}
	}
	return owed, late
}

// giveBack returns a statement's token, if the limit has not been lifted meanwhile.
func (a *account) giveBack() {
	if p := a.statements.pace.Load(); p != nil {
		a.statements.giveBack(p)
	}
}

// turns tells those who wait that it is another time that they wait for.
type turns struct {
	mu      sync.Mutex
	retimed chan struct{} // nil when nobody waits
}

// next is closed when the paces have changed again.
func (t *turns) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.retimed == nil {
		t.retimed = make(chan struct{})
	}
	return t.retimed
}

func (t *turns) retime() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.retimed != nil {
		close(t.retimed)
		t.retimed = nil
	}
}

// await waits until all that is owed is due, which changes with the limits and with this proxy's portions of them, but not for longer than the limits say.
func (s *Seat) await(ctx context.Context, a *account, owed dues, l *Limits) error {
	defer s.waits(a)()
	end := s.gate.now() + int64(l.Wait)
	timer := time.NewTimer(l.Wait)
	defer timer.Stop()
	for {
		retimed := a.turns.next() // before the paces are read
		now := s.gate.now()
		for i, b := range a.buckets() {
			owed[i].follow(b, now)
		}
		last := owed.last()
		switch {
		case last.at <= now:
			return nil
		case now >= end:
			return rateExceeded(last.limit, l, a.user, last.hoped(now))
		}
		timer.Reset(time.Duration(min(last.at, end) - now))
		select {
		case <-timer.C:
		case <-retimed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
