package pool

import (
	"sync"
	"time"
)

// waiter is a call of Acquire that waits. Its fields are guarded by Pool.mu, save for ready.
type waiter struct {
	shelf  *shelf
	tenant string
	// since is when it has come, until when it gives up and reserveAt when the reserve may serve it; zero for never.
	since, until, reserveAt time.Time
	// reserve is set from reserveAt on.
	reserve bool
	// queued is set until it is served, has failed or has left; ready gets the outcome of the first two.
	queued bool
	ready  chan outcome

	all, same links // its neighbours in the queue, and among those of its key
}

type links struct{ prev, next *waiter }

// outcome is what became of a waiter: a connection, which is leased to it, or an error.
type outcome struct {
	conn *Conn
	err  error
}

// waiters are used again: under load every request waits.
var waiters = sync.Pool{New: func() any { return &waiter{ready: make(chan outcome, 1)} }}

// queue holds those who wait, and is the only place that decides who comes first: for now who has arrived first.
type queue struct {
	first, last *waiter
	length      int
}

// push takes w in.
func (q *queue) push(w *waiter) {
	w.queued = true
	w.all = links{prev: q.last}
	if q.last == nil {
		q.first = w
	} else {
		q.last.all.next = w
	}
	q.last = w
	q.length++

	s := w.shelf
	w.same = links{prev: s.last}
	if s.last == nil {
		s.first = w
	} else {
		s.last.same.next = w
	}
	s.last = w
	s.waiting++
}

// remove takes w out.
func (q *queue) remove(w *waiter) {
	w.queued = false
	if w.all.prev == nil {
		q.first = w.all.next
	} else {
		w.all.prev.all.next = w.all.next
	}
	if w.all.next == nil {
		q.last = w.all.prev
	} else {
		w.all.next.all.prev = w.all.prev
	}
	q.length--

	s := w.shelf
	if w.same.prev == nil {
		s.first = w.same.next
	} else {
		w.same.prev.same.next = w.same.next
	}
	if w.same.next == nil {
		s.last = w.same.prev
	} else {
		w.same.next.same.prev = w.same.prev
	}
	s.waiting--
	w.all, w.same = links{}, links{}
}

// next is who gets a connection of this key.
func (q *queue) next(s *shelf) *waiter { return s.first }

// uncovered is the first who is not among those that connections which are being made will serve.
func (q *queue) uncovered(dialling int) *waiter {
	if dialling == 0 {
		return q.first
	}
	seen := make(map[*shelf]int, dialling)
	for w := q.first; w != nil; w = w.all.next { // passes at most as many as are being made
		if seen[w.shelf]++; seen[w.shelf] > w.shelf.dialling {
			return w
		}
	}
	return nil
}
