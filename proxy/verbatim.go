package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
)

// On a database that belongs to one tenant whole nothing is parsed and nothing rewritten: each message goes upstream as it came, and each answer
// to the client. What is kept from both is what limits, cancel requests, metrics and an orderly end need: verbatim_ledger.go. The
// upstream connection is the client's from its login to its end.

// verbatim is the part of a session that runs on a database of the tenant's own. Fields without a comment that says otherwise belong to the
// session's goroutine.
type verbatim struct {
	s     *session
	name  string // of the database
	conn  *pool.Conn
	up    *verbatimOut
	owed  *ledger
	relay *verbatimRelay
	// leave tells who has lent the database that the session has ended.
	leave func()

	// open is set while messages of the extended protocol have gone upstream without a Sync.
	open bool
	// skipping is set after a refusal of which the upstream does not know, until Sync.
	skipping bool
	// alone is set behind a statement whose rows are limited: it is cut by a cancel request, and that must hit nothing else. So what comes
	// after it waits for its end, also a Sync, which would commit it.
	alone bool
	// prepaid counts the Parse messages that have been admitted for an execution to come, and maxRows is the row limit of the last permit.
	prepaid int
	maxRows int64
	// parsedCommit is set while the last Parse was one of COMMIT; see commits.
	parsedCommit bool
	// portals are the rows that a portal has sent, kept where they are limited.
	portals map[string]*int64
	// torn is set when a message to the upstream was left unfinished.
	torn bool
}

// delivery is one execution of a statement, from the client's message to its last answer.
type delivery struct {
	permit  limit.Permit
	started time.Time
	// maxRows, maxChanges and timeout are the limits; 0 for none.
	maxRows, maxChanges int64
	timeout             time.Duration
	// sent counts the rows of the statement that runs: of a Query's each, of a portal together.
	sent *int64
	// late is set when it has had its time and was cancelled for it.
	late atomic.Bool
	// commits is set for a COMMIT of a transaction of which the client does not know that it has failed.
	commits bool
	// Below belongs to the relay.
	own         int64
	rows, bytes int64
	statements  int
	command     string
	state       string
	limit       string
	over        bool     // the row limit was passed
	changed     bool     // more rows were changed than may be
	excess      *failure // takes the place of what has been provoked
	// copyRow is set before the first row of COPY in the text format, which may be a header.
	copyRow, copyBinary, copyOut bool
}

// enter gets the session a connection to a database of its tenant's own, and tells the client that it is ready.
func (s *session) enter(ctx context.Context, active *Active, asked *startup) error {
	db, err := active.Databases.Enter(asked.database, s.who)
	if err != nil {
		s.server.log.Error("a tenant's own database cannot be entered", "session", s.id, "error", err)
		return unreachable(err)
	}
	if asked.verbatim["replication"] != "" && !db.TrustRole { // it reads the whole server
		db.Leave()
		return asked.broken
	}
	lease, err := db.Pool.Acquire(ctx, pool.Request{Key: pool.NewKey(asked.verbatim), Tenant: s.who.Tenant.String(), Holder: s.id})
	if err != nil {
		db.Leave()
		s.server.log.Warn("no upstream connection", "session", s.id, "error", err)
		return notEntered(err, asked.database)
	}
	v := &verbatim{s: s, name: asked.database, conn: lease, up: &verbatimOut{out: bufio.NewWriterSize(lease.Conn, pgwire.BufferBytes)}, owed: newLedger(), leave: db.Leave}
	v.owed.late = v.overdue
	if lease.Parameters["is_superuser"] == "on" && !db.TrustRole {
		v.release()
		s.server.log.Error("the role of a tenant's own database is a superuser, and trust_role is not set", "session", s.id, "database", asked.database)
		return &failure{state: stateInvalidAuthorization, message: "the role that owns this database is a superuser: it could enter others",
			hint: "Configure another role, or trust_role where the tenant is trusted with the whole server."}
	}
	s.own = v // before anybody can find the session by its key
	key := s.server.cancels.issueFor(s, lease.PID)
	b := appendParameters(pgwire.AppendAuthOK(nil), lease.Parameters)
	if err := s.out.send(pgwire.AppendReady(pgwire.AppendBackendKeyData(b, key), 'I')); err != nil {
		v.release()
		return err
	}
	return nil
}

// release gives the connection back, which closes it.
func (v *verbatim) release() {
	v.conn.Release(false)
	v.leave()
}

// serve runs the client's messages until it ends; it returns the SQLSTATE of why, empty for an orderly end.
func (v *verbatim) serve(ctx context.Context) (state string) {
	v.relay = newVerbatimRelay(v)
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.relay.run()
	}()
	// When Shutdown has waited for long enough, whatever waits for the upstream ends.
	defer context.AfterFunc(ctx, func() {
		if v.owed.block(false) {
			v.cancel()
		}
		_ = v.conn.Close()
	})()
	err := v.s.messages(ctx)
	state = v.part(err)
	_ = v.conn.Close() // ends the relay
	<-done
	v.s.server.cancels.forget(v.s)
	v.owed.waitUnblocked()
	v.release()
	return state
}

