package proxy

import (
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// A Query that comes again and again with other literals runs upstream as a prepared statement: Postgres need not parse and plan it each time.
// Package rewriter says which literals can be parameters without a change of meaning; here the two forms are compared once more by the upstream that
// is to run them (comparison), and the client sees the answers of the simple protocol. What cannot run so runs as text.
//
// It goes upstream as one group, Bind, Execute and Sync, that is outstanding as one answer, like a Query. Its RowDescription is that of the statement on this
// connection, of which it is asked once (preparedOn). So that nothing is left, a portal inside of a transaction is closed in the same group.

// quickPlanner is a Planner that finds plans by the shape of a text. A *rewriter.Rewriter is one.
type quickPlanner interface {
	Quick(*rewriter.Request, *rewriter.Quick) bool
}

// form is a statement with parameters in the place of literals, for all sessions of the same settings.
type form struct {
	plan      *rewriter.Plan
	statement *statement
	state     atomic.Uint32
}

// The states of a form.
const (
	formUnknown uint32 = iota
	formGood           // an upstream has described it as it has described the text
	formBad            // runs as text
)

// forms finds them. It forgets all when there are too many.
type forms struct {
	mu    sync.Mutex
	known map[formKey]*form
	bytes int
}

// formKey tells forms apart. A plan belongs to one planner: a new policy, or a new catalog, makes new forms, which are compared anew.
type formKey struct {
	plan  *rewriter.Plan
	under string
}

// maxForms bounds them, maxFormBytes their texts: a plan is some times as large as its text.
const (
	maxForms     = 8192
	maxFormBytes = 8 << 20
)

// get returns the form of a plan of Quick.Prepared.
func (f *forms) get(plan *rewriter.Plan, under string, private *atomic.Uint64) *form {
	key := formKey{plan, under}
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.known[key]; known != nil {
		return known
	}
	f.bytes += len(plan.SQL)
	if f.known == nil || len(f.known) >= maxForms || f.bytes > maxFormBytes {
		f.known, f.bytes = make(map[formKey]*form), len(plan.SQL)
	}
	st := &statement{plan: plan, under: under, protocol: rewriter.Extended}
	st.declared = declaredTypes(st)
	st.shared = newPrivate(private.Add(1), plan.SQL, st.declared)
	st.shared.fingerprint.Store(&plan.Fingerprint)
	made := &form{plan: plan, statement: st}
	if plan.ReadsClock() {
		made.state.Store(formBad)
	}
	f.known[key] = made
	return made
}

// clear forgets all: they belong to planners that are not active any more.
func (f *forms) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known, f.bytes = nil, 0
}

// asPrepared is what an execution that runs as a prepared statement keeps besides.
type asPrepared struct {
	form *form
	// request is the client's, for the plan of its text.
	request rewriter.Request
	planner Planner
	// row is the RowDescription, to be written in the place of BindComplete; with late before the first row or the end: Postgres runs what changes rows
	// and returns them to its end before it describes them. asked is set when the upstream was asked for it.
	row         []byte
	late, asked bool
	// parses is set while the answer to the Parse in front is outstanding, bound once the Bind has been answered.
	parses, bound bool
	// again is set when the text runs instead, once ReadyForQuery has come.
	again bool
}

// maxAsPrepared bounds the texts, in bytes: what is outstanding keeps its own.
const maxAsPrepared = 16 << 10

// asPrepared reports whether this is the answer to a Query that runs as a prepared statement.
func (e *expectation) asPrepared() bool {
	return e != nil && e.kind == answerQuery && e.mode == forward && e.run != nil && e.run.prepared != nil
}

// quicks are buffers for texts on their way to their forms.
var quicks = sync.Pool{New: func() any { return new(quick) }}

type quick struct {
	rewriter.Quick
	messages []byte
}

func (q *quick) giveBack() {
	if cap(q.messages) <= maxKept {
		quicks.Put(q)
	}
}

