package limit

import (
	"slices"
	"sync"
	"sync/atomic"
)

// slots are places of which a bounded number is taken at one time. While there is room nobody takes the lock.
//
// Who has a place and waits for something that others with a place may have to give can lend it. A lent place is there for those alone, whose turn
// comes before everybody else's: so they never wait for him, while he counts for all others as before.
type slots struct {
	taken  atomic.Uint64 // how many are used, and above lentShift how many of these are lent
	most   atomic.Int64  // 0: unlimited
	queued atomic.Int64  // length of the queues: who raises it looks at taken again, who lowers taken looks at it

	mu sync.Mutex
	// first are those who come before others.
	first, queue []turn
}

// turn is one who waits; ready is closed when the place is his. back is set for one who wants the place back that he has lent.
type turn struct {
	ready chan struct{}
	back  bool
}

const lentShift = 32

func (s *slots) counts() (used, lent int64) {
	taken := s.taken.Load()
	return int64(taken & (1<<lentShift - 1)), int64(taken >> lentShift)
}

// used is how many places are used, and not lent.
func (s *slots) used() int64 {
	used, lent := s.counts()
	return used - lent
}

// try takes a place if one is free and nobody waits for it. holds is set for who may have what others with a place wait for.
func (s *slots) try(holds bool) bool { return s.queued.Load() == 0 && s.place(holds) }

func (s *slots) place(holds bool) bool { return s.move(holds, 1) }

// takeBack ends the lending of a place, if there is room for it.
func (s *slots) takeBack() bool { return s.move(true, -1<<lentShift) }

// move changes what is taken by a difference if there is room for one more, of all places or, with first, beside those that are not lent.
func (s *slots) move(first bool, by int64) bool {
	for {
		taken, most := s.taken.Load(), s.most.Load()
		used := int64(taken & (1<<lentShift - 1))
		if first {
			used -= int64(taken >> lentShift)
		}
		if most > 0 && used >= most {
			return false
		}
		if s.taken.CompareAndSwap(taken, taken+uint64(by)) {
			return true
		}
	}
}

// lend lends a place that the caller has.
func (s *slots) lend() {
	s.taken.Add(1 << lentShift)
	s.grant()
}

// release gives a place back; lent says that it is lent.
func (s *slots) release(lent bool) {
	by := int64(-1)
	if lent {
		by -= 1 << lentShift
	}
	s.taken.Add(uint64(by))
	s.grant()
}

// grant gives free places to those who wait, in the order of arrival.
func (s *slots) grant() {
	if s.queued.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.first) > 0 {
		if t := s.first[0]; t.back && !s.takeBack() || !t.back && !s.place(true) {
			return
		}
		s.first = s.pass(s.first)
	}
	for len(s.queue) > 0 && s.place(false) {
		s.queue = s.pass(s.queue)
	}
}

// pass tells the first in a queue that it has its turn.
func (s *slots) pass(queue []turn) []turn {
	close(queue[0].ready)
	queue[0] = turn{}
	s.queued.Add(-1)
	return queue[1:]
}

// wait stands in line, which is the first one with holds or back.
func (s *slots) wait(holds, back bool) turn {
	t := turn{make(chan struct{}), back}
	s.mu.Lock()
	if holds || back {
		s.first = append(s.first, t)
	} else {
		s.queue = append(s.queue, t)
	}
	s.queued.Add(1)
	s.mu.Unlock()
	s.grant()
	return t
}

// leave gives up the line; true when the place had become the caller's meanwhile.
func (s *slots) leave(t turn) bool {
	s.mu.Lock()
	for _, queue := range []*[]turn{&s.first, &s.queue} {
		if i := slices.Index(*queue, t); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			s.queued.Add(-1)
			s.mu.Unlock()
			s.grant() // who stood behind may have had to wait for this one alone
			return false
		}
	}
	s.mu.Unlock()
	return true
}

// setMost exchanges the bound. Who has a place keeps it.
func (s *slots) setMost(n int) {
	s.most.Store(int64(max(0, n)))
	s.grant()
}
