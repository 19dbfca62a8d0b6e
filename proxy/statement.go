package proxy

import (
	"context"
	"errors"
	"time"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// errTerminate is the client's Terminate.
var errTerminate = errors.New("terminated by the client")

// message handles one message of the client's.
func (s *session) message(ctx context.Context, h pgwire.Header) error {
	if s.own != nil {
		return s.own.message(ctx, h)
	}
	if (s.skipping || s.pipe.skips()) && h.Type != pgwire.MsgSync && h.Type != pgwire.MsgTerminate {
		return nil // as Postgres does after an error; Next discards the body
	}
	if s.copies {
		if done, err := s.duringCopy(h); done {
			return err
		}
	}
	if err := s.wait(h.Type); err != nil {
		return err
	}
	if err := s.onTime(); err != nil || s.skipping && h.Type != pgwire.MsgSync && h.Type != pgwire.MsgTerminate {
		return err
	}
	switch h.Type {
	case pgwire.MsgQuery:
		return s.query(ctx, h)
	case pgwire.MsgParse:
		return s.parse(ctx, h)
	case pgwire.MsgBind:
		return s.bind(ctx)
	case pgwire.MsgDescribe:
		return s.describe(ctx)
	case pgwire.MsgExecute:
		return s.execute(ctx)
	case pgwire.MsgClose:
		return s.closeNamed(ctx)
	case pgwire.MsgFlush:
		return s.flush()
	case pgwire.MsgSync:
		return s.sync()
	case pgwire.MsgFunctionCall:
		return s.refuse(&failure{state: stateFeatureNotSupported, message: "the function call protocol is not supported"}, simple)
	case pgwire.MsgCopyData, pgwire.MsgCopyDone, pgwire.MsgCopyFail:
		return nil // outside of COPY they are ignored
	case pgwire.MsgTerminate:
		return errTerminate
	}
	return &pgwire.FormatError{Message: "invalid frontend message type"}
}

// query runs a simple Query: planned whole or refused whole.
func (s *session) query(ctx context.Context, h pgwire.Header) error {
	began := time.Now()
	if h.Len > s.server.wire.MaxStatementBytes+1 {
		return s.refuse(s.tooLong(), simple)
	}
	body, err := s.in.Body()
	if err != nil {
		return err
	}
	var m pgwire.Query
	if err := pgwire.Decode(&m, body); err != nil {
		return s.refuse(malformed(pgwire.ErrFormat), simple)
	}
	permit, f := s.admit(ctx)
	if f != nil {
		s.notRun(f, began)
		return s.refuse(f, simple)
	}
	run := &execution{permit: permit, started: began, who: s.who}
	if err := s.settleAll(permit); err != nil {
		permit.Done()
		return err
	}
	if done, err := s.asPrepared(ctx, run, m.String); done || err != nil {
		return err
	}
	plan, planner, f := s.planRequest(ctx, rewriter.Request{SQL: m.String, Protocol: rewriter.Simple})
	if f == nil {
		f = s.settings.check(plan, permit)
	}
	if f != nil {
		permit.Done()
		return s.refuse(f, simple)
	}
	run.plan = plan
	run.made = &statement{sql: m.String, plan: plan, planner: planner, protocol: rewriter.Simple}
	if f, err = s.prepareQuery(ctx, run.made); err != nil || f != nil {
		permit.Done()
		if err != nil {
			return err
		}
		return s.refuse(f, simple)
	}
	if f := s.limitRows(run); f != nil {
		permit.Done()
		s.notRun(f, began)
		return s.refuse(f, simple)
	}
	if f := s.lease(ctx); f != nil {
		permit.Done()
		return s.refuse(f, simple)
	}
	return s.runQuery(run)
}

// runQuery sends a Query that may run.
func (s *session) runQuery(run *execution) error {
	plan := run.plan
	if err := s.beforeSending(run.made); err != nil {
		run.permit.Done()
		return err
	}
	text := plan.Splice(s.who.Tenant)
	if run.made.deallocates != "" {
		text = run.made.text(s.who.Tenant)
	}
	if !namesPrepared(plan) {
		run.made = nil // what is outstanding must not hold on to its text
	}
	sql := pgwire.AppendQuery(nil, text)
	if run.maxRows > 0 || run.counts {
		if writes(plan) && !controls(plan) {
			return s.queryWhole(run, sql)
		}
		s.hold = holdAll
	}
	outcome, err := s.send(expectation{kind: answerQuery, run: run}, sql)
	if err != nil || outcome == ignored {
		run.permit.Done()
		return err
	}
	s.ran(plan)
	s.groupEnded()
	s.copies = copiesIn(plan)
	return nil
}

// limitRows says which rows of a Query are counted, or why it cannot run under the limits on them.
func (s *session) limitRows(run *execution) (f *failure) {
	if run.permit.RowsPerStatement > 0 && returns(run.plan) {
		run.maxRows = run.permit.RowsPerStatement
		if copiesIn(run.plan) {
			return &failure{state: stateFeatureNotSupported, message: "COPY FROM STDIN cannot be sent together with statements that return rows while these are limited",
				hint: "Send the statement on its own.", limit: limit.RowsPerStatement}
		}
	}
	run.counts, f = s.countsChanges(run.plan, &run.permit)
	return f
}

// queryWhole runs a Query that writes, and returns or changes rows under a limit. Outside of a transaction such a text commits by itself, maybe
// before it is found to have too many rows; so it gets a transaction around it, which ends only when that is known. The client hears of success
// when that has ended, as Postgres would tell it.
func (s *session) queryWhole(run *execution, sql []byte) error {
	if err := s.drain(); err != nil {
		return err
	}
	// What the extended protocol has done without a Sync joins the transaction, as it would the Query.
	_, status := s.pipe.state()
	wrap := status == 'I'
	if wrap {
		if _, err := s.send(expectation{kind: answerQuery, mode: quiet, unready: true}, pgwire.AppendQuery(nil, "BEGIN")); err != nil {
			return err
		}
	}
	outcome, err := s.send(expectation{kind: answerQuery, run: run, unready: wrap}, sql)
	if err != nil || outcome == ignored {
		run.permit.Done()
		return err
	}
	s.ran(run.plan)
	s.groupEnded()
	if err := s.drain(); err != nil || !wrap {
		return err
	}
	last, end := expectation{kind: answerQuery, mode: quiet}, "ROLLBACK"
	if _, status := s.pipe.state(); status == 'T' {
		last.ends, end = run, "COMMIT"
	}
	_, err = s.send(last, pgwire.AppendQuery(nil, end))
	return err
}

// controls reports whether a plan begins or ends transactions.
func controls(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		switch plan.Statements[i].Kind {
		case rewriter.KindBegin, rewriter.KindCommit, rewriter.KindRollback, rewriter.KindSavepoint, rewriter.KindRelease, rewriter.KindRollbackTo:
			return true
		}
	}
	return false
}

