package eventloop

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrWouldBlock is TryRead's error when there is nothing to read.
var ErrWouldBlock = errors.New("nothing to read")

// Conn is a connection that a loop watches. It is a net.Conn, whose methods may be called as those of every other; TryRead and Park are for one reader.
type Conn struct {
	file          *os.File
	raw           syscall.RawConn
	loop          *Loop
	slot          int32
	local, remote net.Addr
	closing       sync.Once

	in, out side

	// What the two functions take and give, so that they need not be made for each call: readOnce holds the lock of the file's readers, and so on.
	reading, writing struct {
		sync.Mutex
		b   []byte
		n   int
		err error
		f   func(fd uintptr) bool
	}
}

// side is one direction of a connection.
type side struct {
	mu   sync.Mutex
	cond sync.Cond
	// ready is set by an edge, and taken back before it is tried what it is good for.
	ready bool
	// ended is set when the connection's other end will not send any more, or it has failed: then all is ready for ever.
	ended, closed bool
	// deadline is until when; expired that it has passed.
	deadline time.Time
	expired  bool
	timer    *time.Timer
	// parked is the handler that waits.
	parked func(*Turn)
}

// Adopt makes a connection one that a loop watches. The old one is closed. ok is false, and conn as it was, for one that is no plain socket.
func Adopt(conn net.Conn) (adopted *Conn, ok bool) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, false
	}
	all, err := loops()
	if err != nil {
		return nil, false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, false
	}
	fd := -1
	if err := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil || fd < 0 {
		return nil, false
	}
	c := &Conn{loop: all[lastLoop.Add(1)%uint64(len(all))], local: conn.LocalAddr(), remote: conn.RemoteAddr()}
	if !c.own(fd) {
		_ = raw.Control(func(old uintptr) { err = unix.SetNonblock(int(old), true) }) // where it was before
		return nil, false
	}
	_ = conn.Close() // the socket stays open: it has another descriptor
	return c, true
}

// own makes fd the connection's.
func (c *Conn) own(fd int) bool {
	// A blocking descriptor is one that os does not give to the runtime's own poller; what is blocking or not is the socket's.
	if unix.SetNonblock(fd, false) != nil {
		_ = unix.Close(fd)
		return false
	}
	c.file = os.NewFile(uintptr(fd), "socket")
	if unix.SetNonblock(fd, true) != nil {
		_ = c.file.Close()
		return false
	}
	var err error
	if c.raw, err = c.file.SyscallConn(); err != nil {
		_ = c.file.Close()
		return false
	}
	c.in.cond.L, c.out.cond.L = &c.in.mu, &c.out.mu
	c.in.ready, c.out.ready = true, true
	c.reading.f = func(fd uintptr) bool {
		r := &c.reading
		r.n, r.err = ignoringInterrupts(unix.Read, int(fd), r.b)
		return true
	}
	c.writing.f = func(fd uintptr) bool {
		w := &c.writing
		w.n, w.err = ignoringInterrupts(unix.Write, int(fd), w.b)
		return true
	}
	if c.loop.add(c, fd) != nil {
		_ = c.file.Close()
		return false
	}
	return true
}

