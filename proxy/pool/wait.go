package pool

import (
	"context"
	"time"
)

// enqueue puts a request into the queue, and sees to it that there will be a connection for it. The lock is held.
func (p *Pool) enqueue(r Request) *waiter {
	w := waiters.Get().(*waiter)
	w.shelf, w.tenant, w.since = p.shelf(r.Key), r.Tenant, time.Now()
	w.reserve = p.cfg.ReserveSize > 0 && p.cfg.ReserveTimeout <= 0
	p.queue.push(w)
	p.fill()
	return w
}

// wait returns when w is served or has failed.
func (p *Pool) wait(ctx context.Context, w *waiter) (*Conn, error) {
	done := ctx.Done()
	var alarm <-chan time.Time
	var timer *time.Timer
	if d := p.patience(w, w.since); d >= 0 {
		timer = time.NewTimer(d)
		defer timer.Stop()
		alarm = timer.C
	}
	for {
		select {
		case got := <-w.ready:
			waiters.Put(w)
			return got.conn, got.err
		case <-done:
			return nil, p.leave(w, ctx.Err())
		case now := <-alarm:
			if p.tooLong(w, now) {
				return nil, p.leave(w, ErrExhausted)
			}
			if d := p.patience(w, now); d >= 0 {
				timer.Reset(d)
			}
		}
	}
}

// patience is how long w still waits before something changes for it; negative for ever.
func (p *Pool) patience(w *waiter, now time.Time) time.Duration {
	d := time.Duration(-1)
	if p.cfg.WaitTimeout > 0 {
		d = max(w.since.Add(p.cfg.WaitTimeout).Sub(now), 0)
	}
	if p.cfg.ReserveSize > 0 && p.cfg.ReserveTimeout > 0 {
		if r := w.since.Add(p.cfg.ReserveTimeout).Sub(now); r > 0 && (d < 0 || r < d) {
			d = r
		}
	}
	return d
}

// tooLong reports whether w has waited long enough. One that has not may now be served from the reserve.
func (p *Pool) tooLong(w *waiter, now time.Time) bool {
	waited := now.Sub(w.since)
	if p.cfg.WaitTimeout > 0 && waited >= p.cfg.WaitTimeout {
		return true
	}
	p.mu.Lock()
	defer p.unlock()
	if w.queued && !w.reserve && waited >= p.cfg.ReserveTimeout {
		w.reserve = true
		p.fill()
	}
	return false
}

// leave takes w out of the queue with an error. A connection that it was served meanwhile goes to the next.
func (p *Pool) leave(w *waiter, err error) error {
	p.mu.Lock()
	if w.queued {
		p.finish(w, outcome{err: err})
	}
	p.unlock()
	if got := <-w.ready; got.conn != nil {
		got.conn.Release(true)
	}
	waiters.Put(w)
	return err
}

// finish tells w the outcome; a connection counts as leased already. The lock is held.
func (p *Pool) finish(w *waiter, got outcome) {
	p.queue.remove(w)
	p.count.waits++
	p.count.waited += time.Since(w.since)
	if s := w.shelf; s.empty() {
		delete(p.shelves, s.key)
	}
	w.shelf = nil
	w.ready <- got
}
