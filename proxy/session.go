package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/policy"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/eventloop"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
	"pgcordon/rewriter"
)

// session is one client, from accept to the end. Its goroutine reads the client; while a lease is held, the relay's goroutine writes to it.
// Fields without a comment that says otherwise belong to the session's goroutine.
type session struct {
	server     *Server
	id         uint64
	accepted   time.Time
	encryption TLS

	// conn is the client's connection, with TLS once negotiated. mu guards the field, against cut and wake.
	mu   sync.Mutex
	conn net.Conn
	// watched is conn when an event loop watches it; readable is what the loop calls then, and turn whose goroutine the session is in: see parked.go.
	watched  *eventloop.Conn
	readable func(*eventloop.Turn)
	turn     *eventloop.Turn
	woke     bool // mu guards it as well: wake has set the read deadline, and woken has not looked yet
	phase    atomic.Int32
	// check asks the session to look whether it should end; leave says that it should, at its next idle point.
	check, leave atomic.Bool

	out    *client
	in     *pgwire.Reader
	heard  time.Time // when the client has sent something last; see watch
	who    policy.Identity
	user   auth.User
	seat   *limit.Seat
	remote string
	// console is not ConsoleNone in a session of the admin database, and consoleCancel what a cancel request for it reaches.
	console       auth.Console
	consoleCancel atomic.Pointer[chan struct{}]
	// application, encrypted and work are shown to the admin; killed says that the admin ends the session, and stop ends what it waits for.
	application string
	// shared is the name of the database that tenants share.
	shared    string
	encrypted *tls.ConnectionState
	work      work
	killed    atomic.Bool
	ctx       context.Context
	stop      context.CancelFunc
	// settled keeps abandon from being called when the session has ended by itself; nil on a database of the tenant's own.
	settled func() bool
	// release gives back what it has of the server since it is ready.
	release func()
	// between is set while the session waits for a message, renew when it is to go on in another goroutine then.
	between bool
	// parked is set while the session is parked, or about to be.
	parked  bool
	renew   atomic.Bool
	renewal renewal
	// waits is what a cancel request ends while nothing is outstanding upstream.
	waits waits

	// up is the connection that the session has leased; nil for none. last is the one it had last, key what all must have been started with.
	up   *upstream
	last *pool.Conn
	key  pool.Key
	// tenant is the tenant's id as a text.
	tenant   string
	pipe     *pipeline
	known    *prepared
	settings settings
	schema   schema
	// carried are the settings that go with the session, custom the names of those among them that only a session knows that has set them. parsedUnder is what
	// parsing made of them last.
	carried     *carried
	custom      []string
	parsedUnder struct {
		of   *carried
		text string
	}
	welcome *welcome
	// startName is the application_name that the client has begun with; resets is set when a statement may have set it to that.
	startName string
	resets    bool
	// seen are the settings of the connection that were compared last with what the client was told.
	seen *parameters
	// readsSequences is set once the session has asked what its sequences gave last; drew is the connection on which they may have given something last.
	readsSequences bool
	drew           *upstream
	// strange is set when code that is not known has run since the session was examined last.
	strange bool
	// drifted is set while the settings on which the meaning of a text depends may be others than carried has; see adrift.
	drifted bool
	// firstPlanner is the planner that was active when the session began.
	firstPlanner Planner
	portals      map[string]*portal
	// groups counts the groups of messages that have ended.
	groups   uint64
	channels channels
	// process is the number that the client was given for its backend.
	process uint32
	// shape counts the statements that can give another row type to what a cursor or a prepared statement of a name returns.
	shape uint64
	// own takes the place of all that follows the plans where the database is its tenant's own.
	own *verbatim

	// skipping is set after a failure in the extended protocol, until Sync. The upstream has been made to fail too, unless local is set.
	skipping, local bool
	early           earlyPermit
	reused          reused
	// sound is set when the messages that are open began in no transaction that had failed.
	sound bool
	// open is set while messages of the extended protocol have gone upstream without a Sync; wrote, when one of them may have written.
	open, wrote bool
	// bound is set when a Bind of the group that is open was sent.
	bound bool
	hold  hold
	// copies is set while a statement with COPY FROM STDIN is outstanding, copy while the upstream wants its rows.
	copies bool
	copy   *copyIn
	// torn is set when a message to the upstream was left unfinished.
	torn bool
	// ready is set when the client has been told that it can begin, state why the session has ended.
	ready bool
	state string

	overtime overtime
	// word guards who has the last word: once muted, the session's goroutine; a relay writes no more then. dead is why the upstream's connection has ended.
	word  sync.Mutex
	muted bool
	dead  string
	// told are the settings that the client was told; word guards them as well.
	told told
}

