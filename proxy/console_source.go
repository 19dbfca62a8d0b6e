package proxy

import (
	"cmp"
	"context"
	"slices"
	"time"

	"pgcordon/proxy/console"
)

// This file is what the admin database sees of the sessions: Server is its console.Sessions.

// killPatience is how long a session that is to end may take to do so by itself, which lets it tell its client why. After that its
// connection is closed.
const killPatience = 500 * time.Millisecond

// Clients lists the sessions that are ready.
func (s *Server) Clients() []console.Client {
	var list []console.Client
	s.mu.Lock()
	for session := range s.sessions {
		if session.phase.Load() != phaseServing { // what follows is written before that
			continue
		}
		list = append(list, console.Client{
			ID: session.id, User: session.who.User, Tenant: session.who.Tenant.String(), Database: session.database(), Application: session.application,
			Remote: session.conn.RemoteAddr(), Local: session.conn.LocalAddr(), Connected: session.accepted,
			TLS: console.TLSText(session.encrypted),
		})
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b console.Client) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Counts adds up what the sessions have done.
func (s *Server) Counts() console.Counts {
	c := console.Counts{Logins: int(max(0, s.early.Load())), Consoles: int(s.consoles.Load())}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Received, c.Sent = s.past.received, s.past.sent
	for session := range s.sessions {
		if session.phase.Load() == phaseServing {
			c.Received += uint64(session.received.Load())
			c.Sent += uint64(session.out.sent.Load())
		}
	}
	return c
}

// traffic counts bytes of clients that have gone.
type traffic struct{ received, sent uint64 }

// count adds what a session that has ended has done. s.mu is held.
func (s *Server) count(session *session) {
	if session.phase.Load() == phaseServing {
		s.past.received += uint64(session.received.Load())
		s.past.sent += uint64(session.out.sent.Load())
	}
	if s.left != nil {
		close(s.left)
		s.left = nil
	}
}

// WaitForClients stops listening, and returns when no client is left, save for those of the admin database, or when ctx ends.
// Shutdown is to follow.
func (s *Server) WaitForClients(ctx context.Context) {
	s.closing.Store(true)
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close() // Serve reports what its listener does
	}
	s.mu.Unlock()
	for {
		s.mu.Lock()
		clients := 0
		for session := range s.sessions {
			if session.consoleCancel.Load() == nil {
				clients++
			}
		}
		left := s.left
		if left == nil {
			left = make(chan struct{})
			s.left = left
		}
		s.mu.Unlock()
		if clients == 0 {
			return
		}
		select {
		case <-left:
		case <-ctx.Done():
			return
		}
	}
}

// database is what the session's client calls its database. It is written before phaseServing.
func (s *session) database() string {
	if s.own != nil {
		return s.own.name
	}
	return s.shared
}

// Kill ends the sessions that are chosen.
func (s *Server) Kill(choose func(id uint64, database string) bool) (killed int) {
	s.mu.Lock()
	var chosen []*session
	for session := range s.sessions {
		if session.phase.Load() == phaseServing && choose(session.id, session.database()) {
			chosen = append(chosen, session)
		}
	}
	s.mu.Unlock()
	for _, session := range chosen {
		session.killed.Store(true)
		session.leave.Store(true)
		session.wake()
	}
	if len(chosen) == 0 {
		return 0
	}
	s.running.Go(func() {
		s.pause(killPatience)
		for _, session := range chosen {
			session.cut()
		}
	})
	return len(chosen)
}

// Disable refuses new sessions of a database, or lets them in again.
func (s *Server) Disable(database string, disabled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !disabled {
		delete(s.disabled, database)
		return
	}
	if s.disabled == nil {
		s.disabled = make(map[string]bool)
	}
	s.disabled[database] = true
}

// Disabled reports whether new sessions of a database are refused.
func (s *Server) Disabled(database string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disabled[database]
}

// checkDisabled refuses a session whose database is disabled.
func (s *Server) checkDisabled(database string) error {
	if !s.Disabled(database) {
		return nil
	}
	return &failure{state: stateCannotConnectNow, message: `database "` + database + `" is disabled`}
}
