package limit

import (
	"slices"
	"sync"
	"sync/atomic"
)

// slots are places of which a bounded number is taken at one time. While there is room nobody takes the lock.
type slots struct {
	used   atomic.Int64
	most   atomic.Int64 // 0: unlimited
	queued atomic.Int64 // length of queue: who raises it looks at used again, who lowers used looks at it

	mu    sync.Mutex
	queue []chan struct{} // closed when the place is theirs
}

// try takes a place if one is free and nobody waits for it.
func (s *slots) try() bool { return s.queued.Load() == 0 && s.place() }

func (s *slots) place() bool {
	for {
		used, most := s.used.Load(), s.most.Load()
		if most > 0 && used >= most {
			return false
		}
		if s.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

func (s *slots) release() {
	s.used.Add(-1)
	s.grant()
}

// grant gives free places to those who wait, in the order of arrival.
func (s *slots) grant() {
	if s.queued.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 && s.place() {
		close(s.queue[0])
		s.queue[0], s.queue = nil, s.queue[1:]
		s.queued.Add(-1)
	}
}

// wait stands in line; the channel is closed when the place is the caller's.
func (s *slots) wait() chan struct{} {
	turn := make(chan struct{})
	s.mu.Lock()
	s.queue = append(s.queue, turn)
	s.queued.Add(1)
	s.mu.Unlock()
	s.grant()
	return turn
}

// leave gives up the line; true when the place had become the caller's meanwhile.
func (s *slots) leave(turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, turn)
	if i < 0 {
		return true
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	s.queued.Add(-1)
	return false
}

// setMost exchanges the bound. Who has a place keeps it.
func (s *slots) setMost(n int) {
	s.most.Store(int64(max(0, n)))
	s.grant()
}
