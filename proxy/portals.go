package proxy

import (
	"context"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// A portal runs the statement that was bound to it, and what that is has to be certain: by it is judged what the execution may leave behind, which rows a COPY
// FROM STDIN may have, and what is counted. A Bind can fail, and so can a Close, after messages behind it have been sent; what the name stood for before is there
// still then, and can be run when the transaction was rolled back to a savepoint. So a name that was bound more than once in a transaction is trusted only within
// the group of messages of its last Bind, of which nothing runs behind an error, and for as long as nothing has failed.

// portal is what a session has bound to a name last. Nothing is bound to one that it has closed.
type portal struct {
	statement *statement
	// sent counts the rows that were sent of it, over all executions. It belongs to the relay.
	sent int64
	// shape is session.shape when it was made.
	shape uint64
	// sole is set when the name stood for nothing else before, in the transactions that may be open. group is the group of messages that it was made in, and
	// failures how many had failed before.
	sole            bool
	group, failures uint64
}

// maxPortals bounds the portals that a session has open at once.
const maxPortals = 10000

const stateUndefinedCursor = "34000"

// openPortal notes a portal that a Bind makes. The relay counts rows in that of an execution until the execution has been answered. failures is how many there had
// been before the Bind was made outstanding.
func (s *session) openPortal(name string, st *statement, failures uint64) {
	p := s.reused.portal
	if name != "" || p == nil || !s.pipe.onlyLast() {
		p = new(portal)
	}
	if name == "" {
		s.reused.portal = p
	}
	_, before := s.portals[name]
	*p = portal{statement: st, shape: s.shape, sole: !before, group: s.groups, failures: failures}
	s.portals[name] = p
}

// closePortal notes that a Close was sent.
func (s *session) closePortal(name string, failures uint64) {
	if _, before := s.portals[name]; before {
		s.portals[name] = &portal{shape: s.shape, group: s.groups, failures: failures}
	}
}

// readExecute reads an Execute and finds its portal: nil when the message was refused, one of no statement for a name that nothing was bound to, of which the
// upstream knows better whether it is there.
func (s *session) readExecute(ctx context.Context) (m pgwire.Execute, p *portal, err error) {
	if m, err = pgwire.ReadExecute(s.in); err != nil {
		return m, nil, s.badFormat(err)
	}
	f := reserved(m.Portal)
	if f == nil {
		var certain bool
		if p, certain, err = s.portal(clip(m.Portal)); err != nil {
			return m, nil, err
		}
		switch {
		case !certain:
			f = noSuchPortal(m.Portal)
		case p != nil && p.statement.planner != s.planner():
			if err = s.drain(); err != nil { // the relay reads the plans of what is outstanding
				return m, nil, err
			}
			f = s.replan(ctx, p.statement)
		}
	}
	switch {
	case f != nil:
		return m, nil, s.refuse(f, extended)
	case p == nil:
		p = &portal{}
	}
	return m, p, nil
}

// portal finds what a name stands for; nil for nothing that was bound. certain is false when that cannot be said.
func (s *session) portal(name string) (p *portal, certain bool, err error) {
	p = s.portals[name]
	if p == nil {
		return nil, true, nil
	}
	if !p.sole && p.group != s.groups {
		if err := s.drain(); err != nil {
			return nil, false, err
		}
		if p.failures != s.pipe.failures() {
			return nil, false, nil
		}
	}
	if p.statement == nil {
		return nil, true, nil
	}
	return p, true, nil
}

// doubtful reports whether something else may run by a portal's name than was bound to it: a cursor that was there, and made the Bind fail.
func (s *session) doubtful(p *portal) (bool, error) {
	if p.shape != s.shape || p.group == s.groups {
		return p.shape != s.shape, nil
	}
	err := s.drain()
	return p.failures != s.pipe.failures(), err
}

// roomForPortal drops the portals of transactions that have ended, and when there are many those that have been closed.
func (s *session) roomForPortal() (*failure, error) {
	switch {
	case len(s.portals) == 0:
		return nil, nil
	case s.alone():
		clear(s.portals)
		return nil, nil
	case len(s.portals) < maxPortals:
		return nil, nil
	}
	if err := s.drain(); err != nil {
		return nil, err
	}
	if s.alone() {
		clear(s.portals)
		return nil, nil
	}
	failures := s.pipe.failures()
	for name, p := range s.portals {
		if p.statement == nil && p.failures == failures {
			delete(s.portals, name)
		}
	}
	if len(s.portals) >= maxPortals {
		return &failure{state: stateLimitExceeded, message: "too many open portals"}, nil
	}
	return nil, nil
}

// fetches looks at a FETCH, which runs the statement of a portal as Execute does, when its name is one.
func (s *session) fetches(ctx context.Context, name string) (*failure, error) {
	if s.portals[name] == nil {
		return nil, nil // a cursor: DECLARE was looked at
	}
	p, certain, err := s.portal(name)
	switch {
	case err != nil:
		return nil, err
	case !certain:
		return &failure{state: stateUndefinedCursor, message: `cursor "` + name + `" does not exist`}, nil
	}
	s.settings.stale, s.settings.touched, s.settings.inGroup = true, true, true // what it runs may be a set_config
	if p == nil {
		return nil, nil
	}
	if f := s.changed(p); f != nil {
		return f, nil
	}
	plan := p.statement.plan
	if len(plan.Statements) == 1 && plan.Statements[0].Kind == rewriter.KindFetch { // of a portal, maybe, that would have to be looked at in its turn
		return &failure{state: stateFeatureNotSupported, message: `cursor "` + name + `" fetches from another one, and cannot be fetched from`}, nil
	}
	if s.up != nil {
		s.ran(plan)
	}
	return s.beforeRun(ctx, plan)
}

// failures is how often the upstream has skipped messages after an error.
func (p *pipeline) failures() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fails
}

func noSuchPortal(name string) *failure {
	return &failure{state: stateUndefinedCursor, message: `portal "` + name + `" does not exist`}
}
