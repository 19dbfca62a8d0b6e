package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// parse prepares a statement: the upstream gets the plan's text, and the tenant's parameters are declared behind the client's.
func (s *session) parse(ctx context.Context, h pgwire.Header) error {
	began := time.Now()
	s.work.parses.Add(1)
	// Besides the text a Parse holds a name and at most 65535 types.
	if h.Len > s.server.wire.MaxStatementBytes+pgwire.BufferBytes+4*65535 {
		return s.refuse(s.tooLong(), extended)
	}
	body, err := s.in.Body()
	if err != nil {
		return err
	}
	var m pgwire.Parse
	if err := pgwire.Decode(&m, body); err != nil {
		return s.refuse(malformed(pgwire.ErrFormat), extended)
	}
	if len(m.Query) > s.server.wire.MaxStatementBytes {
		return s.refuseParse(s.tooLong(), m.Name)
	}
	st := &statement{sql: m.Query, types: m.ParameterOIDs}
	if f := s.unusable(m.Name); f != nil {
		return s.refuse(f, extended)
	}
	if s.known.full(st.size()) {
		return s.refuse(tooManyStatements(), extended)
	}
	permit, f := s.admit(ctx)
	if f != nil {
		s.notRun(f, began)
		return s.refuseParse(f, m.Name)
	}
	permit.Done() // planning is over in this function, and what is executed has limits of its own
	if err := s.settleAll(permit); err != nil {
		return err
	}
	if f = s.planStatement(ctx, st); f == nil {
		f, err = s.prepareParse(m.Name, st)
	}
	if err != nil {
		return err
	}
	if f != nil {
		return s.refuseParse(f, m.Name)
	}
	st.prepaid = true
	s.share(m.Name, st)
	return s.sendParse(ctx, m.Name, st)
}

// sendParse has the upstream parse a statement, unless it is known that it can.
func (s *session) sendParse(ctx context.Context, name string, st *statement) error {
	if st.shared != nil && !st.shared.known.Load() && s.up != nil {
		if has, _ := s.up.statements.find(st.shared); has { // on its way: then it is known, or not there
			if err := s.drain(); err != nil {
				return err
			}
		}
	}
	outcome, err := accepted, error(nil)
	switch {
	case st.shared != nil && st.shared.known.Load() && s.takesAll():
		if outcome, err = s.answerHere(expectation{kind: answerOwn, name: name, statement: st, own: parseComplete}); outcome == empty {
			outcome = accepted
		}
	default:
		if f := s.leaseFor(ctx, st); f != nil {
			return s.refuseParse(f, name)
		}
		outcome, err = s.prepareOn(expectation{kind: answerParse, name: name, statement: st}, st)
	}
	if err != nil || outcome == ignored {
		return err
	}
	s.open = true
	s.known.sent(name, st)
	return nil
}

// takesAll reports whether it is certain that no transaction is open that has failed: there the upstream says which statements it takes. What was sent
// with the group that is open now makes no difference: when it fails, the group is skipped.
func (s *session) takesAll() bool {
	if empty, status := s.pipe.state(); empty {
		s.sound = status != 'E'
	} else if !s.open {
		s.sound = false
	}
	return s.sound
}

// planStatement makes the statement's plan.
func (s *session) planStatement(ctx context.Context, st *statement) *failure {
	plan, planner, f := s.planRequest(ctx, rewriter.Request{SQL: st.sql, Protocol: rewriter.Extended, ParamTypes: st.types})
	if f == nil {
		st.plan, st.planner = plan, planner
	}
	return f
}

// reserved refuses names that could be taken for the proxy's own.
func reserved(name string) *failure {
	if !strings.HasPrefix(name, ownPrefix) {
		return nil
	}
	return &failure{state: stateInvalidName, message: `names that begin with "` + ownPrefix + `" are reserved`, early: true}
}

// named finds the statement that a name stands for upstream; nil when there is none.
func (s *session) named(name string) (*statement, error) {
	if st, ok := s.known.inGroup(name); ok {
		return st, nil
	}
	if !s.pipe.settled() {
		if err := s.drain(); err != nil {
			return nil, err
		}
	}
	st, ok := s.known.get(name)
	if !ok {
		st, _ = s.known.byPrepare(name)
	}
	return st, nil
}