// The phases of a session, for those that want it to end.
const (
	phaseStartup int32 = iota // nothing is lost by closing the connection
	phaseServing
)

// hold says whether messages have to wait until the statement that was sent last has ended: a statement under a row limit
// is cut by a cancel request, and that must hit nothing else.
type hold uint8

const (
	holdNothing hold = iota
	holdAfterSync
	holdAll
)

// errEnd ends a session in good order; the client has been told why.
var errEnd = errors.New("session ended")

// errRelay says that the relay has ended; it has told the client why.
var errRelay = errors.New("relay ended")

func newSession(s *Server, conn net.Conn, encryption TLS) *session {
	created := &session{
		server:     s,
		id:         s.lastID.Add(1),
		accepted:   time.Now(),
		encryption: encryption,
		conn:       conn,
		remote:     conn.RemoteAddr().String(),
		portals:    make(map[string]*portal),
		carried:    nothingCarried,
		pipe:       newPipeline(),
		known:      newPrepared(),
	}
	created.pipe.counts = &s.pinned
	return created
}

// run is the session's goroutine until the session ends, or goes on in another. What it needs of the stack while its client is idle counts: so the beginning and
// the end are functions of their own.
func (s *session) run(ctx context.Context) (n next) {
	defer s.ended(&n)
	if !s.ready {
		s.out = newClient(s.conn)
		s.ctx, s.stop = context.WithCancel(ctx)
		s.waits.watch, s.waits.yield = s.watchClient, s.yield
		if s.release = s.begin(s.ctx); s.release == nil {
			return nextNothing
		}
		if s.own == nil {
			s.settled = context.AfterFunc(s.ctx, s.abandon)
		}
	}
	s.state, n = s.serve(s.ctx)
	return n
}

// begin takes the client to its first ReadyForQuery; nil when that does not come.
func (s *session) begin(ctx context.Context) (release func()) {
	release, err := s.start(ctx)
	if err != nil {
		s.refused(err)
		return nil
	}
	s.ready = true
	s.server.observer.Session(SessionEvent{Phase: SessionOpened, Session: s.id, Identity: s.who, Remote: s.remote, Database: s.ownDatabase(),
		Elapsed: time.Since(s.accepted)})
	return release
}

// ended leaves nothing behind, unless the session goes on. It is deferred, for it recovers from a panic.
func (s *session) ended(n *next) {
	if r := recover(); r != nil {
		*n = nextNothing
		s.server.log.Error("a session failed", "session", s.id, "panic", r, "stack", string(debug.Stack()))
		s.out.fatal(internal())
		s.state = stateInternalError
		s.torn = true
	}
	if *n != nextNothing {
		return
	}
	s.yield()
	if s.release != nil {
		s.release()
	}
	s.server.cancels.forget(s)
	s.overtime.stop()
	s.waits.stop()
	s.dropEarly()
	s.giveUp()
	s.cut()
	if s.ready {
		s.server.observer.Session(SessionEvent{Phase: SessionClosed, Session: s.id, Identity: s.who, Remote: s.remote, Database: s.ownDatabase(),
			SQLState: s.state, Elapsed: time.Since(s.accepted)})
	}
	if s.settled != nil {
		s.settled()
	}
	s.stop()
}

// refused reports a session that did not become ready.
func (s *session) refused(err error) {
	event := SessionEvent{Phase: SessionRefused, Session: s.id, Identity: s.who, Remote: s.remote, Elapsed: time.Since(s.accepted)}
	var f *failure
	switch {
	case errors.Is(err, errEnd), errors.Is(err, pgwire.ErrClosed): // a cancel request, or a client that has gone to ask for its password
		return
	case errors.As(err, &f):
		s.out.fatal(f)
		event.SQLState, event.Limit = f.state, f.limit
	case errors.Is(err, net.ErrClosed): // cut
		event.SQLState = stateAdminShutdown
	default:
		event.SQLState = stateProtocolViolation
		s.server.log.Info("a client did not follow the protocol", "session", s.id, "remote", s.remote, "error", err)
	}
	s.server.observer.Session(event) // without the name that was typed: it may be a password in the wrong place
}

// serve runs the client's messages until it ends, or goes on in another goroutine; it returns the SQLSTATE of why it ends, empty for an orderly end.
func (s *session) serve(ctx context.Context) (state string, n next) {
	if s.own != nil {
		return s.own.serve(ctx), nextNothing
	}
	err := s.messages(ctx)
	switch err {
	case errRenew:
		return "", nextRenewed
	case errParked:
		return "", nextParked
	}
	s.yield()
	state = s.part(err)
	s.server.cancels.forget(s)
	s.giveUp()
	return state, nextNothing
}

