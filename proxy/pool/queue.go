package pool

import (
	"sync"
	"time"
)

// waiter is a call of Acquire that waits. Its fields are guarded by Pool.mu, save for ready.
type waiter struct {
	shelf  *shelf
	party  *party
	lane   *lane
	number uint64 // in the order of arrival
	holder uint64
	whole  bool // see Request
	// since is when it has come, until when it gives up and reserveAt when the reserve may serve it; zero for never.
	since, until, reserveAt time.Time
	// reserve is set from reserveAt on.
	reserve bool
	// queued is set until it is served, has failed or has left; ready gets the outcome of the first two.
	queued bool
	ready  chan outcome

	at [2]links // its neighbours in the lists byArrival and byLane
}

// Each waiter stands in two lists: among all, and among those of its tenant and key.
const (
	byArrival = iota
	byLane
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
	// rested says that the connection has to be checked.
	rested bool
}

// waiters are used again: under load every request waits.
var waiters = sync.Pool{New: func() any { return &waiter{ready: make(chan outcome, 1)} }}

// queue holds those who wait, and is the only place that decides who comes first: of the tenants the one that has used the least time of connections, in proportion
// to its weight; of a tenant's requests the first.
type queue struct {
	list
	shares shares
	// shelves are the keys that somebody waits for.
	shelves []*shelf
	numbers uint64
	// may says whether a party that has leases may have another now; nil: any may.
	may func(*party, time.Time) bool
	// patient counts those whom the reserve may not serve yet.
	patient int
}

// push takes w in, whose shelf and party are known.
func (q *queue) push(w *waiter) {
	w.queued = true
	q.numbers++
	w.number = q.numbers
	q.list.push(w, byArrival)
	if !w.reserve {
		q.patient++
	}
	s, t := w.shelf, w.party
	if s.waiting++; s.waiting == 1 {
		s.at = len(q.shelves)
		q.shelves = append(q.shelves, s)
	}
	t.waiting++
	w.lane = t.lane(s)
	w.lane.push(w, byLane)
	if w.lane.length > 1 {
		return
	}
	if t.leases > 0 {
		s.busy.push(w.lane)
	} else {
		s.calm.push(w.lane)
	}
}

// remove takes w out.
func (q *queue) remove(w *waiter) {
	w.queued = false
	q.list.remove(w, byArrival)
	if !w.reserve {
		q.patient--
	}
	s, t, l := w.shelf, w.party, w.lane
	if s.waiting--; s.waiting == 0 {
		last := len(q.shelves) - 1
		moved := q.shelves[last]
		q.shelves[s.at], moved.at = moved, s.at
		q.shelves[last] = nil
		q.shelves = q.shelves[:last]
	}
	t.waiting--
	switch {
	case l.length == 1 && t.leases > 0:
		s.busy.remove(l)
	case l.length == 1:
		s.calm.remove(l)
	}
	l.remove(w, byLane)
	switch {
	case l.length == 0:
		t.drop(l)
	case t.leases == 0:
		s.calm.fix(l) // another one is its first
	}
	w.lane = nil
}

// next is who gets a connection of this key; nil for nobody, or when all who wait are held back.
func (q *queue) next(s *shelf, now time.Time) *waiter {
	best := s.calm.first()
	for _, l := range s.busy.lanes {
		if q.may != nil && !l.list.first.whole && !q.may(l.party, now) {
			continue
		}
		l.party.settle(now)
		if best == nil || l.before(best) {
			best = l
		}
	}
	if best == nil {
		return nil
	}
	return best.first
}

// any is one who waits for a connection of this key; nil for nobody.
func (s *shelf) any() *waiter {
	if l := s.calm.first(); l != nil {
		return l.list.first
	}
	if len(s.busy.lanes) > 0 {
		return s.busy.lanes[0].list.first
	}
	return nil
}

// foremost is who comes first of all; nil for nobody.
func (q *queue) foremost(now time.Time) *waiter {
	return q.uncovered(now, func(*shelf) bool { return false })
}

// uncovered is who comes first of those whom connections that are being made will not serve.
func (q *queue) uncovered(now time.Time, covered func(*shelf) bool) *waiter {
	var best *waiter
	for _, s := range q.shelves {
		if covered(s) {
			continue
		}
		if w := q.next(s, now); w != nil && (best == nil || w.lane.before(best.lane)) {
			best = w
		}
	}
	return best
}

// lane returns the party's lane for a key, made when there is none.
func (t *party) lane(s *shelf) *lane {
	for _, l := range t.lanes {
		if l.shelf == s {
			return l
		}
	}
	l := t.spare
	if t.spare = nil; l == nil {
		l = &lane{party: t}
	}
	l.shelf = s
	t.lanes = append(t.lanes, l)
	return l
}

// drop removes a lane in which nobody stands.
func (t *party) drop(l *lane) {
	for i, other := range t.lanes {
		if other == l {
			last := len(t.lanes) - 1
			t.lanes[i], t.lanes[last] = t.lanes[last], nil
			t.lanes = t.lanes[:last]
			break
		}
	}
	l.shelf = nil
	t.spare = l
}
