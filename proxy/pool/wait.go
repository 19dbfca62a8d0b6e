package pool

import (
	"context"
	"time"
)

// enqueue puts a request into the queue, and sees to it that there will be a connection for it. The lock is held.
func (p *Pool) enqueue(r Request, t *party, now time.Time) *waiter {
	w := waiters.Get().(*waiter)
	w.shelf, w.party, w.holder, w.since, w.whole = p.shelf(r.Key), t, r.Holder, now, r.Whole
	w.until, w.reserveAt, w.reserve = time.Time{}, time.Time{}, p.cfg.ReserveTimeout <= 0
	if p.cfg.WaitTimeout > 0 {
		w.until = w.since.Add(p.cfg.WaitTimeout)
	}
	if p.cfg.ReserveSize > 0 && !w.reserve {
		w.reserveAt = w.since.Add(p.cfg.ReserveTimeout)
	}
	p.queue.push(w)
	p.fill(now)
	p.watch(now)
	return w
}

// wait returns when w is served or has failed.
func (p *Pool) wait(ctx context.Context, w *waiter) (c *Conn, rested bool, err error) {
	done := ctx.Done()
	var alarm <-chan time.Time
	var timer *time.Timer
	if at := w.next(w.since); !at.IsZero() {
		timer = time.NewTimer(time.Until(at))
		defer timer.Stop()
		alarm = timer.C
	}
	for {
		select {
		case got := <-w.ready:
			waiters.Put(w)
			return got.conn, got.rested, got.err
		case <-done:
			if c, _, _ := p.leave(w); c != nil {
				c.Release(true)
			}
			return nil, false, ctx.Err()
		case now := <-alarm:
			if !w.until.IsZero() && !now.Before(w.until) {
				return p.leave(w)
			}
			p.fromReserve(w)
			if at := w.next(now); !at.IsZero() {
				timer.Reset(time.Until(at))
			}
		}
	}
}

// next is when something changes for w after now; zero for never.
func (w *waiter) next(now time.Time) time.Time {
	if w.reserveAt.After(now) && (w.until.IsZero() || w.reserveAt.Before(w.until)) {
		return w.reserveAt
	}
	return w.until
}

// fromReserve lets w be served from the reserve.
func (p *Pool) fromReserve(w *waiter) {
	p.mu.Lock()
	defer p.unlock()
	if w.queued {
		w.reserve = true
		p.queue.patient--
		p.fill(time.Now())
	}
}

// leave takes w out of the queue, unless it has had its outcome: it has waited in vain for a connection to become free, or to be made.
func (p *Pool) leave(w *waiter) (c *Conn, rested bool, err error) {
	p.mu.Lock()
	if w.queued {
		err := ErrExhausted
		if p.failures > 0 && w.shelf.leased == 0 {
			err = p.outage
		}
		p.finish(w, outcome{err: err})
	}
	p.unlock()
	got := <-w.ready
	waiters.Put(w)
	return got.conn, got.rested, got.err
}

// finish tells w the outcome; a connection counts as leased already. The lock is held.
func (p *Pool) finish(w *waiter, got outcome) {
	p.queue.remove(w)
	now := time.Now()
	t := w.party
	p.count.waits++
	p.count.waited += now.Sub(w.since)
	if c := got.conn; c != nil {
		p.count.leases++
		c.party, c.holder, c.leasedAt = t, w.holder, now
		p.begin(c, w.whole, now)
	} else {
		p.queue.rest(t)
	}
	if s := w.shelf; s.empty() {
		delete(p.shelves, s.key)
	}
	w.shelf, w.party = nil, nil
	w.ready <- got
}