// part takes leave of both sides after err has ended the session.
func (v *verbatim) part(err error) string {
	var f *failure
	var format *pgwire.FormatError
	if errors.As(err, &format) {
		f = malformed(format)
	} else {
		errors.As(err, &f)
	}
	if v.s.killed.Load() && v.owed.block(false) {
		v.cancel() // the relay says in the place of the error why the session ends
	}
	if errors.Is(err, errTerminate) && !v.torn {
		v.relay.leaving.Store(true)
		v.terminate() // Postgres answers what was sent before, and ends
		v.owed.waitClosed()
	} else if f != nil && !v.torn && !v.owed.copies() && v.drain() != nil {
		err = errRelay // what was sent before comes first, as with Postgres
	}
	if errors.Is(err, errRelay) || v.owed.isClosed() {
		return v.relay.state()
	}
	_ = v.s.conn.SetWriteDeadline(time.Now().Add(lastWords)) // the relay may be in the middle of a write to a client that does not read
	if told := v.relay.mute(); f != nil && !told {
		v.s.out.fatal(f)
	}
	if v.owed.block(false) {
		v.cancel() // nobody is there any more who wants what is running
	}
	if !v.torn {
		_ = v.conn.SetWriteDeadline(time.Now().Add(lastWords)) // it is closed next in any case
		v.terminate()
	}
	if f != nil {
		return f.state
	}
	return ""
}

// terminate tells the upstream that this is the end.
func (v *verbatim) terminate() {
	_, _ = v.up.Write(pgwire.Append(nil, pgwire.MsgTerminate))
	_ = v.up.flush() // one that is gone has ended the relay
}

// message handles one message of the client's. A closed switch, as that of session.message.
func (v *verbatim) message(ctx context.Context, h pgwire.Header) error {
	if v.skipping && h.Type != pgwire.MsgSync && h.Type != pgwire.MsgTerminate {
		return nil
	}
	if err := v.await(h.Type); err != nil {
		return err
	}
	if err := v.onTime(); err != nil || v.skipping && h.Type != pgwire.MsgSync && h.Type != pgwire.MsgTerminate {
		return err
	}
	switch h.Type {
	case pgwire.MsgQuery:
		return v.run(ctx, h, awaitQuery)
	case pgwire.MsgFunctionCall:
		return v.run(ctx, h, awaitCall)
	case pgwire.MsgExecute:
		return v.run(ctx, h, awaitExecute)
	case pgwire.MsgParse:
		return v.parse(ctx, h)
	case pgwire.MsgBind:
		if err := v.bound(); err != nil {
			return err
		}
		v.s.work.binds.Add(1)
		return v.extended(h, awaitBind)
	case pgwire.MsgDescribe:
		return v.extended(h, awaitDescribe)
	case pgwire.MsgClose:
		return v.extended(h, awaitClose)
	case pgwire.MsgSync:
		return v.sync(h)
	case pgwire.MsgCopyDone, pgwire.MsgCopyFail:
		return v.send(h, due{kind: awaitCopyEnd})
	case pgwire.MsgFlush, pgwire.MsgCopyData:
		return v.pass(h)
	case pgwire.MsgTerminate:
		return errTerminate
	}
	return &pgwire.FormatError{Message: "invalid frontend message type"}
}

// run sends a statement for execution.
func (v *verbatim) run(ctx context.Context, h pgwire.Header, kind awaited) error {
	began := time.Now()
	permit, f := v.permitted(ctx, kind)
	if f != nil {
		v.s.notRun(f, began)
		return v.refuse(f, kind)
	}
	run := &delivery{permit: permit, started: began, maxRows: permit.RowsPerStatement, maxChanges: permit.ChangesPerStatement,
		timeout: permit.StatementTimeout}
	run.sent = &run.own
	if kind == awaitExecute && run.maxRows > 0 {
		name, err := v.peekName()
		if err != nil {
			permit.Done()
			return err
		}
		if sent := v.portals[name]; sent != nil {
			run.sent = sent
		}
	}
	run.commits = kind == awaitExecute && v.parsedCommit && v.s.overtime.tells()
	if kind == awaitQuery {
		var err error
		if run.commits, err = v.commits(kind); err != nil {
			permit.Done()
			return err
		}
	}
	outcome, err := v.expect(due{kind: kind, run: run})
	if err != nil || outcome == ignored {
		run.permit.Done()
		if err != nil {
			return err
		}
		return v.pass(h)
	}
	v.open = kind == awaitExecute
	v.alone = run.maxRows > 0 || run.maxChanges > 0 || run.commits
	v.s.runs(&permit)
	return v.pass(h)
}

// parse sends a Parse. It is admitted, because it costs the upstream something; an execution that follows is not again.
func (v *verbatim) parse(ctx context.Context, h pgwire.Header) error {
	began := time.Now()
	permit, f := v.admit(ctx)
	if f != nil {
		v.s.notRun(f, began)
		return v.refuse(f, awaitParse)
	}
	var err error
	permit.Done()
	v.prepaid++
	if v.parsedCommit, err = v.commits(awaitParse); err != nil {
		return err
	}
	v.s.work.parses.Add(1)
	v.s.work.upstreamParses.Add(1)
	return v.extended(h, awaitParse)
}

