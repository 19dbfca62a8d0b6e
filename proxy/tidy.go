package proxy

import (
	"errors"
	"runtime/debug"
	"time"
)

// A goroutine keeps the stack that its largest statement has needed until a garbage collection, and memory that was used once stays with the process for longer. So a
// session that has waited for its client for some time goes on in a goroutine of its own, new and small, and when many have, all memory that is free is given back.

const (
	// tidyEvery is how often the server looks for sessions that have become quiet.
	tidyEvery = 2 * time.Second
	// tidyMany is how many of them are worth giving memory back.
	tidyMany = 1000
)

// errRenew makes a session go on in another goroutine.
var errRenew = errors.New("the session goes on in another goroutine")

// renewal tells whether a session has become quiet. Server.mu guards it.
type renewal struct {
	heard int64 // bytes received when it was looked at last
	done  bool  // it was renewed since
}

// tidy looks for sessions that have become quiet. It runs in a goroutine of its timer's.
func (s *Server) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	again := 0
	for session := range s.sessions {
		heard := session.work.received.Load()
		switch r := &session.renewal; {
		case r.heard != heard:
			*r = renewal{heard: heard}
		case !r.done && session.phase.Load() == phaseServing:
			r.done = true
			session.renew.Store(true)
			session.wake()
			again++
		}
	}
	switch s.renewed += again; {
	case again == 0 && s.renewed >= tidyMany:
		s.renewed = 0
		s.running.Go(debug.FreeOSMemory)
	case again == 0:
		s.renewed = 0
	}
	s.tidies = len(s.sessions) > 0
	if s.tidies {
		time.AfterFunc(tidyEvery, s.tidy)
	}
}

// tidyLater sees to it that tidy runs while there are sessions. s.mu is held.
func (s *Server) tidyLater() {
	if !s.tidies {
		s.tidies = true
		time.AfterFunc(tidyEvery, s.tidy)
	}
}

// renews reports whether the session goes on in another goroutine now.
func (s *session) renews() bool {
	return s.renew.Swap(false) && s.between && s.own == nil
}
