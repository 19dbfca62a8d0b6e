package proxy

import (
	"bytes"
	"cmp"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
)

// verbatimRelay brings what a database of the tenant's own says to the client: as it is, in whole buffers. It looks at the start of a message where the
// ledger has to know of it, and takes out only errors that it has provoked, and rows beyond a limit.
type verbatimRelay struct {
	v *verbatim

	buf  []byte
	r, w int // buf[r:w] has been read and not consumed
	from int // buf[from:r] is forwarded and not yet written
	// rest is how much of a message is still to come, and restPasses whether it is forwarded.
	rest       int
	restPasses bool

	// head is the answer that the upstream gives now, as far as it is known; headed says so.
	head   due
	headed bool

	// muted makes it write no more: the session's goroutine has the last word. dead is why it ended.
	mu    sync.Mutex
	muted bool
	dead  string

	finished []*delivery // to be reported when they have left
	sent     sent
	// fatal is set when the upstream has said why it closes the connection, leaving when it was asked to.
	fatal   bool
	leaving atomic.Bool
	// silent is set when the client has been told that its statement failed while the upstream may go on with it: nothing passes until ReadyForQuery.
	silent bool
}

func newVerbatimRelay(v *verbatim) *verbatimRelay {
	return &verbatimRelay{v: v, buf: make([]byte, pgwire.BufferBytes)}
}

// run is the relay's goroutine.
func (r *verbatimRelay) run() {
	defer func() {
		if p := recover(); p != nil {
			r.v.s.server.log.Error("a relay failed", "session", r.v.s.id, "panic", p, "stack", string(debug.Stack()))
			r.end(internal())
		}
	}()
	for {
		if err := r.read(); err != nil {
			r.ended(err)
			return
		}
		if err := r.scan(); err != nil {
			r.ended(err)
			return
		}
		r.write()
		if err := r.v.s.out.flush(); err != nil {
			r.end(nil)
			return
		}
		r.report()
		n := r.sent
		r.sent = sent{}
		r.v.s.keepPace(n, r.isMuted)
	}
}

// read reads once, behind what is left.
func (r *verbatimRelay) read() error {
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r, r.from = 0, 0
	}
	n, err := r.v.conn.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	return err
}

// maxPeek is how much of a message is looked at: enough for the severity and the SQLSTATE of an error, and for a command tag.
const maxPeek = 1024

// scan handles the messages in the buffer, up to one whose start is not complete.
func (r *verbatimRelay) scan() error {
	for {
		if r.rest > 0 {
			n := min(r.rest, r.w-r.r)
			r.consume(n, r.restPasses)
			if r.rest -= n; r.rest > 0 {
				return nil
			}
		}
		if r.w-r.r < pgwire.HeaderBytes {
			return nil
		}
		h, err := pgwire.ParseHeader(r.buf[r.r:r.w], maxUpstreamBytes)
		if err != nil {
			return err
		}
		start := 0
		if h.Type != pgwire.MsgDataRow && h.Type != pgwire.MsgCopyData {
			start = min(h.Len, maxPeek)
		}
		if r.w-r.r < pgwire.HeaderBytes+start {
			return nil
		}
		passes, err := r.message(h, r.buf[r.r+pgwire.HeaderBytes:r.r+pgwire.HeaderBytes+start])
		if err != nil {
			return err
		}
		total := pgwire.HeaderBytes + h.Len
		n := min(total, r.w-r.r)
		r.consume(n, passes)
		r.rest, r.restPasses = total-n, passes
	}
}

// consume takes n bytes off the buffer, forwarded or dropped.
func (r *verbatimRelay) consume(n int, passes bool) {
	if !passes {
		r.write()
		r.from += n
	}
	r.r += n
}

// write writes what is forwarded and not yet written, and then b.
func (r *verbatimRelay) write(b ...byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.muted {
		if r.r > r.from {
			r.v.s.out.write(r.buf[r.from:r.r])
		}
		if len(b) > 0 {
			r.v.s.out.write(b)
		}
	}
	r.from = r.r
}

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
		e.run.copyRow, e.run.copyBinary = h.Type == pgwire.MsgCopyOut && start[0] == 0, start[0] == 1
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
	run.own, run.copyRow = 0, false
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
		e.run.sent = new(int64)
		r.tell(append(pgwire.AppendParse(nil, refusedName, refusedText, nil), pgwire.AppendFlush(nil)...))
		return
	}
	r.write(r.tooMany(e.run).response(nil, severityError)...)
	r.silent = true
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
	passes = true
	run := e.run
	switch {
	case r.silent: // the client has been told already
		return false
	case e.failure != nil:
		if state != stateFailedTransaction {
			r.write(e.failure.response(nil, severityError)...)
			passes = false
		}
	case run == nil:
	case run.over:
		r.write(r.tooMany(run).response(nil, severityError)...)
		passes = false
	case run.late.Load() && state == stateQueryCanceled:
		run.state, run.limit = state, limit.StatementTimeout
		r.write((&failure{state: state, message: "canceling statement due to statement timeout"}).response(nil, severityError)...)
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
	if r.silent && status == 'T' {
		r.tell(pgwire.AppendQuery(nil, refusedText)) // the session holds back what comes after a statement under a row limit
		return false
	}
	r.silent, r.headed = false, false
	ended, idle := r.v.owed.ready(status, func(d *delivery) { d.permit.Done() })
	if ended != nil {
		r.finish(ended)
	}
	if idle && r.v.s.leave.Load() {
		r.v.s.wake()
	}
	return true
}

func (r *verbatimRelay) pop() {
	r.headed = false
	r.v.owed.pop()
}

// finish notes that an execution has ended; it is reported when its last answer has left.
func (r *verbatimRelay) finish(run *delivery) {
	run.permit.Done()
	r.finished = append(r.finished, run)
}

// report tells the observer of the executions that have ended.
func (r *verbatimRelay) report() {
	for i, run := range r.finished {
		r.v.s.server.observer.Finished(Outcome{Session: r.v.s.id, Identity: r.v.s.who, Command: cmp.Or(run.command, "other"), Rows: run.rows,
			Bytes: run.bytes, SQLState: run.state, Limit: run.limit, Elapsed: time.Since(run.started), Waited: run.permit.Waited})
		r.finished[i] = nil
	}
	r.finished = r.finished[:0]
}

// ended closes the relay after the upstream's connection has failed, or sent nonsense.
func (r *verbatimRelay) ended(err error) {
	r.write()
	var format *pgwire.FormatError
	switch {
	case r.fatal, r.leaving.Load():
		_ = r.v.s.out.flush() // the client has been told why
		r.end(nil)
	case errors.Is(err, errDesync), errors.As(err, &format):
		r.v.s.server.log.Error("the upstream broke the protocol", "session", r.v.s.id, "error", err)
		r.end(internal())
	default:
		r.end(lost())
	}
}

// end closes the ledger and wakes the session's goroutine; f, unless nil, is the client's last word.
func (r *verbatimRelay) end(f *failure) {
	r.mu.Lock()
	if f != nil && !r.muted {
		r.dead = f.state
		r.v.s.out.fatal(f)
	}
	r.mu.Unlock()
	state := cmp.Or(r.state(), stateQueryCanceled)
	r.v.owed.close(func(run *delivery) {
		run.state = state
		r.finish(run)
	})
	r.report()
	r.v.s.wake()
}

// mute leaves the last word to the session's goroutine.
func (r *verbatimRelay) mute() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.muted = true
}

func (r *verbatimRelay) isMuted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.muted
}

// state is the SQLSTATE of why the relay has ended.
func (r *verbatimRelay) state() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead
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
