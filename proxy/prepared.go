package proxy

import (
	"sync"

	"pgcordon/policy"
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
	// prepaid is set until the first execution: it was admitted with its Parse.
	prepaid bool
	// deallocates is set for a DEALLOCATE of this name, when a Parse has made it.
	deallocates string

	// Of a statement that PREPARE has made: its name upstream, and the plan of the text with the PREPARE, with its protocol.
	upstream string
	whole    *rewriter.Plan
	protocol rewriter.Protocol
}

// name is what the statement of this name is called upstream.
func (st *statement) name(client string) string {
	if st.upstream != "" {
		return st.upstream
	}
	return client
}

// text is what the upstream gets for the statement.
func (st *statement) text(t policy.TenantID) string {
	if st.deallocates != "" {
		return rewriter.Deallocate(st.deallocates)
	}
	return st.plan.Prepared(t)
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
	// made holds what PREPARE has made, which has names of its own upstream. Here exactness matters to the client alone: the tenant is in
	// the upstream's text, and no Bind or EXECUTE of one can set it.
	made map[string]*statement

	// group belongs to the session's goroutine: what has been sent since the last Sync; nil for a name that was closed.
	group map[string]*statement
}

// clip is what Postgres tells names of statements and portals apart by: their first 63 bytes.
func clip(name string) string { return name[:min(len(name), 63)] }

func newPrepared() *prepared {
	return &prepared{confirmed: make(map[string]*statement), made: make(map[string]*statement), group: make(map[string]*statement)}
}

// inGroup looks a name up among what was sent since the last Sync.
func (p *prepared) inGroup(name string) (*statement, bool) {
	st, ok := p.group[clip(name)]
	return st, ok
}

// sent notes a Parse, or with nil a Close, that is outstanding.
func (p *prepared) sent(name string, st *statement) { p.group[clip(name)] = st }

// groupEnded notes a Sync, or a Query.
func (p *prepared) groupEnded() { clear(p.group) }

// get looks a name up among the confirmed statements.
func (p *prepared) get(name string) (*statement, bool) {
	name = clip(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	st, ok := p.confirmed[name]
	return st, ok
}

// confirm makes a name stand for a statement: the upstream has parsed it.
func (p *prepared) confirm(name string, st *statement) {
	name = clip(name)
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
	name = clip(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.confirmed[name]; ok {
		p.bytes -= old.size()
		delete(p.confirmed, name)
	}
}

// prepared notes a PREPARE that has run.
func (p *prepared) prepare(name string, st *statement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.made[name]; ok {
		p.bytes -= old.size()
	}
	p.made[name] = st
	p.bytes += st.size()
}

// byPrepare looks a name up among what PREPARE has made.
func (p *prepared) byPrepare(name string) (*statement, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st, ok := p.made[name]
	return st, ok
}

// deallocate notes a DEALLOCATE of a statement that PREPARE has made.
func (p *prepared) deallocate(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.made[name]; ok {
		p.bytes -= old.size()
		delete(p.made, name)
	}
}

// deallocateAll notes a DEALLOCATE ALL: it leaves the unnamed statement alone.
func (p *prepared) deallocateAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	unnamed := p.confirmed[""]
	clear(p.confirmed)
	clear(p.made)
	p.bytes = 0
	if unnamed != nil {
		p.confirmed[""] = unnamed
		p.bytes = unnamed.size()
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
	// shape is session.shape when it was made.
	shape uint64
}

// follows reports whether the statement's rows are those of another that it names: a cursor, or what PREPARE has made.
func (st *statement) follows() bool {
	if st == nil || len(st.plan.Statements) != 1 {
		return false
	}
	kind := st.plan.Statements[0].Kind
	return kind == rewriter.KindFetch || kind == rewriter.KindExecute
}
