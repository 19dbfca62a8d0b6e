package proxy

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// What each message of the upstream's means for the expectation e that it answers; e is nil when nothing is outstanding.

// looksInto reports whether a message has to be in the buffer as a whole. Rows and their descriptions may be large, and pass by their header.
func (r *relay) looksInto(h pgwire.Header, e *expectation) bool {
	switch h.Type {
	case pgwire.MsgDataRow:
		return e != nil && e.reply != nil
	case pgwire.MsgRowDescription:
		return e != nil && (e.reply != nil && e.reply.compared != nil || e.asPrepared())
	case pgwire.MsgCopyOut, pgwire.MsgCopyData, pgwire.MsgCopyDone:
		return false
	}
	return true
}

// skim handles a message that is decided by its header.
func (r *relay) skim(h pgwire.Header, e *expectation) error {
	if e == nil {
		return errDesync
	}
	passes := e.mode == forward && !r.silent
	switch {
	case h.Type == pgwire.MsgDataRow && (e.kind == answerQuery || e.kind == answerExecute):
		r.describeLate(e)
		passes = passes && r.row(e)
	case h.Type == pgwire.MsgRowDescription && (e.kind == answerQuery || e.kind == answerDescribe):
	case h.Type == pgwire.MsgCopyOut || h.Type == pgwire.MsgCopyData || h.Type == pgwire.MsgCopyDone:
		c := e.copy()
		if c == nil || c.From {
			return errDesync
		}
		passes = passes && !e.run.over && (h.Type != pgwire.MsgCopyData || r.copyRow(h, e, c))
	default:
		return errDesync
	}
	r.count(e, h.Len+pgwire.HeaderBytes, passes)
	r.frame(h, passes, e.kind == answerDescribe)
	return nil
}

func (r *relay) count(e *expectation, n int, passes bool) {
	if passes && e.run != nil {
		e.run.bytes += int64(n)
		r.sent.bytes += int64(n)
	}
}

// row counts a row, and says whether it passes. With the first row beyond the limit the upstream is told to cancel the statement,
// and that has been done before anything else is read: the cancellation hits this statement, or none.
func (r *relay) row(e *expectation) bool {
	run := e.run
	if run.over {
		return false
	}
	sent := &run.current
	if run.portal != nil {
		sent = &run.portal.sent
	}
	if run.maxRows > 0 && *sent >= run.maxRows {
		run.over = true
		r.pass()
		if r.out.flush() == nil {
			r.cancel()
		}
		return false
	}
	*sent++
	run.rows++
	r.sent.rows++
	return true
}

// look handles a message whose body is there; the body is valid until take.
func (r *relay) look(typ byte, body []byte, e *expectation) error {
	switch typ {
	case pgwire.MsgNotice:
		r.scratch = pgwire.Fields(body).AppendFiltered(r.scratch[:0], pgwire.MsgNotice, passed)
		if e != nil && e.mode != forward || r.silent {
			r.scratch = r.scratch[:0]
		}
		r.take(false, r.scratch)
		return nil
	case pgwire.MsgParameterStatus:
		return r.parameter(body, e)
	case pgwire.MsgNotification:
		return r.notification(body)
	case pgwire.MsgError:
		return r.failed(body, e)
	}
	if e == nil {
		return errDesync
	}
	if e.reply != nil && e.reply.compared != nil && (typ == pgwire.MsgParameterDescription || typ == pgwire.MsgRowDescription || typ == pgwire.MsgNoData) {
		return r.compares(typ, body, e)
	}
	switch typ {
	case pgwire.MsgReady:
		return r.ready(body, e)
	case pgwire.MsgRowDescription:
		return r.described(body, e)
	case pgwire.MsgParseComplete:
		return r.completed(e, answerParse)
	case pgwire.MsgBindComplete:
		return r.completed(e, answerBind)
	case pgwire.MsgCloseComplete:
		return r.completed(e, answerClose)
	case pgwire.MsgNoData:
		return r.completed(e, answerDescribe)
	case pgwire.MsgParameterDescription:
		return r.parameters(body, e)
	case pgwire.MsgCommandComplete, pgwire.MsgEmptyQuery, pgwire.MsgPortalSuspended:
		return r.executed(typ, body, e)
	case pgwire.MsgCopyIn:
		return r.copyIn(body, e)
	case pgwire.MsgDataRow:
		e.reply.add(body)
		r.take(false, nil)
		return nil
	}
	return errDesync // function calls are refused, and the startup is over
}