// bind makes a portal: the client's values pass through, checked where they stand for the tenant, and the tenant's values follow.
func (s *session) bind(ctx context.Context) error {
	s.work.binds.Add(1)
	b, err := pgwire.ReadBind(s.in)
	if err != nil {
		return s.badFormat(err)
	}
	defer b.Free()
	st, err := s.named(b.Statement)
	if err != nil {
		return err
	}
	if st != nil && st.planner != s.planner() {
		if err := s.drain(); err != nil { // the relay reads the plans of what is outstanding
			return err
		}
	}
	if f := s.checkBind(ctx, b, st); f != nil {
		return s.refuse(f, extended)
	}
	if f, err := s.roomForPortal(); err != nil || f != nil {
		if err != nil {
			return err
		}
		return s.refuse(f, extended)
	}
	if f := s.leaseFor(ctx, st); f != nil {
		return s.refuse(f, extended)
	}
	name, outcome, err := s.onUpstream(st, b.Statement)
	if err != nil || outcome == ignored {
		return err
	}
	expected := expectation{kind: answerBind, shared: st.shared, again: s.beginsGroup(st), told: st.described}
	if st.upstream != "" {
		expected.statement = st
	}
	failures := s.pipe.failures()
	if outcome, err = s.expect(expected); err != nil || outcome == ignored {
		return err
	}
	s.open = true
	s.openPortal(clip(b.Portal), st, failures)
	mismatch, err := s.writeBind(b, name, st.plan)
	if err != nil {
		var format *pgwire.FormatError
		if s.up.failed() && !errors.As(err, &format) {
			return s.upstreamGone()
		}
		s.torn = true
		return err // in the middle of a message there is no way on
	}
	if mismatch != nil {
		return s.refuseBind(mismatch)
	}
	return nil
}

// writeBind passes the Bind on, with the tenant's values. mismatch is the denial of one of the client's values that may not pass.
func (s *session) writeBind(b *pgwire.Bind, name string, plan *rewriter.Plan) (mismatch *rewriter.Denial, err error) {
	rw := pgwire.BindRewrite{Statement: name, Appended: s.who.Tenant.String(), Times: len(plan.Appended())}
	if len(plan.Params) > 0 {
		rw.Checked, rw.Check = checkedParams(plan), s.checkOf(plan, &mismatch)
	}
	_, err = b.WriteBind(s.up, s.in, rw)
	return mismatch, err
}
func (s *session) checkArgument(plan *rewriter.Plan, a rewriter.TenantArgument, param int, format int16, value []byte) *rewriter.Denial {
	if a.Number != param+1 {
		return nil
	}
	return plan.CheckArgument(a, value, format, s.who.Tenant)
}

// checkOf is the check of the client's values that must be the tenant's id. It sets mismatch.
func (s *session) checkOf(plan *rewriter.Plan, mismatch **rewriter.Denial) func(int, int16, []byte, bool) bool {
	return func(param int, format int16, value []byte, large bool) bool {
		if large {
			value = []byte{0} // what no tenant's id is
		}
		for _, a := range plan.Params {
			if d := s.checkArgument(plan, a, param, format, value); d != nil {
				*mismatch = d
				return false
			}
		}
		return true
	}
}

// refuseBind fails a Bind that has been sent with a value that may not pass, blanked out.
func (s *session) refuseBind(d *rewriter.Denial) error {
	s.server.observer.Decided(Decision{Session: s.id, Identity: s.who, Denial: d})
	f := denied(d)
	s.pipe.amendBind(f)
	return s.refuse(f, extended)
}

// checkBind finds what is wrong with a Bind before any of it is sent.
func (s *session) checkBind(ctx context.Context, b *pgwire.Bind, st *statement) *failure {
	if f := s.unusable(b.Portal); f != nil {
		return f
	}
	if st == nil {
		return noSuchStatement(b.Statement)
	}
	if f := s.replan(ctx, st); f != nil {
		return f
	}
	if err := b.CheckCounts(b.Statement, st.plan.ClientParams); err != nil {
		return malformed(err)
	}
	if b.Params+len(st.plan.Appended()) > 65535 {
		return &failure{state: stateTooManyArguments, message: "too many parameters", early: true}
	}
	return nil
}

// replan makes a statement follow a policy that was loaded after it was prepared. The upstream keeps its text,
// so the new plan must be the same one, or the client has to prepare again.
func (s *session) replan(ctx context.Context, st *statement) *failure {
	if st.planner == s.planner() {
		return nil
	}
	if st.upstream != "" {
		return s.replanMade(ctx, st)
	}
	fresh := &statement{sql: st.sql, types: st.types}
	if f := s.planStatement(ctx, fresh); f != nil {
		return f
	}
	if fresh.plan.SQL != st.plan.SQL || fresh.plan.ClientParams != st.plan.ClientParams || !slices.Equal(fresh.plan.Tenants, st.plan.Tenants) ||
		!slices.Equal(fresh.plan.ParamTypes, st.plan.ParamTypes) {
		return planChanged()
	}
	st.plan, st.planner = fresh.plan, fresh.planner
	return nil
}

