package pool

import (
	"sync"
	"time"
)

// waiter is a call of Acquire that waits. Its fields are guarded by Pool.mu, save for ready.
type waiter struct {
	shelf  *shelf
	tenant string
	holder uint64
	// since is when it has come, until when it gives up and reserveAt when the reserve may serve it; zero for never.
	since, until, reserveAt time.Time
	// reserve is set from reserveAt on.
	reserve bool
	// queued is set until it is served, has failed or has left; ready gets the outcome of the first two.
	queued bool
	ready  chan outcome

	at [2]links // its neighbours in the lists byArrival and byKey
}

// Each waiter stands in two lists: among all, and among those of its key.
const (
	byArrival = iota
	byKey
)

type links struct{ prev, next *waiter }

// list holds waiters in the order of their arrival.
type list struct {
	first, last *waiter
	length      int
}

// push appends w, by the links of that kind.
func (l *list) push(w *waiter, kind int) {
	w.at[kind] = links{prev: l.last}
	if l.last == nil {
		l.first = w
	} else {
		l.last.at[kind].next = w
	}
	l.last = w
	l.length++
}

// remove takes w out.
func (l *list) remove(w *waiter, kind int) {
	at := &w.at[kind]
	if at.prev == nil {
		l.first = at.next
	} else {
		at.prev.at[kind].next = at.next
	}
	if at.next == nil {
		l.last = at.prev
	} else {
		at.next.at[kind].prev = at.prev
	}
	*at = links{}
	l.length--
}

// outcome is what became of a waiter: a connection, which is leased to it, or an error.
type outcome struct {
	conn *Conn
	err  error
}

// waiters are used again: under load every request waits.
var waiters = sync.Pool{New: func() any { return &waiter{ready: make(chan outcome, 1)} }}

// queue holds those who wait, and is the only place that decides who comes first: for now who has arrived first.
type queue struct{ list }

// push takes w in.
func (q *queue) push(w *waiter) {
	w.queued = true
	q.list.push(w, byArrival)
	w.shelf.waiting.push(w, byKey)
}

// remove takes w out.
func (q *queue) remove(w *waiter) {
	w.queued = false
	q.list.remove(w, byArrival)
	w.shelf.waiting.remove(w, byKey)
}

// next is who gets a connection of this key.
func (q *queue) next(s *shelf) *waiter { return s.waiting.first }

// uncovered is the first who is not among those that connections which are being made will serve.
func (q *queue) uncovered(dialling int) *waiter {
	if dialling == 0 {
		return q.first
	}
	seen := make(map[*shelf]int, dialling)
	for w := q.first; w != nil; w = w.at[byArrival].next { // passes at most as many as are being made
		if seen[w.shelf]++; seen[w.shelf] > w.shelf.dialling {
			return w
		}
	}
	return nil
}