// parameter keeps what a setting is now, and passes it on unless the client knows it. Servers before 14 tell of a setting each time it is set, also to what it
// was: what the client has set itself, it hears again.
func (r *relay) parameter(body []byte, e *expectation) error {
	name, value, ok := parameterOf(body)
	if !ok {
		return errDesync
	}
	r.up.report(name, value)
	again := e != nil && e.mode == forward && serverMajor(r.up.reported().values["server_version"]) < 14
	if !r.s.learns(name, value) && !again {
		r.take(false, nil)
		return nil
	}
	if name == "session_authorization" { // servers of 13 report it after DISCARD ALL
		r.scratch = pgwire.AppendParameterStatus(r.scratch[:0], name, r.s.who.User)
		r.take(false, r.scratch)
		return nil
	}
	r.take(true, nil)
	return nil
}

// completed handles the answers that are nothing but a yes.
func (r *relay) completed(e *expectation, kind answer) error {
	if e.asPrepared() {
		return r.bound(e, kind)
	}
	if e.kind != kind {
		return errDesync
	}
	if kind == answerParse && e.shared != nil {
		e.shared.known.Store(true)
	}
	switch e.mode {
	case forward:
		if kind == answerParse {
			r.s.known.confirm(e.name, e.statement)
		}
		r.take(true, nil)
	case skip, quiet:
		r.take(false, nil)
	case fake:
		if kind != answerBind {
			return errDesync // what must fail has not
		}
		r.take(false, nil) // the failure comes with the next answer
	}
	r.pop()
	return nil
}

// parameters shows a client its own parameters alone.
func (r *relay) parameters(body []byte, e *expectation) error {
	if e.kind != answerDescribe || e.params < 0 {
		return errDesync
	}
	trimmed, err := pgwire.TrimParameters(body, e.params)
	if err != nil {
		return err
	}
	r.take(false, pgwire.Append(nil, pgwire.MsgParameterDescription, trimmed...))
	return nil
}

// tag is the CommandComplete that the client gets instead of the upstream's; nil for none. Of a Query's statements each has one.
func (run *execution) tag(typ byte, body []byte) []byte {
	if typ != pgwire.MsgCommandComplete {
		return nil
	}
	word := run.word()
	run.executed = ""
	if run.portal == nil {
		run.statement++
	}
	switch _, count, _ := bytes.Cut(body, []byte{' '}); word {
	case "":
		return nil
	case rewriter.TruncateTag: // has no count
		return pgwire.Append(nil, typ, append([]byte(word), 0)...)
	default:
		return pgwire.Append(nil, typ, append([]byte(word+" "), count...)...)
	}
}

// locks is how Postgres names the SELECT with a locking clause that the upstream is at.
func (run *execution) locks() string {
	if run.plan == nil || run.statement >= len(run.plan.Statements) {
		return ""
	}
	return run.plan.Statements[run.statement].Locks
}

// readOnly is Postgres's message for a statement that a read-only transaction does not run.
func readOnly(statement string) string {
	return "cannot execute " + statement + " in a read-only transaction"
}

// word is the command tag, without a count, of the statement that the upstream is at, where it is not the upstream's.
func (run *execution) word() string {
	if run.plan == nil || run.statement >= len(run.plan.Statements) {
		return ""
	}
	return cmp.Or(run.plan.Statements[run.statement].Tag, run.executed)
}