func (s *session) tooLong() *failure {
	return &failure{state: stateProgramLimit, message: "the statement is too long", early: true,
		hint: "Pass large values as parameters."}
}

// settleAll makes everything certain that the next plan depends on besides the catalog.
func (s *session) settleAll(permit limit.Permit) error {
	if err := s.settle(permit); err != nil {
		return err
	}
	return s.settleSchema()
}

// notRun reports a statement that a limit has refused.
func (s *session) notRun(f *failure, began time.Time) {
	s.finished(Outcome{Session: s.id, Identity: s.who, SQLState: f.state, Limit: f.limit, Elapsed: time.Since(began)})
}

func returns(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		if plan.Statements[i].Returns {
			return true
		}
	}
	return false
}

func writes(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		if plan.Statements[i].Writes {
			return true
		}
	}
	return false
}

// wait holds a message back while the statement before it must run alone.
func (s *session) wait(next byte) error {
	switch {
	case s.hold == holdNothing, next == pgwire.MsgFlush, next == pgwire.MsgTerminate:
		return nil
	case s.hold == holdAfterSync && next == pgwire.MsgSync:
		return nil
	}
	s.hold = holdNothing
	return s.drain()
}

// drain waits until nothing is outstanding.
func (s *session) drain() error {
	if empty, _ := s.pipe.state(); empty {
		return nil
	}
	if s.open {
		if _, err := s.up.Write(pgwire.AppendFlush(nil)); err != nil {
			return s.upstreamGone()
		}
	}
	if err := s.up.flush(); err != nil {
		return s.upstreamGone()
	}
	if !s.pipe.waitEmpty() {
		return errRelay
	}
	return nil
}