// changedResult is how Postgres refuses a prepared statement whose rows have other columns now (src/backend/utils/cache/plancache.c).
const changedResult = "cached plan must not change result type"

// planChanged is the failure of a prepared statement that means something else now. Drivers know this text, and prepare again by themselves.
func planChanged() *failure {
	return &failure{state: stateFeatureNotSupported, message: changedResult,
		hint: "The policy has changed. Prepare the statement again."}
}

// checkedParams are the numbers, from 0, of the parameters that must be the tenant's id.
func checkedParams(plan *rewriter.Plan) []int {
	if len(plan.Params) == 0 {
		return nil
	}
	var params []int
	for _, a := range plan.Params {
		params = append(params, a.Number-1)
	}
	slices.Sort(params)
	return slices.Compact(params)
}

// badFormat answers a message that could not be read: an error of its form is the client's to see, and the session goes on.
func (s *session) badFormat(err error) error {
	var format *pgwire.FormatError
	if errors.As(err, &format) {
		return s.refuse(malformed(format), extended)
	}
	return err
}

// describe passes on a Describe; of a statement's parameters the client is shown its own.
func (s *session) describe(ctx context.Context) error {
	m, err := pgwire.ReadTarget(s.in)
	if err != nil {
		return s.badFormat(err)
	}
	if f := reserved(m.Name); f != nil {
		return s.refuse(f, extended)
	}
	params, shared := -1, (*sharedStatement)(nil)
	switch m.ObjectType {
	case pgwire.Statement:
		st, err := s.named(m.Name)
		if err != nil {
			return err
		}
		if st == nil {
			return s.refuse(noSuchStatement(m.Name), extended)
		}
		if f := s.leaseFor(ctx, st); f != nil {
			return s.refuse(f, extended)
		}
		if !st.described && st.shared != nil && !st.shared.alone {
			s.up.statements.outdate(st.shared)
		}
		st.described = true
		name, outcome, err := s.onUpstream(st, m.Name)
		if err != nil || outcome == ignored {
			return err
		}
		params, m.Name, shared = st.plan.ClientParams, name, st.shared
	case pgwire.Portal:
		if f := s.lease(ctx); f != nil {
			return s.refuse(f, extended)
		}
		if p := s.portals[clip(m.Name)]; p != nil && p.statement != nil {
			p.statement.described = true
		}
	default:
		return s.refuse(malformed(&pgwire.FormatError{Message: fmt.Sprintf("invalid DESCRIBE message subtype %d", m.ObjectType)}), extended)
	}
	return s.sendOpen(expectation{kind: answerDescribe, params: params, shared: shared}, pgwire.AppendDescribe(s.reused.message[:0], m.ObjectType, m.Name))
}

// sendOpen sends a message of the extended protocol.
func (s *session) sendOpen(e expectation, message []byte) error {
	outcome, err := s.send(e, message)
	if err == nil && outcome == accepted {
		s.open = true
	}
	return err
}

// execute runs a portal.
func (s *session) execute(ctx context.Context) error {
	began := time.Now()
	m, p, err := s.readExecute(ctx)
	if err != nil || p == nil {
		return err
	}
	permit, f := s.permitFor(ctx, p.statement)
	if f != nil {
		s.notRun(f, began)
		return s.refuse(f, extended)
	}
	run := s.newExecution(permit, p, began)
	if err := s.settle(permit); err != nil {
		run.permit.Done()
		return err
	}
	if f := s.lease(ctx); f != nil {
		run.permit.Done()
		return s.refuse(f, extended)
	}
	if p.statement != nil {
		f, err := s.changed(p), error(nil)
		if f == nil {
			f, err = s.beforeRun(ctx, p.statement.plan)
		}
		if f == nil && err == nil {
			run.counts, f = s.countsChanges(p.statement.plan, &permit)
		}
		if err != nil || f != nil {
			run.permit.Done()
			if err != nil {
				return err
			}
			return s.refuse(f, extended)
		}
		run.made = p.statement
		if err := s.beforeSending(p.statement); err != nil {
			run.permit.Done()
			return err
		}
	}
	returning, writing := true, true
	if p.statement != nil {
		run.plan = p.statement.plan
		returning, writing = returns(run.plan), writes(run.plan)
	}
	if permit.RowsPerStatement > 0 && !returning {
		if returning, err = s.doubtful(p); err != nil {
			run.permit.Done()
			return err
		}
	}
	if returning {
		run.maxRows = permit.RowsPerStatement
	}
	plan, made, cut := run.plan, run.made, run.maxRows > 0 || run.counts // once sent, run is the relay's
	outcome, err := s.send(expectation{kind: answerExecute, run: run}, pgwire.AppendExecute(s.reused.message[:0], m.Portal, m.MaxRows))
	if err != nil || outcome == ignored {
		run.permit.Done()
		return err
	}
	s.open = true
	if made != nil {
		s.known.ran(made)
	}
	if plan != nil {
		s.ran(plan)
		s.copies = copiesIn(plan)
	}
	if cut {
		// A Sync behind a statement that has only read cannot commit anything that the row limit should undo.
		s.hold = holdAfterSync
		if writing || s.wrote {
			s.hold = holdAll
		}
	}
	s.wrote = s.wrote || writing
	return nil
}

