package wiretap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Tap listens for clients.
type Tap struct {
	Port int

	server   string
	listener net.Listener
	ended    sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	open     map[net.Conn]bool
	sessions []*session
}

// Listen starts a tap in front of the server at host:port.
func Listen(server string) (*Tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Tap{Port: l.Addr().(*net.TCPAddr).Port, server: server, listener: l, open: map[net.Conn]bool{}}
	t.ended.Go(t.accept)
	return t, nil
}

func (t *Tap) accept() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.ended.Go(func() { t.relay(conn) })
	}
}

// Close ends all connections.
func (t *Tap) Close() error {
	err := t.listener.Close()
	t.mu.Lock()
	t.closed = true
	for conn := range t.open {
		conn.Close()
	}
	t.mu.Unlock()
	t.ended.Wait()
	return err
}

// Sessions returns what was said so far, by connection in the order in which they came. Connections on which no statement ran are left out.
func (t *Tap) Sessions() [][]Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out [][]Exchange
	for _, s := range t.sessions {
		if list := s.exchanges(); len(list) > 0 {
			out = append(out, list)
		}
	}
	return out
}

// keep notes a connection so that Close ends it; false when the tap is closed already.
func (t *Tap) keep(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		conn.Close()
		return false
	}
	t.open[conn] = true
	return true
}

func (t *Tap) drop(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, conn)
	conn.Close()
}

const (
	sslRequest    = 80877103
	gssEncRequest = 80877104
	cancelRequest = 80877102
)

func (t *Tap) relay(client net.Conn) {
	if !t.keep(client) {
		return
	}
	defer t.drop(client)
	startup, err := readStartup(client)
	if err != nil {
		return
	}
	server, err := net.Dial("tcp", t.server)
	if err != nil || !t.keep(server) {
		return
	}
	defer t.drop(server)
	if _, err := server.Write(startup); err != nil || binary.BigEndian.Uint32(startup[4:]) == cancelRequest {
		return
	}
	s := newSession()
	t.mu.Lock()
	t.sessions = append(t.sessions, s)
	t.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		copyFrames(client, server, s.answer)
	})
	copyFrames(server, client, s.request)
	server.Close()
	back.Wait()
}

// readStartup returns the startup message, or a cancel request. TLS is declined.
func readStartup(client net.Conn) ([]byte, error) {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(client, head); err != nil {
			return nil, err
		}
		switch binary.BigEndian.Uint32(head[4:]) {
		case sslRequest, gssEncRequest:
			if _, err := client.Write([]byte{'N'}); err != nil {
				return nil, err
			}
			continue
		}
		size := binary.BigEndian.Uint32(head)
		if size < 8 || size > 1<<16 {
			return nil, fmt.Errorf("startup message of %d bytes", size)
		}
		out := append(head, make([]byte, size-8)...)
		_, err := io.ReadFull(client, out[8:])
		return out, err
	}
}

// copyFrames copies messages until an error, and shows each before it is passed on.
func copyFrames(to io.Writer, from io.Reader, show func(kind byte, body []byte)) error {
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(from, head); err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(head[1:])
		if size < 4 {
			return errors.New("message is too short")
		}
		frame := append(append([]byte(nil), head...), make([]byte, size-4)...)
		if _, err := io.ReadFull(from, frame[5:]); err != nil {
			return err
		}
		show(head[0], frame[5:])
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}
