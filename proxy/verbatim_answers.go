package proxy

import (
	"bytes"
	"strconv"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
)

// What each message of a database that belongs to its tenant whole means for the answer that is outstanding.

// first returns the answer that the upstream gives now; one with awaitCopyEnd for none.
func (r *verbatimRelay) first() *due {
	if !r.headed {
		var ok bool
		if r.head, ok = r.v.owed.first(); !ok {
			r.head = due{kind: awaitCopyEnd}
			return &r.head
		}
		r.headed = true
	}
	return &r.head
}

// message decides what becomes of a message, of which start is the first part.
func (r *verbatimRelay) message(h pgwire.Header, start []byte) (passes bool, err error) {
	e := r.first()
	if e.run != nil {
		e.run.bytes += int64(h.Len) + pgwire.HeaderBytes
		r.sent.bytes += int64(h.Len) + pgwire.HeaderBytes
	}
	switch h.Type {
	case pgwire.MsgDataRow:
		return r.row(e)
	case pgwire.MsgCopyData:
		if e.run != nil && e.run.copyRow && e.run.maxRows > 0 { // maybe a header
			e.run.copyRow = false
			return !r.silent, nil
		}
		if e.run != nil && e.run.copyBinary && h.Len == 2 { // the trailer
			return !r.silent && !e.run.over, nil
		}
		return r.row(e)
	case pgwire.MsgNotice, pgwire.MsgParameterStatus, pgwire.MsgNotification:
		return true, nil
	case pgwire.MsgRowDescription, pgwire.MsgNoData, pgwire.MsgParameterDescription, pgwire.MsgCopyDone, pgwire.MsgFunctionResult:
		if e.kind == awaitDescribe && (h.Type == pgwire.MsgRowDescription || h.Type == pgwire.MsgNoData) {
			r.pop()
		}
		return !r.silent && (e.run == nil || !e.run.over), nil
	case pgwire.MsgParseComplete, pgwire.MsgBindComplete, pgwire.MsgCloseComplete:
		if e.kind == awaitParse || e.kind == awaitBind || e.kind == awaitClose {
			r.pop()
		}
		return !r.silent, nil
	case pgwire.MsgCopyOut, pgwire.MsgCopyIn, pgwire.MsgCopyBoth:
		if e.run == nil || len(start) == 0 {
			return false, errDesync
		}
		e.run.copyOut = h.Type == pgwire.MsgCopyOut
		e.run.copyRow, e.run.copyBinary = e.run.copyOut && start[0] == 0, start[0] == 1
		if h.Type != pgwire.MsgCopyOut {
			r.v.owed.copyIn()
		}
		return !r.silent, nil
	case pgwire.MsgCommandComplete, pgwire.MsgEmptyQuery, pgwire.MsgPortalSuspended:
		return r.executed(h.Type, start, e)
	case pgwire.MsgError:
		return r.failed(start, e), nil
	case pgwire.MsgReady:
		if len(start) != 1 {
			return false, errDesync
		}
		return r.ready(start[0], e), nil
	}
	return false, errDesync // the startup is over
}

// row counts a row, and says whether it passes. With the first row beyond the limit the upstream is told to cancel the statement; the
// session sends nothing meanwhile, so that hits this statement, or none.
func (r *verbatimRelay) row(e *due) (passes bool, err error) {
	run := e.run
	if run == nil {
		return false, errDesync
	}
	if run.over || r.silent {
		return false, nil
	}
	if run.maxRows > 0 && *run.sent >= run.maxRows {
		run.over = true
		r.write()
		if r.v.s.out.flush() == nil && r.v.owed.block(false) {
			r.v.cancel()
		}
		return false, nil
	}
	*run.sent++
	run.rows++
	r.sent.rows++
	return true, nil
}

// executed handles the end of a statement.
func (r *verbatimRelay) executed(typ byte, tag []byte, e *due) (passes bool, err error) {
	run := e.run
	if run == nil {
		return false, errDesync
	}
	if r.silent {
		return false, nil
	}
	if run.over {
		r.overrun(e)
		return false, nil
	}
	if typ == pgwire.MsgCommandComplete && r.uncommitted(run, tag, e) {
		return false, nil
	}
	sent := run.copyOut
	run.own, run.copyRow, run.copyOut = 0, false, false
	if run.maxChanges > 0 && !sent && changes(tag) > run.maxChanges {
		if run.changed = true; e.kind == awaitExecute {
			r.failGroup()
			return false, nil
		}
	}
	run.statements++
	if run.command = command(typ, tag); run.statements > 1 {
		run.command = "multi"
	}
	if e.kind == awaitExecute {
		r.finish(run)
		r.pop()
	}
	return true, nil
}

// overrun ends a statement that has sent more rows than it may and finished before it could be cancelled. The upstream, for which all is
// well, has to fail as well if anything can still be undone.
func (r *verbatimRelay) overrun(e *due) {
	if e.kind == awaitExecute { // its Sync waits for the end of this
		r.failGroup()
		return
	}
	r.write(r.tooMany(e.run).response(nil, severityError)...)
	r.silent = true
}

// failGroup makes the upstream fail what its next Sync would commit.
func (r *verbatimRelay) failGroup() {
	r.tell(append(pgwire.AppendParse(nil, refusedName, refusedText, nil), pgwire.AppendFlush(nil)...))
}

