package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/console"
)

// ErrServerClosed is returned by Serve after Shutdown.
var ErrServerClosed = errors.New("proxy: server closed")

// Server accepts clients and runs a session for each. Its methods are safe for concurrent use.
type Server struct {
	gate     Gate
	observer Observer
	log      *slog.Logger
	wire     Wire
	active   atomic.Pointer[Active]
	refresh  func(context.Context) error
	cancels  cancelKeys

	// base ends when Shutdown gives up waiting; everything that a session waits for ends with it.
	base context.Context
	stop context.CancelFunc
	// draining is set by Shutdown: sessions end at their next idle point.
	draining atomic.Bool
	lastID   atomic.Uint64
	// early counts the connections that have not authenticated, clients those that have.
	early, clients atomic.Int64
	// shared are the prepared statements of all sessions; lastPrivate numbers those that are one session's alone.
	shared      *sharedTable
	lastPrivate atomic.Uint64
	// parsing has the tenants take turns at what is costly in planning.
	parsing *parsing
	// forms are those of Queries that run as prepared statements.
	forms forms
	// pinned counts the sessions that keep their connections.
	pinned pinCounts
	// welcomeMu guards welcomes.
	welcomeMu sync.Mutex
	welcomes  welcomes
	// console answers the sessions of the admin database, of which there are so many; nil for none.
	console  *console.Console
	consoles atomic.Int64
	// closing is set by StopListening. WaitForClients waits for left to be closed: a session has ended.
	closing atomic.Bool
	left    chan struct{} // guarded by mu

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	sessions  map[*session]struct{}
	tidies    bool            // tidy will run
	renewed   int             // sessions that have become quiet, since there were none such last
	disabled  map[string]bool // names of databases that take no new sessions
	running   sync.WaitGroup  // every goroutine of the server
	// past is what sessions have done that have ended; mu guards it as well.
	past map[console.Key]console.Done
}

// New returns a server that does not listen yet.
func New(cfg Config) *Server {
	s := &Server{
		gate:      cfg.Gate,
		observer:  cfg.Observer,
		log:       cfg.Log,
		wire:      cfg.Wire.withDefaults(),
		refresh:   cfg.Refresh,
		listeners: make(map[net.Listener]struct{}),
		sessions:  make(map[*session]struct{}),
		past:      make(map[console.Key]console.Done),
		shared:    newSharedTable(),
		parsing:   newParsing(parsersAtOnce()),
	}
	if s.observer == nil {
		s.observer = ignore{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.base, s.stop = context.WithCancel(context.Background())
	if cfg.Console != nil {
		o := *cfg.Console
		o.Sessions, o.Log = s, s.log
		s.console = console.New(o)
	}
	s.Swap(cfg.Active)
	return s
}

// Swap replaces the active configuration in one step.
func (s *Server) Swap(a Active) {
	s.active.Store(&a)
	s.forms.clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	for session := range s.sessions {
		session.reconsider()
	}
}

// Serve accepts clients from l, which it closes, until Shutdown; then it returns ErrServerClosed. It may run for several listeners at once.
func (s *Server) Serve(l net.Listener, encryption TLS) error {
	if !s.track(l) {
		_ = l.Close()
		return ErrServerClosed
	}
	defer s.running.Done()
	defer s.untrack(l)
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.closing.Load() {
				return ErrServerClosed
			}
			if !temporary(err) {
				return err
			}
			s.log.Warn("accepting a client failed", "error", err)
			s.pause(50 * time.Millisecond)
			continue
		}
		s.start(conn, encryption)
	}
}

// temporary tells errors that pass, as having no file descriptor left, from those of a listener that is gone.
func temporary(err error) bool { return !errors.Is(err, net.ErrClosed) }

// pause waits, or until the server ends.
func (s *Server) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.base.Done():
	}
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) untrack(l net.Listener) {
	_ = l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// start runs a session for a client that has just connected, unless there are too many that have not authenticated.
func (s *Server) start(conn net.Conn, encryption TLS) {
	session := newSession(s, conn, encryption)
	s.mu.Lock()
	if s.closed || s.early.Load() >= int64(s.wire.MaxUnauthenticated) {
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.early.Add(1)
	s.sessions[session] = struct{}{}
	s.running.Add(1)
	s.tidyLater()
	s.mu.Unlock()
	go s.run(session)
}

// run runs a session until it ends, goes on in another goroutine, or is parked.
func (s *Server) run(session *session) {
	for {
		switch session.run(s.base) {
		case nextParked:
			if session.park() {
				return
			}
		case nextRenewed:
			session.yield()
			session.turn = nil
			go s.run(session)
			return
		case nextNothing:
			s.forget(session)
			s.running.Done()
			return
		}
	}
}

func (s *Server) forget(session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(session)
	delete(s.sessions, session)
}

// StopListening makes the server take no more clients; those that it has stay. Shutdown is to follow.
func (s *Server) StopListening() {
	s.closing.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close() // Serve reports what its listener does
	}
}

// Shutdown stops listening, ends idle sessions at once and the others when their transaction ends, or when ctx does.
// It returns when no goroutine of the server is left; the error is the context's when sessions had to be cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.StopListening()
	s.mu.Lock()
	s.draining.Store(true)
	for session := range s.sessions {
		session.reconsider()
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.stop()
		return nil
	case <-ctx.Done():
	}
	s.stop()
	s.mu.Lock()
	for session := range s.sessions {
		session.cut()
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}