// extended sends a message of the extended protocol.
func (v *verbatim) extended(h pgwire.Header, kind awaited) error {
	v.open = true
	return v.send(h, due{kind: kind})
}

// sync ends a group of messages, and the skipping after a refusal.
func (v *verbatim) sync(h pgwire.Header) error {
	if v.skipping {
		v.skipping = false
		return v.s.out.send(pgwire.AppendReady(nil, 'I'))
	}
	if err := v.send(h, due{kind: awaitSync}); err != nil {
		return err
	}
	v.open = v.open && v.owed.copies()
	return nil
}

// send makes an answer outstanding and passes on the message.
func (v *verbatim) send(h pgwire.Header, d due) error {
	if _, err := v.expect(d); err != nil {
		return err
	}
	return v.pass(h)
}

// pass sends the current message upstream as it is, in pieces.
func (v *verbatim) pass(h pgwire.Header) error {
	var header [pgwire.HeaderBytes]byte
	header[0] = h.Type
	binary.BigEndian.PutUint32(header[1:], uint32(h.Len+4))
	if _, err := v.up.Write(header[:]); err != nil {
		return v.upstreamGone()
	}
	in := v.s.in
	for in.Left() > 0 {
		chunk, err := in.Chunk(in.Left())
		if err != nil {
			v.torn = true
			return err
		}
		if _, err := v.up.Write(chunk); err != nil {
			return v.upstreamGone()
		}
	}
	return nil
}

// expect makes an answer outstanding. When there is no room, everything that was written leaves first.
func (v *verbatim) expect(d due) (pushed, error) {
	outcome := v.owed.push(d, false)
	if outcome == full {
		if err := v.hurry(); err != nil {
			return over, err
		}
		outcome = v.owed.push(d, true)
	}
	if outcome == over {
		return over, errRelay
	}
	return outcome, nil
}

// hurry hands everything to the upstream, and has it answer: it keeps answers back until it gets a Flush, or a Sync.
func (v *verbatim) hurry() error {
	if _, err := v.up.Write(pgwire.AppendFlush(nil)); err != nil { // which changes nothing where none is needed
		return v.upstreamGone()
	}
	if err := v.up.flush(); err != nil {
		return v.upstreamGone()
	}
	return nil
}

// drain waits until nothing is outstanding, or the upstream wants rows.
func (v *verbatim) drain() error {
	if empty, _ := v.owed.state(); empty {
		return nil
	}
	if err := v.hurry(); err != nil {
		return err
	}
	if !v.owed.waitRest() {
		return errRelay
	}
	return nil
}

// upstreamGone waits until the relay has read, and told the client, what the upstream has said last.
func (v *verbatim) upstreamGone() error {
	_ = v.conn.SetReadDeadline(time.Now().Add(lastWords)) // fails only when it is closed already
	v.owed.waitClosed()
	return errRelay
}

// cancel makes the upstream cancel what it runs, and ends what block has begun.
func (v *verbatim) cancel() {
	defer v.owed.unblock()
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	if err := v.conn.Cancel(ctx); err != nil {
		v.s.server.log.Warn("a cancel request failed", "session", v.s.id, "error", err)
	}
}

// peekName reads the name at the start of the current message, as far as Postgres tells names apart.
func (v *verbatim) peekName() (string, error) {
	b, err := v.s.in.Peek(min(v.s.in.Left(), pgwire.MaxName+1))
	name, _, _ := bytes.Cut(b, []byte{0})
	return clip(string(name)), err
}

// resting returns whether nothing is outstanding, and whether no transaction is open either, explicit or not.
func (s *session) resting() (empty, alone bool) {
	if v := s.own; v != nil {
		empty, idle := v.owed.state()
		return empty, idle && !v.open
	}
	empty, _ = s.pipe.state()
	return empty, s.alone()
}

// over reports whether the relay has ended.
func (s *session) over() bool {
	if s.own != nil {
		return s.own.owed.isClosed()
	}
	return s.pipe.isClosed()
}

// ownDatabase is the name of the tenant's own database that the session is on; empty for none.
func (s *session) ownDatabase() string {
	if s.own == nil {
		return ""
	}
	return s.own.name
}

// disconnect gives up the upstream connection of a session that does not begin.
func (s *session) disconnect() {
	if s.own != nil {
		s.own.release()
	}
}

// database is what clients call the database that tenants share.
func (a *Active) database() string { return cmp.Or(a.Database, a.Pool.Database()) }

// verbatimOut is the writing side of the upstream connection. The session's goroutine writes; the relay only while that waits.
type verbatimOut struct {
	mu  sync.Mutex
	out *bufio.Writer
}

// Write buffers part of a message. Its error is that of the first write that failed.
func (o *verbatimOut) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Write(b)
}

// flush hands everything to the socket.
func (o *verbatimOut) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Flush()
}
