package proxy

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rawSocket is the socket below a connection, encrypted or not; nil without an error for a connection that has none.
func rawSocket(conn net.Conn) (syscall.RawConn, error) {
	if encrypted, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = encrypted.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, nil
	}
	return socket.SyscallConn()
}

// watchClient calls vanished once the client has closed its side of the connection, until stop is called. Nobody may read from the client meanwhile; what it
// has sent stays there to be read.
func (s *session) watchClient(vanished func()) (stop func()) {
	raw, err := rawSocket(s.conn)
	if raw == nil || err != nil {
		return nil
	}
	done, stopping := make(chan struct{}), false // s.mu guards stopping
	again := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !stopping && s.conn.SetReadDeadline(time.Time{}) == nil
	}
	go func() { // stop waits for it
		defer close(done)
		for again() {
			gone := false
			err := raw.Read(func(fd uintptr) bool {
				p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
				_, err := unix.Poll(p, 0)
				gone = err == nil && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
				return gone
			})
			if gone {
				vanished()
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) { // which is stop, or what makes the session look up once it reads again
				return
			}
		}
	}()
	return func() {
		s.mu.Lock()
		stopping = true
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // fails only when the connection is closed, which ends all reading as well
		s.mu.Unlock()
		<-done
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.woke {
			_ = s.conn.SetReadDeadline(time.Time{})
		}
	}
}