// executed handles the end of a statement.
func (r *relay) executed(typ byte, body []byte, e *expectation) error {
	if e.mode == fake || e.kind != answerExecute && (e.kind != answerQuery || typ == pgwire.MsgPortalSuspended) {
		return errDesync
	}
	r.s.forgot(typ, body, r.up)
	if r.silent || e.mode != forward {
		r.take(false, e.ends.success())
		if e.kind == answerExecute {
			r.pop()
		}
		return nil
	}
	r.describeLate(e)
	r.s.overtime.tellCommit(e.run, typ, body)
	if e.run.changed(typ, body); e.run.over {
		r.overrun(e)
		return nil
	}
	e.run.current, e.run.copied = 0, 0
	if typ == pgwire.MsgCommandComplete {
		r.s.completed(e.run)
	}
	r.count(e, r.current, true)
	if tag := e.run.tag(typ, body); e.unready && e.run.holdBack(typ, body, tag) {
		r.take(false, nil)
	} else if tag != nil {
		r.take(false, tag)
	} else {
		r.take(true, nil)
	}
	if e.kind == answerExecute {
		r.finish(e.run)
		r.pop()
	}
	return nil
}

// overrun ends a statement that has sent more rows than it may and finished before it could be cancelled. The client gets its error now;
// the upstream, for which all is well, has to fail as well if anything could still be committed.
func (r *relay) overrun(e *expectation) {
	if e.kind == answerExecute && r.pipe.blockUnlessSync() {
		r.take(false, nil)
		r.provoke(pgwire.AppendFlush(nil))
		r.pipe.unblock()
		return
	}
	r.take(false, r.tooMany(e.run).response(nil, severityError))
	r.silent = true
	if e.kind == answerExecute {
		r.finish(e.run)
		r.skipToSync()
	}
}

// tooMany is the failure of an execution that is over its row limit.
func (r *relay) tooMany(run *execution) *failure {
	f := cmp.Or(run.excess, exceeded(run.permit.RowsExceeded()))
	run.state, run.limit = f.state, f.limit
	return f
}

// refusedWord is what the message of an error calls a statement of the client's that is refused in a transaction that is read only; empty when it stays as it is.
func (r *relay) refusedWord(run *execution, state, message string) string {
	if word := cmp.Or(run.word(), r.s.executing(run)); word != "" && state == stateReadOnly {
		return word
	}
	if message == readOnly("SELECT") {
		return run.locks()
	}
	return ""
}

// failed handles an error of the upstream's.
func (r *relay) failed(body []byte, e *expectation) error {
	fields := pgwire.Fields(body)
	state := fields.Get(pgwire.FieldCode)
	if e.asPrepared() && r.fallsBack(e, state) {
		r.take(false, nil)
		return nil
	}
	text := fields.AppendFiltered(r.scratch[:0], pgwire.MsgError, passed)
	if p := e.clientPosition(fields.Get(pgwire.FieldPosition), r.s.who.Tenant); p > 0 {
		text = pgwire.AppendField(text, 0, pgwire.FieldPosition, strconv.Itoa(p))
	}
	text = e.copyError(e.clientMessage(text), fields)
	r.scratch = text
	if severity := fields.Get(pgwire.FieldSeverityPlain); severity == severityFatal || severity == "PANIC" {
		r.fatal = true
		r.s.diesOf(state)
		r.take(false, text)
		return nil
	}
	if e != nil && e.shared != nil && state == stateFeatureNotSupported && fields.Get(pgwire.FieldMessage) == changedResult && r.outdated(e) {
		r.take(false, nil)
		return nil
	}
	e.mayHaveForgotten(r.up)
	switch {
	case e == nil:
		return errDesync
	case r.provoked && e.kind != answerExecute, r.silent:
		// The client has been told already; ReadyForQuery comes next.
		r.provoked = false
		r.take(false, nil)
		return nil
	case e.vital:
		if !r.s.isMuted() { // else it was cancelled: nobody waits for what is behind it
			r.up.log.Error("a statement of the proxy's own failed", "sqlstate", state)
		}
		return errOwn
	case e.mode == skip:
		e.reply.failed, e.reply.state = true, state
		text = nil
	case e.mode == fake && (state != stateFailedTransaction || e.failure.early):
		text = e.failure.response(nil, severityError)
	case e.failure != nil && state == stateQueryCanceled && strings.HasSuffix(fields.Get(pgwire.FieldMessage), copyRefused):
		text = e.failure.response(nil, severityError)
		e.run.state, e.run.limit = e.failure.state, e.failure.limit
	case e.run != nil && e.run.over:
		text = r.tooMany(e.run).response(nil, severityError)
	case e.run != nil:
		text = r.failedRun(e.run, state, fields.Get(pgwire.FieldMessage), text)
	}
	killed := state == stateQueryCanceled && r.s.killed.Load()
	if killed {
		text = shutdown().response(nil, severityFatal)
	} else if f := r.s.overtime.tell(state, e); f != nil {
		text = f.response(nil, severityError)
		if e.run != nil {
			e.run.state, e.run.limit = f.state, f.limit
		}
	}
	r.provoked = false
	if r.take(false, text); killed {
		r.s.mute() // that was the last word
	}
	switch e.kind {
	case answerQuery:
		r.silent = e.run != nil && e.run.over
	case answerSync:
	default:
		if e.run != nil {
			r.finish(e.run)
		}
		if e.kind == answerParse && e.name == "" && e.mode != quiet {
			r.s.known.forget("")
		}
		r.notPrepared(e, false)
		r.skipToSync()
	}
	return nil
}

