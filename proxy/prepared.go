package proxy

import (
	"sync"

	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

// statement is a prepared statement of a client's.
type statement struct {
	// sql and types are the client's own, from which a new planner plans again.
	sql   string
	types []uint32
	plan  *rewriter.Plan
	// planner made plan.
	planner Planner
	// prepaid is set until the first execution: the permit that Parse got, and has given back, stands for it.
	prepaid bool
	permit  limit.Permit
}

// size is what a statement counts for.
func (st *statement) size() int { return len(st.sql) + 4*len(st.types) + 256 }

// maxPreparedBytes bounds the texts of a session's prepared statements.
const maxPreparedBytes = 32 << 20

// prepared knows which statement of the client's a name stands for upstream. That must be exact: the tenant's parameters are appended
// to a Bind by the plan of the statement it names, so a Bind that reached another statement could set that one's tenant.
// So a name is taken from two places only: statements that the upstream has confirmed, and those parsed since the last Sync, for if that
// Parse fails the upstream ignores the Bind as well.
type prepared struct {
	mu        sync.Mutex
	confirmed map[string]*statement
	bytes     int

	// group belongs to the session's goroutine: what has been sent since the last Sync; nil for a name that was closed.
	group map[string]*statement
}

func newPrepared() *prepared {
	return &prepared{confirmed: make(map[string]*statement), group: make(map[string]*statement)}
}

// inGroup looks a name up among what was sent since the last Sync.
func (p *prepared) inGroup(name string) (*statement, bool) {
	st, ok := p.group[name]
	return st, ok
}

// sent notes a Parse, or with nil a Close, that is outstanding.
func (p *prepared) sent(name string, st *statement) { p.group[name] = st }

// groupEnded notes a Sync, or a Query.
func (p *prepared) groupEnded() { clear(p.group) }

// get looks a name up among the confirmed statements.
func (p *prepared) get(name string) (*statement, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st, ok := p.confirmed[name]
	return st, ok
}

// confirm makes a name stand for a statement: the upstream has parsed it.
func (p *prepared) confirm(name string, st *statement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.confirmed[name]; ok {
		p.bytes -= old.size()
	}
	p.confirmed[name] = st
	p.bytes += st.size()
}

// forget drops a name: the upstream has closed it.
func (p *prepared) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.confirmed[name]; ok {
		p.bytes -= old.size()
		delete(p.confirmed, name)
	}
}

// full reports whether another statement of n bytes would be too much.
func (p *prepared) full(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes+n > maxPreparedBytes
}

// portal is a portal of a client's.
type portal struct {
	statement *statement
	// sent counts the rows that were sent of it, over all executions. It belongs to the relay.
	sent int64
}