func ignoringInterrupts(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// happened notes what an event says, and returns the handler that is to run for it, if there is one.
func (c *Conn) happened(events uint32) (handler func(*Turn)) {
	const end = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&(unix.EPOLLIN|end) != 0 {
		handler = c.in.happened(events&end != 0)
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.out.happened(events&(unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
	return handler
}

func (s *side) happened(ended bool) (handler func(*Turn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
	s.ended = s.ended || ended
	s.cond.Broadcast()
	handler, s.parked = s.parked, nil
	return handler
}

// wake makes who waits look: s.mu is held. What it returns is to run in a goroutine.
func (s *side) wake() (handler func(*Turn)) {
	s.cond.Broadcast()
	handler, s.parked = s.parked, nil
	return handler
}

// try takes the readiness, to see what it is good for; false when there is none. The error is why nothing may be tried.
func (s *side) try() (bool, error) { return s.look(true) }

// look is try; with take unset the readiness is neither asked for nor taken.
func (s *side) look(take bool) (ready bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stopped(); err != nil || !take {
		return err == nil, err
	}
	ready = s.ready || s.ended
	s.ready = false
	return ready, nil
}

// stopped needs s.mu.
func (s *side) stopped() error {
	switch {
	case s.closed:
		return net.ErrClosed
	case s.expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// still notes that there may be more.
func (s *side) still() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

// await waits until something can be tried.
func (s *side) await() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready || s.ended || s.stopped() != nil {
		return
	}
	Blocking()
	for !s.ready && !s.ended && s.stopped() == nil {
		s.cond.Wait()
	}
}

// TryRead reads what is there, without waiting: ErrWouldBlock when there is nothing. Its other errors are Read's.
func (c *Conn) TryRead(b []byte) (int, error) {
	if ready, err := c.in.try(); err != nil {
		return 0, err
	} else if !ready {
		return 0, ErrWouldBlock
	}
	r := &c.reading
	r.Lock()
	defer r.Unlock()
	r.b = b
	if err := c.raw.Read(r.f); err != nil {
		r.b = nil
		return 0, net.ErrClosed // the file is
	}
	r.b = nil
	switch {
	case r.err == unix.EAGAIN:
		return 0, ErrWouldBlock
	case r.err != nil:
		return 0, c.failed("read", r.err)
	case r.n == 0 && len(b) > 0:
		c.in.still()
		return 0, io.EOF
	case r.n == len(b):
		c.in.still()
	}
	return r.n, nil
}

// failed is an error as package net would give it.
func (c *Conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: os.NewSyscallError(op, err)}
}

// Park makes the handler run once there is something to read, or a reason to look: the end, a deadline, Close. It returns false, and the handler does not run, when
// there is already. After true the caller must not touch what the handler does.
func (c *Conn) Park(handler func(*Turn)) bool {
	s := &c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready || s.ended || s.stopped() != nil {
		return false
	}
	s.parked = handler
	return true
}

// Read makes a Conn a net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	for {
		n, err := c.TryRead(b)
		if err != ErrWouldBlock {
			return n, err
		}
		c.in.await()
	}
}

// Write makes a Conn a net.Conn. It writes all of b, or returns an error.
func (c *Conn) Write(b []byte) (written int, err error) {
	w := &c.writing
	w.Lock()
	defer w.Unlock()
	for tried := false; len(b) > 0; { // the first try is without a look: mostly there is room
		if ready, err := c.out.look(tried); err != nil {
			return written, err
		} else if !ready {
			c.out.await()
			continue
		}
		w.b = b
		err := c.raw.Write(w.f)
		w.b = nil
		switch {
		case err != nil:
			return written, net.ErrClosed
		case w.err == unix.EAGAIN:
			tried = true
			continue
		case w.err != nil:
			return written, c.failed("write", w.err)
		}
		written, b, tried = written+w.n, b[w.n:], false
	}
	return written, nil
}

// Close makes a Conn a net.Conn.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.closing.Do(func() {
		c.loop.remove(c)
		err = c.file.Close()
		c.in.close()
		c.out.close()
	})
	return err
}

func (s *side) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	handler := s.wake()
	s.mu.Unlock()
	if handler != nil {
		go handler(nil)
	}
}

// LocalAddr makes a Conn a net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr makes a Conn a net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline makes a Conn a net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline makes a Conn a net.Conn. A handler that is parked runs when it has passed.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.in.until(t) }

// SetWriteDeadline makes a Conn a net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.out.until(t) }

func (s *side) until(t time.Time) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.deadline, s.expired = t, false
	var handler func(*Turn)
	left := time.Until(t)
	switch {
	case t.IsZero():
		if s.timer != nil {
			s.timer.Stop()
		}
	case left <= 0:
		s.expired = true
		handler = s.wake()
	case s.timer == nil:
		s.timer = time.AfterFunc(left, s.late)
	default:
		s.timer.Reset(left)
	}
	s.mu.Unlock()
	if handler != nil {
		go handler(nil)
	}
	return nil
}

// late is the timer's: it may have been set anew meanwhile.
func (s *side) late() {
	s.mu.Lock()
	var handler func(*Turn)
	if !s.closed && !s.deadline.IsZero() && !time.Now().Before(s.deadline) {
		s.expired = true
		handler = s.wake()
	}
	s.mu.Unlock()
	if handler != nil {
		handler(nil)
	}
}

// SyscallConn makes a Conn a syscall.Conn.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return rawConn{c}, nil }

// rawConn waits in its Read for what the loop says, until the deadline.
type rawConn struct{ c *Conn }

func (r rawConn) Control(f func(fd uintptr)) error { return r.c.raw.Control(f) }

func (r rawConn) Read(f func(fd uintptr) bool) error {
	return r.c.in.while(func() (done bool, err error) {
		err = r.c.raw.Read(func(fd uintptr) bool { done = f(fd); return true })
		return done, err
	})
}

func (r rawConn) Write(f func(fd uintptr) bool) error {
	return r.c.out.while(func() (done bool, err error) {
		err = r.c.raw.Write(func(fd uintptr) bool { done = f(fd); return true })
		return done, err
	})
}

// while tries f at each edge until it is done. What f leaves is there to be tried by others.
func (s *side) while(f func() (bool, error)) error {
	defer s.still()
	for {
		ready, err := s.try()
		if err != nil {
			return err
		}
		if ready {
			done, err := f()
			if err != nil {
				return net.ErrClosed
			}
			if done {
				return nil
			}
		}
		s.waitEdge()
	}
}

// waitEdge waits for the next edge, also at the end of the connection.
func (s *side) waitEdge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready || s.stopped() != nil {
		return
	}
	Blocking()
	for !s.ready && s.stopped() == nil {
		s.cond.Wait()
	}
}