// failedRun notes the error of an execution, and returns what the client is told of it: text, or what takes its place.
func (r *relay) failedRun(run *execution, state, message string, text []byte) []byte {
	run.state = state
	if word := r.refusedWord(run, state, message); word != "" {
		text = (&failure{state: state, message: readOnly(word)}).response(nil, severityError)
	}
	if f := r.timedOut(run, state, message); f != nil {
		text = f.response(nil, severityError)
	}
	return text
}

// timedOut is the failure of an execution that has had the time of the tenant's limit, and not one of the client's own; nil of another.
func (r *relay) timedOut(run *execution, state, message string) *failure {
	if state != stateQueryCanceled || !strings.Contains(message, "statement timeout") || run.permit.StatementTimeout <= 0 || r.s.settings.shorter.Load() {
		return nil
	}
	f := exceeded(run.permit.TimeExceeded())
	run.limit = f.limit
	return f
}

// skipToSync drops what the upstream skips after an error.
func (r *relay) skipToSync() {
	r.pass()
	r.pipe.fail(func(e *expectation) {
		r.notPrepared(e, true)
		if e.run != nil {
			e.run.permit.Done()
		}
	})
}

// ready handles ReadyForQuery.
func (r *relay) ready(body []byte, e *expectation) error {
	if r.redo != nil {
		r.take(false, nil)
		r.redoGroup()
		return nil
	}
	if len(body) != 1 || e.kind != answerQuery && e.kind != answerSync {
		return errDesync
	}
	status := body[0]
	if e.asPrepared() && e.run.prepared.again {
		r.take(false, nil)
		r.runsText(e)
		return nil
	}
	if r.silent && status == 'T' {
		r.take(false, nil)
		r.provoke(pgwire.AppendSync(nil)) // the session holds back what comes after a statement under a row limit
		return nil
	}
	r.silent = false
	r.pipe.setStatus(status, e.mode != skip && e.mode != quiet && !e.unready)
	r.s.overtime.readyFor(status, r.pipe.more())
	r.take(e.mode != skip && !e.unready, nil)
	if e.kind == answerQuery {
		if e.mode != skip {
			r.s.known.forget("")
		}
		if e.run != nil {
			r.finish(e.run)
		}
	}
	r.pop()
	return nil
}

// finish notes that an execution has ended; it is reported when its last answer has left.
func (r *relay) finish(run *execution) {
	run.permit.Done()
	r.finished = append(r.finished, run)
}

// report tells the observer of the executions that have ended.
func (r *relay) report() {
	for i, run := range r.finished {
		r.s.reports(run)
		r.finished[i] = nil
		r.s.reused.reuse(run)
	}
	r.finished = r.finished[:0]
}

// reports tells the observer of an execution that has ended.
func (s *session) reports(run *execution) {
	s.finished(Outcome{Session: s.id, Identity: run.who, Plan: run.plan, Rows: run.rows, Bytes: run.bytes,
		SQLState: run.state, Limit: run.limit, Elapsed: time.Since(run.started), Waited: run.permit.Waited})
}

// add keeps the first column of a DataRow.
func (p *reply) add(body []byte) {
	if len(body) < 6 {
		return
	}
	if n := int64(int32(binary.BigEndian.Uint32(body[2:]))); n >= 0 && n <= int64(len(body)-6) {
		p.rows = append(p.rows, string(body[6:6+n]))
	}
}