// permitFor admits an execution, unless the statement's Parse has been admitted for it.
func (s *session) permitFor(ctx context.Context, st *statement) (permit limit.Permit, f *failure) {
	if permit, ok := s.takeEarly(st); ok {
		return permit, nil
	}
	s.dropEarly()
	if st != nil && st.prepaid {
		st.prepaid = false
		return s.resume(ctx)
	}
	return s.admit(ctx)
}

// closeNamed closes a statement or portal. A statement is the session's alone: the upstream's is shared, and stays.
func (s *session) closeNamed(ctx context.Context) error {
	m, err := pgwire.ReadTarget(s.in)
	if err != nil {
		return s.badFormat(err)
	}
	if f := reserved(m.Name); f != nil {
		return s.refuse(f, extended)
	}
	switch m.ObjectType {
	case pgwire.Statement:
		return s.closeStatement(m.Name)
	case pgwire.Portal:
	default:
		return s.refuse(malformed(&pgwire.FormatError{Message: fmt.Sprintf("invalid CLOSE message subtype %d", m.ObjectType)}), extended)
	}
	if f := s.lease(ctx); f != nil {
		return s.refuse(f, extended)
	}
	failures := s.pipe.failures()
	outcome, err := s.send(expectation{kind: answerClose}, pgwire.AppendClose(s.reused.message[:0], m.ObjectType, m.Name))
	if err != nil || outcome == ignored {
		return err
	}
	s.open = true
	s.closePortal(clip(m.Name), failures)
	return nil
}

// closeStatement closes a statement, that a Parse has made or PREPARE: the latter is the upstream's to close.
func (s *session) closeStatement(name string) error {
	outcome, err := s.answerHere(expectation{kind: answerOwn, name: name, closes: true, own: closeComplete})
	if err != nil || outcome == ignored {
		return err
	}
	s.open = true
	s.known.sent(name, nil)
	return nil
}

// flush passes on a Flush.
func (s *session) flush() error {
	if s.up == nil || !s.pipe.isOpen() {
		return s.out.flush()
	}
	if _, err := s.up.Write(pgwire.AppendFlush(s.reused.message[:0])); err != nil {
		return s.upstreamGone()
	}
	return nil
}

// sync ends a group of messages, and the skipping after a failure.
func (s *session) sync() error {
	if s.skipping && s.local {
		s.skipping = false
		s.groupEnded()
		return s.out.send(pgwire.AppendReady(nil, 'I'))
	}
	s.skipping = false
	if status, idle := s.pipe.idle(); idle && s.hold == holdNothing {
		s.groupEnded()
		return s.out.send(pgwire.AppendReady(nil, status))
	}
	if s.pipe.isLulled() {
		if err := s.rouse(); err != nil {
			return err
		}
	}
	if _, err := s.send(expectation{kind: answerSync}, pgwire.AppendSync(s.reused.message[:0])); err != nil {
		return err
	}
	s.groupEnded()
	if s.hold == holdAfterSync {
		s.hold = holdAll
	}
	return nil
}

// rouse sends what makes the upstream end a transaction with the Sync that follows. Postgres 18 does not if a Query stands between Execute and Sync: it
// answers that no transaction is open, keeps it with its locks, and fails the next statement, whoever's that is, by which what was done is lost.
func (s *session) rouse() error {
	outcome, err := s.send(expectation{kind: answerParse, mode: skip, name: ownName, reply: &reply{}}, pgwire.AppendParse(nil, ownName, "", nil))
	if err == nil && outcome == accepted {
		_, err = s.send(expectation{kind: answerClose, mode: skip, reply: &reply{}}, pgwire.AppendClose(nil, pgwire.Statement, ownName))
	}
	return err
}