// asPrepared runs a Query as a prepared statement; false when it is to run as text.
func (s *session) asPrepared(ctx context.Context, run *execution, sql string) (done bool, err error) {
	planner := s.planner() // one for all that follows: another can become the active one meanwhile
	finder, ok := planner.(quickPlanner)
	// Its Sync would end what the upstream skips after an error in messages that have none.
	if !ok || len(sql) > maxAsPrepared || s.open || s.pipe.isOpen() || s.schema.changed || s.schema.own != nil || s.schema.temporary != nil || s.user.SimpleAsText || s.adrift() {
		return false, nil
	}
	q := quicks.Get().(*quick)
	defer q.giveBack()
	began := time.Now()
	req := rewriter.Request{SQL: sql, Protocol: rewriter.Simple, Role: s.who.Role, SearchPath: s.settings.path}
	if !finder.Quick(&req, &q.Quick) || q.Denial != nil {
		return false, nil
	}
	plan, ok := q.Prepared()
	if !ok {
		return false, nil
	}
	f := s.server.forms.get(plan, s.parsing(), &s.server.lastPrivate)
	if f.state.Load() == formBad {
		return false, nil
	}
	run.plan = plan
	if failure := s.limitRows(run); failure != nil || run.counts || run.maxRows > 0 && writes(plan) || s.failedBefore() {
		run.plan, run.maxRows, run.counts = nil, 0, false // as text it waits for its end, or fails, by the rules for texts
		return false, nil
	}
	if failure := s.lease(ctx); failure != nil {
		run.permit.Done()
		return true, s.refuse(failure, simple)
	}
	if f.state.Load() == formUnknown {
		if err := s.compareForm(f, planner, req); err != nil {
			run.permit.Done()
			return true, err
		}
		if f.state.Load() != formGood {
			run.plan, run.maxRows = nil, 0
			return false, nil
		}
	}
	s.server.observer.Decided(Decision{Session: s.id, Identity: s.who, Plan: plan, Elapsed: time.Since(began)})
	run.prepared = &asPrepared{form: f, request: req, planner: planner, late: writes(plan) && returns(plan)}
	return true, s.sendAsPrepared(run, q)
}

// failedBefore reports whether it is certain, with nothing outstanding, that the transaction has failed: then the order of Postgres's own checks counts.
func (s *session) failedBefore() bool {
	empty, status := s.pipe.state()
	return empty && status == 'E'
}

// sendAsPrepared sends the group of messages.
func (s *session) sendAsPrepared(run *execution, q *quick) error {
	p := run.prepared
	shared := p.form.statement.shared
	b, err := q.messages[:0], error(nil)
	if p.row, p.parses = s.up.statements.row(shared); p.parses {
		if err := s.makeRoom(shared); err != nil {
			run.permit.Done()
			return err
		}
		b = pgwire.AppendParse(b, shared.name, shared.text, shared.types)
	}
	b = s.appendBind(b, p.form, q)
	if p.asked = p.row == nil; p.asked {
		b = pgwire.AppendDescribe(b, pgwire.Portal, "")
	}
	b = pgwire.AppendExecute(b, "", 0)
	if !s.alone() {
		b = pgwire.AppendClose(b, pgwire.Portal, "")
	}
	q.messages = pgwire.AppendSync(b)
	plan := run.plan // once it is sent the execution is the relay's
	outcome, err := s.send(expectation{kind: answerQuery, run: run}, q.messages)
	if err != nil || outcome == ignored {
		run.permit.Done()
		return err
	}
	if run.maxRows > 0 {
		s.hold = holdAll
	}
	s.ran(plan)
	s.groupEnded()
	s.copies = false
	return nil
}

// makeRoom notes that a statement is about to be prepared, and closes what has to go for it.
func (s *session) makeRoom(shared *sharedStatement) error {
	s.work.upstreamParses.Add(1)
	if _, old := s.up.statements.find(shared); old {
		if _, err := s.closeShared(shared); err != nil {
			return err
		}
	}
	if evicted := s.up.statements.add(shared); evicted != nil {
		if _, err := s.closeShared(evicted); err != nil {
			return err
		}
	}
	return nil
}

// appendBind appends the Bind of a text's literals and, behind them, the tenant.
func (s *session) appendBind(b []byte, f *form, q *quick) []byte {
	at := len(b)
	b = append(b, pgwire.MsgBind, 0, 0, 0, 0, 0) // the unnamed portal
	b = pgwire.AppendString(b, f.statement.shared.name)
	b = append(b, 0, 0) // all in text
	appended := f.plan.Appended()
	b = binary.BigEndian.AppendUint16(b, uint16(f.plan.ClientParams+len(appended)))
	b = q.AppendParams(b)
	for range appended {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s.tenant)))
		b = append(b, s.tenant...)
	}
	b = append(b, 0, 0)
	binary.BigEndian.PutUint32(b[at+1:], uint32(len(b)-at-1))
	return b
}

