package proxy

import (
	"errors"
	"io"
	"sync"

	"pgcordon/proxy/eventloop"
)

// A session whose client has sent nothing, and a relay whose upstream has not, are parked with an event loop: they have no goroutine until there is something to
// do, and then the loop's. What may wait in between says so, or is a goroutine of its own from then on. Encrypted connections cannot be watched so, for what has come may be with
// crypto/tls already: their sessions and relays have a goroutine, as those of a tenant's own database.

// errParked makes a session, or relay, leave its goroutine until its connection has something to read.
var errParked = errors.New("parked")

// next is how a session goes on when its goroutine has left it.
type next uint8

const (
	nextNothing next = iota // it has ended
	nextRenewed             // in a new goroutine
	nextParked              // when there is something to do
)

// adopt gives the client's connection to an event loop.
func (s *session) adopt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	watched, ok := eventloop.Adopt(s.conn)
	if !ok {
		return
	}
	s.conn, s.watched = watched, watched
	s.readable = s.resumed
	s.pipe.waits = s.yield
	s.out.move(watched)
	if s.woke {
		s.lookUp() // the old connection was told
	}
}

// yield says that the session's goroutine is about to wait.
func (s *session) yield() { s.turn.Yield() }

// receive reads from the client. While the session is between two messages it does not wait: errParked.
func (s *session) receive(b []byte) (int, error) {
	if s.watched == nil {
		return s.conn.Read(b)
	}
	s.turn.Read()
	n, err := s.watched.TryRead(b)
	if err != eventloop.ErrWouldBlock {
		return n, err
	}
	if s.between {
		return 0, errParked
	}
	s.yield()
	return s.watched.Read(b)
}

// park parks the session; false when there is something for it to do already. After true the caller has nothing to do with it any more.
func (s *session) park() bool {
	turn := s.turn
	s.turn = nil
	if s.watched.Park(s.readable) {
		return true
	}
	s.turn = turn
	return false
}

// resumed goes on with a session that was parked.
func (s *session) resumed(turn *eventloop.Turn) {
	s.turn = turn
	s.server.run(s)
}

// lock locks a mutex that somebody may hold while writing to a socket.
func lock(mu *sync.Mutex) {
	if !mu.TryLock() {
		eventloop.Blocking()
		mu.Lock()
	}
}

// source is what a relay reads: its connection, watched by an event loop or not.
type source struct {
	io.Reader
	watched *eventloop.Conn
}

// read reads without waiting, where that can be: errParked.
func (s *source) read(b []byte) (int, error) {
	if s.watched == nil {
		return s.Read(b)
	}
	n, err := s.watched.TryRead(b)
	if err == eventloop.ErrWouldBlock {
		return 0, errParked
	}
	return n, err
}