// tell sends something of the proxy's own. The session sends nothing meanwhile.
func (r *verbatimRelay) tell(b []byte) {
	if _, err := r.v.up.Write(b); err == nil {
		_ = r.v.up.flush() // an upstream that is gone is found out by the next read
	}
}

// tooMany is the failure of an execution that is over its row limit.
func (r *verbatimRelay) tooMany(run *delivery) *failure {
	f := exceeded(run.permit.RowsExceeded())
	run.state, run.limit = f.state, f.limit
	return f
}

// tooManyChanges is the failure of one that has changed more rows than it may.
func (r *verbatimRelay) tooManyChanges(run *delivery) *failure {
	f := exceeded(run.permit.ChangesExceeded())
	run.state, run.limit = f.state, f.limit
	return f
}

// failed handles an error, and says whether it passes.
func (r *verbatimRelay) failed(start []byte, e *due) (passes bool) {
	fields := pgwire.Fields(start)
	state := fields.Get(pgwire.FieldCode)
	if severity := fields.Get(pgwire.FieldSeverityPlain); severity == severityFatal || severity == "PANIC" {
		r.fatal = true
		r.mu.Lock()
		r.dead = state
		r.mu.Unlock()
		return true
	}
	passes = !e.quiet
	run := e.run
	instead := (*failure)(nil)
	if passes && !r.silent && r.v.s.overtime.on.Load() {
		instead = r.v.s.overtime.instead(state, run != nil && !run.over)
	}
	switch {
	case r.silent: // the client has been told already
		return false
	case state == stateQueryCanceled && r.v.s.killed.Load():
		r.write(shutdown().response(nil, severityFatal)...)
		r.mute() // that was the last word
		passes = false
	case instead != nil:
		r.write(instead.response(nil, severityError)...)
		passes = false
		if run != nil {
			run.state, run.limit = instead.state, instead.limit
		}
	case e.failure != nil:
		if state != stateFailedTransaction {
			r.write(e.failure.response(nil, severityError)...)
			passes = false
		}
	case run == nil:
	case run.over:
		r.write(r.tooMany(run).response(nil, severityError)...)
		passes = false
	case run.excess != nil:
		r.write(run.excess.response(nil, severityError)...)
		passes = false
	case run.changed && e.kind == awaitExecute:
		r.write(r.tooManyChanges(run).response(nil, severityError)...)
		passes = false
	case run.late.Load() && state == stateQueryCanceled:
		run.state, run.limit = state, limit.StatementTimeout
		r.write(exceeded(run.permit.TimeExceeded()).response(nil, severityError)...)
		passes = false
	default:
		run.state = state
	}
	switch {
	case e.kind.ends():
		r.silent = run != nil && run.over
		r.v.owed.copyEnds()
	case e.kind != awaitCopyEnd:
		if run != nil {
			r.finish(run)
		}
		r.headed = false
		r.v.owed.fail(func(d *delivery) { d.permit.Done() })
	}
	return passes
}

// ready handles ReadyForQuery, and says whether it passes.
func (r *verbatimRelay) ready(status byte, e *due) (passes bool) {
	if run := e.run; run != nil && run.changed && !r.silent && run.state == "" {
		if status == 'T' {
			r.write(r.tooManyChanges(run).response(nil, severityError)...)
			r.silent = true
		} else {
			run.limit = limit.ChangesPerStatement // too late: Postgres has committed it
		}
	}
	if r.silent && status == 'T' {
		r.tell(pgwire.AppendQuery(nil, refusedText)) // the session holds back what comes after a statement under a row limit
		return false
	}
	quiet := e.quiet
	if status == 'I' && !quiet {
		r.v.s.work.transactions.Add(1)
	}
	r.v.s.overtime.readyFor(status, r.v.owed.more())
	r.silent, r.headed = false, false
	ended, idle := r.v.owed.ready(status, func(d *delivery) { d.permit.Done() })
	if ended != nil {
		r.finish(ended)
	}
	if idle && r.v.s.leave.Load() {
		r.v.s.wake()
	}
	return !quiet
}

func (r *verbatimRelay) pop() {
	r.headed = false
	r.v.owed.pop()
}

// changes are the rows that a command tag says were changed.
func changes(tag []byte) int64 {
	words := bytes.Fields(bytes.TrimRight(tag, "\x00"))
	if len(words) < 2 {
		return 0
	}
	switch string(words[0]) {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "COPY":
		n, _ := strconv.ParseInt(string(words[len(words)-1]), 10, 64) // Postgres's own number
		return n
	}
	return 0
}

// command is the kind of a statement, by its command tag, as metrics know kinds.
func command(typ byte, tag []byte) string {
	if typ == pgwire.MsgEmptyQuery {
		return "empty"
	}
	if typ == pgwire.MsgPortalSuspended {
		return "select"
	}
	word := tag
	if i := bytes.IndexAny(tag, " \x00"); i >= 0 {
		word = tag[:i]
	}
	switch string(word) {
	case "SELECT":
		return "select"
	case "INSERT":
		return "insert"
	case "UPDATE":
		return "update"
	case "DELETE":
		return "delete"
	case "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return "transaction"
	case "SET", "RESET":
		return "set"
	case "SHOW":
		return "show"
	case "MERGE":
		return "merge"
	case "TRUNCATE":
		return "truncate"
	case "LOCK":
		return "lock"
	case "EXPLAIN":
		return "explain"
	}
	return "other"
}