// messages handles the client's messages until one of the two sides ends.
func (s *session) messages(ctx context.Context) error {
	for {
		if !s.parked && s.shouldEnd() { // one that was parked is woken for that
			return s.farewell()
		}
		s.between = true
		h, err := s.in.Next()
		s.between = false
		if err != nil {
			return err
		}
		if err := pgwire.CheckClient(h); err != nil {
			return err
		}
		if err := s.message(ctx, h); err != nil {
			return err
		}
	}
}

// part takes leave of both sides after err has ended the session.
func (s *session) part(err error) string {
	var f *failure
	var format *pgwire.FormatError
	if errors.As(err, &format) {
		f = malformed(format)
	} else {
		errors.As(err, &f)
	}
	if empty, _ := s.pipe.state(); s.copies && !empty {
		s.torn = true // the upstream may wait for rows that nobody sends
	} else if s.killed.Load() {
		s.interrupt() // the relay says in the place of the error why the session ends
	}
	if (f != nil || errors.Is(err, errTerminate)) && !s.torn && s.drain() != nil {
		err = errRelay // what was sent before comes first, as with Postgres
	}
	if errors.Is(err, errRelay) || s.pipe.isClosed() {
		return s.deadState()
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(lastWords)) // the relay may be in the middle of a write to a client that does not read
	if told := s.mute(); f != nil && !told {
		s.out.fatal(f)
	}
	s.interrupt() // nobody is there any more who wants what is running
	if f != nil {
		return f.state
	}
	return ""
}

// terminate tells the upstream that this is the end, so that its log does not speak of a lost connection.
func (s *session) terminate(up *upstream) {
	if s.torn {
		return
	}
	_ = up.conn.SetWriteDeadline(time.Now().Add(lastWords)) // it is closed next in any case
	_, _ = up.Write(pgwire.Append(nil, pgwire.MsgTerminate))
	_ = up.flush()
}

// lastWord tells the client why its session ends, unless f is nil or the session's goroutine has the last word.
func (s *session) lastWord(f *failure) {
	lock(&s.word)
	defer s.word.Unlock()
	if f != nil && !s.muted {
		s.dead = f.state
		s.out.fatal(f)
	}
}

// mute leaves the last word to the session's goroutine, or, when the relay has had it, to nobody: then it was muted before.
func (s *session) mute() (before bool) {
	lock(&s.word)
	defer s.word.Unlock()
	before, s.muted = s.muted, true
	return before
}

// diesOf notes the SQLSTATE with which the upstream ends the connection.
func (s *session) diesOf(state string) {
	lock(&s.word)
	defer s.word.Unlock()
	s.dead = state
}

// deadState is the SQLSTATE of why the upstream's connection has ended.
func (s *session) deadState() string {
	lock(&s.word)
	defer s.word.Unlock()
	return s.dead
}

// Read is where the session's goroutine waits for its client: everything for the upstream leaves before. It makes session the io.Reader
// that pgwire.Reader reads.
func (s *session) Read(b []byte) (int, error) {
	serving := s.phase.Load() == phaseServing
	if !s.parked {
		if err := s.rests(serving); err != nil {
			return 0, err
		}
	}
	n, err := s.receive(b)
	if s.parked = err == errParked; s.parked {
		return 0, err
	}
	s.work.received.Add(int64(max(0, n)))
	if serving {
		if s.up = s.pipe.unpark(); s.up == nil {
			s.copy = nil // it has ended, maybe in the middle of a message with its rows
		}
	}
	if n > 0 && s.server.wire.watched() {
		s.heard = time.Now()
	}
	return n, err
}

// rests is called before the session waits for its client.
func (s *session) rests(serving bool) error {
	s.dropEarly()
	if s.own != nil && serving {
		if err := s.own.up.flush(); err != nil {
			return s.own.upstreamGone()
		}
	}
	if s.up != nil {
		if s.copy != nil {
			if err := s.copyFlush(); err != nil {
				return err
			}
		}
		if err := s.up.flush(); err != nil {
			return s.upstreamGone()
		}
	}
	if serving {
		if err := s.watch(); err != nil {
			return err
		}
		if s.pipe.park() {
			s.wake() // the answers came before it was known that there is something to look at
		}
	}
	return nil
}

