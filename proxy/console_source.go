package proxy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pgcordon/proxy/console"
)

// This file is what the admin database sees of the sessions: Server is its console.Sessions.

// killPatience is how long a session that is to end may take to do so by itself, which lets it tell its client why. After that its
// connection is closed.
const killPatience = 500 * time.Millisecond

// work counts what a session has done, for the admin alone.
type work struct {
	received, parses, upstreamParses, binds atomic.Int64
	// transactions are those on a database of the tenant's own; pipeline counts the others.
	transactions atomic.Int64
	// statements counts the executions that the observer was told of, and took sums up how long they took, in nanoseconds.
	statements, took atomic.Int64
}

// finished tells the observer of a statement that has ended, and counts it.
func (s *session) finished(o Outcome) {
	s.work.statements.Add(1)
	s.work.took.Add(int64(o.Elapsed))
	s.server.observer.Finished(o)
}

// Clients lists the sessions that are ready.
func (s *Server) Clients() []console.Client {
	var list []console.Client
	s.mu.Lock()
	for session := range s.sessions {
		if session.phase.Load() != phaseServing { // what follows is written before that
			continue
		}
		list = append(list, console.Client{
			ID: session.id, User: session.who.User, Tenant: session.who.Tenant.String(), Database: session.database(), Key: session.consoleKey(), Application: session.application,
			Remote: session.conn.RemoteAddr(), Local: session.conn.LocalAddr(), Connected: session.accepted,
			TLS: console.TLSText(session.encrypted), Prepared: session.known.count(), Pinned: session.keeps(),
		})
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b console.Client) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// keeps says why the session keeps its connection to the upstream between transactions.
func (s *session) keeps() string {
	if s.own != nil {
		return pinSession.String()
	}
	return s.pipe.pins().String()
}

// String lists the names of the reasons.
func (p pins) String() string {
	var names []string
	for i, name := range pinNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// count is how many statements the client has prepared.
func (p *prepared) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.confirmed) + len(p.made)
}

// Counts tells how many sessions there are that Clients does not list.
func (s *Server) Counts() console.Counts {
	return console.Counts{Logins: int(max(0, s.early.Load())), Consoles: int(s.consoles.Load())}
}

// Done adds up what the sessions have done in each database.
func (s *Server) Done() map[console.Key]console.Done {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.past)
	for session := range s.sessions {
		session.addTo(all)
	}
	return all
}

// consoleKey tells the databases apart that sessions are on. It is certain once the session is serving.
func (s *session) consoleKey() console.Key {
	if s.own == nil {
		return console.Key{}
	}
	return console.Key{Name: s.own.name, Tenant: s.who.Tenant.String()}
}

// addTo adds what the session has done to what was done in its database.
func (s *session) addTo(all map[console.Key]console.Done) {
	if s.phase.Load() != phaseServing {
		return
	}
	key := s.consoleKey()
	c := all[key]
	c.Received += uint64(s.work.received.Load())
	c.Sent += uint64(s.out.sent.Load())
	c.ClientParses += uint64(s.work.parses.Load())
	c.Parses += uint64(s.work.upstreamParses.Load())
	c.Binds += uint64(s.work.binds.Load())
	c.Statements += uint64(s.work.statements.Load())
	c.Took += time.Duration(s.work.took.Load())
	s.pipe.mu.Lock()
	c.Transactions += s.pipe.transactions + uint64(s.work.transactions.Load())
	s.pipe.mu.Unlock()
	all[key] = c
}

// Prepared lists the prepared statements that sessions share, the most recently used first, at most so many.
func (s *Server) Prepared(most int) []console.Prepared {
	on := map[*sharedStatement]int{}
	if p := s.active.Load().Pool; p != nil {
		for _, b := range p.Backends() {
			if u, ok := b.(*upstream); ok {
				u.statements.countInto(on)
			}
		}
	}
	t := s.shared
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []console.Prepared
	for e := t.recent.Front(); e != nil && len(list) < most; e = e.Next() {
		st := e.Value.(*sharedStatement)
		p := console.Prepared{Name: st.name, Parameters: len(st.types), Bytes: st.size(), Servers: on[st]}
		if f := st.fingerprint.Load(); f != nil {
			p.Fingerprint = *f
		}
		list = append(list, p)
	}
	return list
}

func (s *statements) countInto(on map[*sharedStatement]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.known {
		on[st]++
	}
}

// Prepared is how many statements the connection knows.
func (u *upstream) Prepared() int {
	u.statements.mu.Lock()
	defer u.statements.mu.Unlock()
	return len(u.statements.known)
}

// count adds what a session that has ended has done. s.mu is held.
func (s *Server) count(session *session) {
	session.addTo(s.past)
	if s.left != nil {
		close(s.left)
		s.left = nil
	}
}

// WaitForClients stops listening, and returns when no client is left, save for those of the admin database, or when ctx ends.
// Shutdown is to follow.
func (s *Server) WaitForClients(ctx context.Context) {
	s.StopListening()
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
func (s *Server) Kill(choose func(id uint64, database string, key console.Key) bool) (killed int) {
	s.mu.Lock()
	var chosen []*session
	for session := range s.sessions {
		if session.phase.Load() == phaseServing && choose(session.id, session.database(), session.consoleKey()) {
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
			session.stop()
			session.cut()
		}
	})
	return len(chosen)
}

// Disable refuses new sessions of the databases that are called so, or lets them in again.
func (s *Server) Disable(name string, disabled bool) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh = s.disabled[name] != disabled
	if !disabled {
		delete(s.disabled, name)
		return fresh
	}
	if s.disabled == nil {
		s.disabled = make(map[string]bool)
	}
	s.disabled[name] = true
	return fresh
}

// Disabled reports whether new sessions of a database are refused.
func (s *Server) Disabled(database string, key console.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.disabled {
		if console.Called(database, key, name) {
			return true
		}
	}
	return false
}

// checkDisabled refuses a session whose database is disabled.
func (s *Server) checkDisabled(database string, key console.Key) error {
	if !s.Disabled(database, key) {
		return nil
	}
	return &failure{state: stateCannotConnectNow, message: `database "` + database + `" is disabled`}
}
