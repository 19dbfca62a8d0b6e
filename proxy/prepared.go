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
	// described is set when the client has asked for the columns of its rows.
	described bool
	// prepaid is set until the first execution: it was admitted with its Parse.
	prepaid bool
	// deallocates is set for a DEALLOCATE of this name, when a Parse has made it.
	deallocates string
	// declared are the parameter types that the upstream gets.
	declared []uint32
	// shared is what connections know it as; nil for one that has no name there.
	shared *sharedStatement
	// common is what it is known as to others, while it is this session's alone for a time.
	common *sharedStatement
	// under are the settings of the session by which it is shared; see parsing.
	under string

	// Of a statement that PREPARE has made: its name upstream, and the plan of the text with the PREPARE, with its protocol.
	upstream string
	whole    *rewriter.Plan
	protocol rewriter.Protocol
}

// text is what the upstream gets for the statement.
func (st *statement) text(t policy.TenantID) string {
	if st.deallocates != "" {
		return rewriter.Deallocate(droppedName)
	}
	return st.plan.Prepared(t)
}

// size is what a statement counts for.
func (st *statement) size() int { return len(st.sql) + 4*len(st.types) + 256 }

// maxPreparedBytes bounds the texts of a session's prepared statements.
const maxPreparedBytes = 32 << 20

// prepared knows which statement a name of the client's stands for. A name is taken from two places only: statements that the upstream has confirmed, and
// those parsed since the last Sync, for if that Parse fails the upstream ignores the Bind as well. The names that the upstream knows are the proxy's
// (shared.go): a Bind goes to the very text whose plan the tenant's parameters follow.
type prepared struct {
	mu        sync.Mutex
	confirmed map[string]*statement
	bytes     int
	// made holds what PREPARE has made, which has names of its own upstream. Here exactness matters to the client alone: the tenant is in
	// the upstream's text, and no Bind or EXECUTE of one can set it.
	made map[string]*statement

	// group belongs to the session's goroutine: what has been sent since the last Sync; nil for a name that was closed. So does before: the names of
	// the groups whose answers may be outstanding.
	group  map[string]*statement
	before map[string]struct{}
}

// clip is what Postgres tells names of statements and portals apart by: their first 63 bytes.
func clip(name string) string { return name[:min(len(name), 63)] }

func newPrepared() *prepared {
	return &prepared{confirmed: make(map[string]*statement), made: make(map[string]*statement), group: make(map[string]*statement),
		before: make(map[string]struct{})}
}

// inGroup looks a name up among what was sent since the last Sync.
func (p *prepared) inGroup(name string) (*statement, bool) {
	st, ok := p.group[clip(name)]
	return st, ok
}

// sent notes a Parse, or with nil a Close, that is outstanding.
func (p *prepared) sent(name string, st *statement) { p.group[clip(name)] = st }

// ran notes that a statement was sent for execution in the extended protocol: the names that it drops stand for nothing in the rest of the group.
func (p *prepared) ran(st *statement) {
	if st.deallocates != "" {
		p.sent(st.deallocates, nil)
		return
	}
	for i := range st.plan.Statements {
		if !forgetsStatements(&st.plan.Statements[i]) {
			continue
		}
		for name := range p.group {
			if name != "" {
				p.group[name] = nil
			}
		}
	}
}

// groupEnded notes a Sync, or a Query. When isSettled says so no answer is outstanding that changes what the names stand for.
func (p *prepared) groupEnded(isSettled func() bool) {
	if len(p.group) == 0 && len(p.before) == 0 {
		return
	}
	settled := isSettled()
	if settled {
		clear(p.before)
	}
	for name := range p.group {
		if !settled {
			p.before[name] = struct{}{}
		}
	}
	clear(p.group)
}

// uncertain reports whether it may depend on an answer of an earlier group what a name stands for.
func (p *prepared) uncertain(name string) bool {
	_, ok := p.before[clip(name)]
	return ok
}

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

// follows reports whether the statement's rows are those of another that it names: a cursor, or what PREPARE has made.
func (st *statement) follows() bool {
	if st == nil || len(st.plan.Statements) != 1 {
		return false
	}
	kind := st.plan.Statements[0].Kind
	return kind == rewriter.KindFetch || kind == rewriter.KindExecute
}