// woken decides about an error of Read: a deadline that wake has set means that there is something to look at.
func (s *session) woken(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) || s.phase.Load() == phaseStartup {
		return err
	}
	// Cleared before the question is asked: a wake that comes later finds its deadline kept.
	s.mu.Lock()
	s.woke = false
	cleared := s.conn.SetReadDeadline(time.Time{})
	s.mu.Unlock()
	if cleared != nil {
		return cleared
	}
	if s.shouldEnd() {
		return s.farewell()
	}
	if err := s.onTime(); err != nil {
		return err
	}
	if err := s.rested(); err != nil {
		return err
	}
	if f := s.silentTooLong(); f != nil {
		return f
	}
	if s.renews() {
		return errRenew
	}
	return nil
}

// shouldEnd reports whether the session ends now: the relay has ended, or the session is wanted to end and idle.
func (s *session) shouldEnd() bool {
	if s.over() {
		return true
	}
	if s.check.Swap(false) {
		if !s.standing() || s.server.draining.Load() {
			s.leave.Store(true)
		}
	}
	if !s.leave.Load() {
		return false
	}
	_, alone := s.resting()
	return alone || s.killed.Load()
}

// farewell is why shouldEnd said so.
func (s *session) farewell() error {
	switch {
	case s.over():
		return errRelay
	case s.server.draining.Load(), s.killed.Load():
		return shutdown()
	}
	return revoked()
}

// standing reports whether the active configuration still knows the user as it has logged in.
func (s *session) standing() bool {
	now, ok := s.server.active.Load().Users.Lookup(s.user.Name)
	if !ok || now.Tenant != s.user.Tenant || now.Role != s.user.Role || now.Verifier != s.user.Verifier {
		return false
	}
	s.user.SimpleAsText = now.SimpleAsText
	return (now.Tenant == s.who.Tenant || mayActFor(now, s.who.Tenant)) && (s.own == nil || s.owns(s.server.active.Load(), s.own.name))
}

// reconsider makes the session look whether it should end. Any goroutine may call it.
func (s *session) reconsider() {
	if s.phase.Load() == phaseStartup {
		if s.server.draining.Load() {
			s.cut()
		}
		return
	}
	s.check.Store(true)
	s.wake()
}

// wake makes the session's goroutine look up from reading. Any goroutine may call it.
func (s *session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookUp()
}

// lookUp needs s.mu.
func (s *session) lookUp() {
	s.woke = true
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // fails only when the connection is closed, which wakes as well
}

// cut closes the client's connection, which ends the session. Any goroutine may call it.
func (s *session) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.Close()
}

// upstreamGone waits until the relay has read, and told the client, what the upstream has said last.
func (s *session) upstreamGone() error {
	_ = s.up.conn.SetReadDeadline(time.Now().Add(lastWords)) // fails only when it is closed already
	s.pipe.waitClosed()
	return errRelay
}

// admit asks the gate for the right to run a statement.
func (s *session) admit(ctx context.Context) (limit.Permit, *failure) {
	s.seat.Holds = s.pipe.holds()
	permit, err := s.seat.Admit(s.admits(ctx))
	s.waits.end()
	s.up = s.pipe.unpark()
	if err != nil {
		return limit.Permit{}, exceeded(err)
	}
	return permit, nil
}

// resume asks for that for a statement that was admitted before.
func (s *session) resume(ctx context.Context) (limit.Permit, *failure) {
	s.seat.Holds = s.pipe.holds()
	permit, err := s.seat.Resume(s.admits(ctx))
	s.waits.end()
	s.up = s.pipe.unpark()
	if err != nil {
		return limit.Permit{}, exceeded(err)
	}
	return permit, nil
}

// plan asks the planner, and tells the observer.
func (s *session) plan(planner Planner, req rewriter.Request) (*rewriter.Plan, *failure) {
	began := time.Now()
	plan, err := planner.Plan(req)
	var denial *rewriter.Denial
	if err == nil {
		if denial = plan.CheckConstants(s.who.Tenant); denial != nil {
			err = denial
		}
	} else if !errors.As(err, &denial) {
		s.server.log.Error("planning failed", "session", s.id, "error", err)
		return nil, internal()
	}
	if denial != nil {
		switch denial.SQLState { // of admitParse
		case stateAdminShutdown:
			return nil, shutdown()
		case stateQueryCanceled:
			return nil, cancelled()
		}
	}
	decision := Decision{Session: s.id, Identity: s.who, Elapsed: time.Since(began)}
	if denial != nil {
		decision.Denial = denial
		s.server.observer.Decided(decision)
		return nil, denied(denial)
	}
	decision.Plan = plan
	s.server.observer.Decided(decision)
	return plan, nil
}
