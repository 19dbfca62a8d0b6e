package pool

import "time"

// party is a tenant that has connections, or waits for some, or has used more of late than those who do. Its fields are guarded by Pool.mu.
type party struct {
	tenant string
	weight float64
	// used is the time that it has had connections, all of them together, in seconds divided by its weight, up to settled. It is compared with that of others,
	// and counts from where they were when it came.
	used    float64
	settled time.Time
	leases  int
	// waiting counts its waiters, which stand in its lanes: one for each key that they ask for.
	waiting int
	lanes   []*lane
	spare   *lane // to be used again
	resting bool  // it is in shares.resting
	// usual is how long its leases take, in seconds, while it has one at a time, and known of how many that is made. See governor.
	usual float64
	known int
}

// lane holds the waiters of one party for one key.
type lane struct {
	party *party
	shelf *shelf
	list
	// index is its place in shelf.calm, or in shelf.busy while the party has leases.
	index int
}

// shares keeps account of what parties use, for weighted fair queueing: who has used the least comes first. A party that comes back is put where those are who are there
// (start-time fair queueing, Goyal, Vin and Cheng 1996, with the time used instead of a length that is known before), so nobody saves up while it is away.
type shares struct {
	parties map[string]*party
	// leading are those that have leases.
	leading []*party
	// now is the virtual time: what the one has used who has used the least, of those who have or want connections. It never goes back.
	now      float64
	reckoned time.Time // when now was made
	// most is the most that anybody has used who has nothing any more.
	most float64
	// resting lists parties that had nothing when they were looked at last, in the order in which they are looked at again.
	resting []*party
}

const (
	// reckonEvery bounds how often the virtual time is made anew.
	reckonEvery = time.Millisecond
	// arrearsMost is how far behind others a party begins that has used much and was away since, in seconds divided by its weight: it may have held
	// connections for hours that nobody else wanted.
	arrearsMost = 1.0
	// restAtLeast is for how long a party is kept that has nothing: one with a single client has nothing between any two of its transactions, and what is known of how
	// long its leases take is worth keeping.
	restAtLeast = time.Minute
)

// settle charges what has passed.
func (t *party) settle(now time.Time) {
	if t.leases > 0 {
		t.used += float64(t.leases) * now.Sub(t.settled).Seconds() / t.weight
	}
	t.settled = now
}

// active reports whether the party has connections, or wants some.
func (t *party) active() bool { return t.leases > 0 || t.waiting > 0 }

// arrive returns the party of a tenant, which wants a connection.
func (q *queue) arrive(tenant string, weight float64, now time.Time) *party {
	s := &q.shares
	s.forget(2, now)
	if weight <= 0 {
		weight = 1
	}
	t := s.parties[tenant]
	if t == nil {
		t = &party{tenant: tenant, settled: now}
		if s.parties == nil {
			s.parties = make(map[string]*party)
		}
		s.parties[tenant] = t
	}
	if t.active() {
		if t.weight != weight {
			t.settle(now)
			t.weight = weight
		}
		return t
	}
	t.weight = weight
	q.reckon(now)
	t.used = min(max(t.used, s.now), s.now+arrearsMost)
	return t
}

// reckon makes the virtual time.
func (q *queue) reckon(now time.Time) {
	s := &q.shares
	if now.Sub(s.reckoned) < reckonEvery {
		return
	}
	s.reckoned = now
	least, some := 0.0, false
	look := func(t *party) {
		t.settle(now)
		if !some || t.used < least {
			least, some = t.used, true
		}
	}
	for _, t := range s.leading {
		look(t)
	}
	for _, of := range q.shelves {
		if l := of.calm.first(); l != nil {
			look(l.party)
		}
	}
	if some {
		s.now = max(s.now, least)
	}
}

// rest notes that a party has nothing any more. When nobody has, all begin anew from where they are.
func (q *queue) rest(t *party) {
	if t.active() {
		return
	}
	s := &q.shares
	s.most = max(s.most, t.used)
	if len(s.leading) == 0 && q.length == 0 {
		s.now = max(s.now, s.most)
	}
	if !t.resting {
		t.resting = true
		s.resting = append(s.resting, t)
	}
}

// forget drops those of the next n resting parties that others have caught up with: they would begin where a new one does.
func (s *shares) forget(n int, now time.Time) {
	for ; n > 0 && len(s.resting) > 0 && now.Sub(s.resting[0].settled) > restAtLeast; n-- {
		t := s.resting[0]
		s.resting[0], s.resting = nil, s.resting[1:]
		switch {
		case t.active():
			t.resting = false // until it has nothing again
		case t.used > s.now:
			s.resting = append(s.resting, t)
		default:
			delete(s.parties, t.tenant)
		}
	}
}

// begin counts a connection that is lent to the party.
func (q *queue) begin(t *party, now time.Time) {
	t.settle(now)
	if t.leases++; t.leases > 1 {
		return
	}
	q.shares.leading = append(q.shares.leading, t)
	for _, l := range t.lanes {
		l.shelf.calm.remove(l)
		l.shelf.busy.push(l)
	}
}

// end counts it back.
func (q *queue) end(t *party, now time.Time) {
	t.settle(now)
	if t.leases--; t.leases > 0 {
		return
	}
	for i, other := range q.shares.leading {
		if other == t {
			last := len(q.shares.leading) - 1
			q.shares.leading[i], q.shares.leading[last] = q.shares.leading[last], nil
			q.shares.leading = q.shares.leading[:last]
			break
		}
	}
	for _, l := range t.lanes {
		l.shelf.busy.remove(l)
		l.shelf.calm.push(l)
	}
	q.rest(t)
}