// bound handles what the upstream says to the messages in front of the statement's rows and behind them.
func (r *relay) bound(e *expectation, kind answer) error {
	p := e.run.prepared
	switch {
	case kind == answerParse && p.parses:
		p.parses = false
		r.take(false, nil)
	case kind == answerBind && !p.late && !p.asked:
		p.bound = true
		r.take(false, p.row)
		p.row = nil
	case kind == answerBind, kind == answerClose:
		p.bound = true
		r.take(false, nil)
	case kind == answerDescribe && p.asked: // NoData
		r.up.statements.describe(p.form.statement.shared, noRow)
		r.take(false, nil)
	default:
		return errDesync
	}
	return nil
}

// noRow is what describes a statement that returns no rows.
var noRow = []byte{}

// described keeps the RowDescription that was asked for.
func (r *relay) described(body []byte, e *expectation) error {
	p := e.run.prepared
	if !p.asked {
		return errDesync
	}
	row := pgwire.Append(nil, pgwire.MsgRowDescription, body...)
	r.up.statements.describe(p.form.statement.shared, row)
	if p.late {
		p.row = row
		r.take(false, nil)
		return nil
	}
	r.take(true, nil)
	return nil
}

// describeLate writes the RowDescription of a statement that has changed rows, before its first row or its end.
func (r *relay) describeLate(e *expectation) {
	if e.run == nil || e.run.prepared == nil || len(e.run.prepared.row) == 0 || e.mode != forward || r.silent {
		return
	}
	r.pass()
	r.write(e.run.prepared.row)
	e.run.prepared.row = nil
}

// fallsBack reports whether an error may be one that only the prepared form has, after a change of the schema that the proxy does not know of yet, and the
// text can run in its place: nothing has run, and nothing else is outstanding. Then nothing new is sent until runsText has sent that.
func (r *relay) fallsBack(e *expectation, state string) bool {
	p := e.run.prepared
	if p.parses {
		r.up.statements.drop(p.form.statement.shared)
	}
	if p.bound || r.silent || state == stateFailedTransaction || state == stateQueryCanceled {
		return false
	}
	if lasts(state) && (p.parses || !strings.HasPrefix(state, "22")) { // behind Parse it can be this value's
		p.form.state.Store(formBad)
	}
	p.again = r.pipe.blockSole()
	r.blocks = p.again
	return p.again
}

// lasts reports whether an error is one of the statement as it stands, which comes again: not one of locks, limits or the transaction.
func lasts(state string) bool {
	return strings.HasPrefix(state, "42") || strings.HasPrefix(state, "22") || strings.HasPrefix(state, "0A")
}

// blockSole blocks when nothing is outstanding but one answer, outside of a transaction.
func (p *pipeline) blockSole() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count != 1 || p.status != 'I' || p.closed || p.blocked > 0 {
		return false
	}
	p.blocked++
	return true
}

// runsText sends the text of an execution whose prepared form has failed, of which the client was told nothing.
func (r *relay) runsText(e *expectation) {
	run := e.run
	r.blocks = false
	defer r.pipe.unblock()
	plan := run.text()
	run.prepared = nil
	if plan == nil { // it was there a moment ago
		r.write(pgwire.AppendReady(internal().response(nil, severityError), 'I'))
		run.state = stateInternalError
		r.finish(run)
		r.pop()
		return
	}
	run.plan = plan
	r.scratch = pgwire.AppendQuery(r.scratch[:0], plan.Splice(run.who.Tenant))
	if _, err := r.up.Write(r.scratch); err == nil {
		_ = r.up.flush() // an upstream that is gone is found out by the next read
	}
}

// text is the plan of the client's text, where the one that runs is another; nil when there is none any more.
func (run *execution) text() *rewriter.Plan {
	if run.prepared == nil {
		return run.plan
	}
	plan, err := run.prepared.planner.Plan(run.prepared.request)
	if err != nil {
		return nil
	}
	return plan
}