// expect makes an answer outstanding. When there is no room, everything that was written leaves first: with a Flush, because the upstream
// keeps answers back until it gets one, or a Sync.
func (s *session) expect(e expectation) (pushed, error) {
	outcome := s.pipe.push(e, false)
	if outcome == full {
		if s.open {
			if _, err := s.up.Write(pgwire.AppendFlush(nil)); err != nil {
				return over, s.upstreamGone()
			}
		}
		if err := s.up.flush(); err != nil {
			return over, s.upstreamGone()
		}
		outcome = s.pipe.push(e, true)
	}
	if outcome == over {
		return over, errRelay
	}
	return outcome, nil
}

// send makes an answer outstanding and writes the message that it answers, unless the upstream would ignore it.
func (s *session) send(e expectation, message []byte) (pushed, error) {
	outcome, err := s.expect(e)
	if err != nil || outcome == ignored {
		return outcome, err
	}
	if e.kind == answerQuery { // which ends the unnamed statement
		s.up.statements.setUnnamed(nil)
	}
	if e.run != nil {
		s.runs(&e.run.permit)
	}
	if _, err := s.up.Write(message); err != nil {
		return over, s.upstreamGone()
	}
	return accepted, nil
}

// protocol is the way in which a message is answered.
type protocol bool

const (
	simple   protocol = true  // by ReadyForQuery
	extended protocol = false // by skipping to Sync
)

// refused is the name and text of statements that surely fail: Postgres finds no parameter $0, after it has found out whether the transaction
// has failed, and never keeps the statement.
const (
	refusedName = ownPrefix + "refused"
	refusedText = "SELECT $0"
)

// ownPrefix begins the names of the proxy's own statements and portals; clients may not use it.
const ownPrefix = "pgcordon:"

// refuse answers a message with a failure, with all that an error of Postgres would do in its place: it fails the transaction, explicit or not,
// and makes the messages up to Sync be skipped. When nothing is open the upstream need not know.
func (s *session) refuse(f *failure, how protocol) error {
	if how == extended {
		return s.refuseParse(f, refusedName)
	}
	alone := s.alone()
	s.groupEnded()
	if alone {
		s.known.forget("")
		return s.out.send(pgwire.AppendReady(f.response(nil, severityError), 'I'))
	}
	_, err := s.send(expectation{kind: answerQuery, mode: fake, failure: f}, pgwire.AppendQuery(nil, refusedText))
	return err
}

// refuseParse is refuse for a Parse of this name.
func (s *session) refuseParse(f *failure, name string) error {
	s.skipping, s.local = true, s.alone()
	if s.local {
		if name == "" {
			s.known.forget("")
		}
		return s.out.send(f.response(nil, severityError))
	}
	s.open = true
	_, err := s.send(expectation{kind: answerParse, mode: fake, failure: f, name: name},
		pgwire.AppendParse(nil, refusedName, refusedText, nil))
	return err
}

// alone reports whether no transaction, explicit or not, is open upstream. While the upstream skips messages it waits for a Sync, also
// behind a Query that it has skipped.
func (s *session) alone() bool {
	if s.up == nil {
		return true
	}
	empty, status := s.pipe.state()
	return empty && status == 'I' && !s.open && !s.pipe.skips()
}

// groupEnded notes a Sync, or a Query: what was not in an explicit transaction has ended.
func (s *session) groupEnded() {
	s.open, s.wrote, s.bound = false, false, false
	s.groups++
	s.dropEarly()
	s.known.groupEnded(s.pipe.settled)
	s.settings.groupEnded()
	s.schema.groupEnded()
}
