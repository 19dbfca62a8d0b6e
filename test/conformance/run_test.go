package conformance

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/test/drivers/stack"
)

// patience is how long a server may take for one message before it counts as hung.
const patience = 30 * time.Second

// client is one raw connection and what was seen on it.
type client struct {
	endpoint stack.Endpoint
	conn     net.Conn
	in       *bufio.Reader
	out      []byte
	pid      uint32
	key      []byte
	settings map[string]string
	// stopCancel ends the repeated cancel requests, if any.
	stopCancel func()
	// muted is set by a cancel request until the error: what was sent before it depends on when the request came.
	muted      bool
	transcript []string
}

// run plays a case against an endpoint and returns what the server answered, one line for each message.
func run(s script, e stack.Endpoint) ([]string, error) {
	c := &client{endpoint: e, stopCancel: func() {}}
	defer c.close()
	if s.steps[0].verb != "dial" {
		if err := c.login(); err != nil {
			return nil, err
		}
	}
	for _, st := range s.steps {
		if err := c.play(st); err != nil {
			return nil, fmt.Errorf("%s: %w\nso far:\n%s", st.line, err, strings.Join(c.transcript, "\n"))
		}
	}
	return c.transcript, nil
}

func (c *client) login() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgconn.Connect(ctx, c.endpoint.URL())
	if err != nil {
		return err
	}
	// On a busy machine a background read of pgconn's may be waiting, which would take the first bytes that come.
	if err := conn.SyncConn(ctx); err != nil {
		return err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return err
	}
	c.adopt(hijacked.Conn)
	c.pid, c.key, c.settings = hijacked.PID, hijacked.SecretKey, hijacked.ParameterStatuses
	return nil
}

func (c *client) adopt(conn net.Conn) {
	c.conn, c.in = conn, bufio.NewReader(conn)
}

func (c *client) close() {
	c.stopCancel()
	if c.conn != nil {
		c.conn.Close()
	}
}

func (c *client) play(st step) error {
	switch {
	case st.message != nil:
		c.out = append(c.out, st.message...)
		return nil
	case st.startup != nil:
		message, err := encodeStartup(st.startup, c.endpoint.User, c.endpoint.Database)
		c.out = append(c.out, message...)
		return err
	}
	switch st.verb {
	case "dial":
		conn, err := net.DialTimeout("tcp", c.endpoint.Address(), patience)
		if err != nil {
			return err
		}
		c.adopt(conn)
		return nil
	case "byte":
		return c.byte()
	case "eof":
		return c.eof()
	case "end":
		return c.end()
	case "hangup":
		if err := c.flush(); err != nil {
			return err
		}
		return c.conn.Close()
	case "parameters":
		for _, name := range slices.Sorted(maps.Keys(c.settings)) {
			c.log("%s=%s", name, c.settings[name])
		}
		return nil
	case "cancel":
		return c.cancel(st.kind == "wrong key")
	case "until":
		return c.until(names[st.kind], st.count)
	}
	return fmt.Errorf("no step %q", st.verb)
}

func (c *client) log(format string, args ...any) {
	c.transcript = append(c.transcript, fmt.Sprintf(format, args...))
}

func (c *client) flush() error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

func (c *client) byte() error {
	if err := c.flush(); err != nil {
		return err
	}
	b, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	c.log("byte %c", b)
	return nil
}

func (c *client) until(kind byte, count int) error {
	if err := c.flush(); err != nil {
		return err
	}
	for count > 0 {
		got, err := c.read()
		if err != nil || !c.muted {
			c.stopCancel()
		}
		if errors.Is(err, io.EOF) {
			c.log("EOF")
			return nil
		}
		if err != nil {
			return err
		}
		if got == kind {
			count--
		}
	}
	return nil
}

// end asks for a value that marks the end, since what an error skips cannot be counted beforehand.
func (c *client) end() error {
	const marker = "end of the case"
	for _, text := range []string{"rollback", "select '" + marker + "'"} {
		query, err := (&pgproto3.Query{String: text}).Encode(nil)
		if err != nil {
			return err
		}
		sync, err := (&pgproto3.Sync{}).Encode(nil)
		if err != nil {
			return err
		}
		c.out = append(append(c.out, sync...), query...)
	}
	if err := c.flush(); err != nil {
		return err
	}
	for {
		kind, err := c.read()
		if err != nil {
			return err
		}
		if kind == 'D' && strings.Contains(c.transcript[len(c.transcript)-1], marker) {
			return c.until('Z', 1)
		}
	}
}

// eof reads to the end. That the server resets the connection, because it did not read all that was sent to it,
// says the same.
func (c *client) eof() error {
	if err := c.flush(); err != nil {
		return err
	}
	for {
		_, err := c.read()
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			return err
		default:
			c.log("EOF")
			return nil
		}
	}
}

// read reads one message and logs it.
func (c *client) read() (byte, error) {
	var header [5]byte
	if _, err := io.ReadFull(c.in, header[:]); err != nil {
		return 0, err
	}
	length := int(binary.BigEndian.Uint32(header[1:])) - 4
	if length < 0 || length > 1<<24 {
		return 0, fmt.Errorf("a message of %d bytes", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return 0, err
	}
	if c.muted = c.muted && header[0] != 'E'; !c.muted {
		c.log("%s", render(header[0], body))
	}
	return header[0], nil
}

// cancel sends a cancel request on a connection of its own and waits until the server has closed that. A request
// that comes before the statement has begun goes unheard, so the right one is repeated.
func (c *client) cancel(wrongKey bool) error {
	if err := c.flush(); err != nil {
		return err
	}
	key := slices.Clone(c.key)
	if wrongKey {
		key[0] ^= 0xff
	}
	message := binary.BigEndian.AppendUint32(nil, uint32(12+len(key)))
	message = binary.BigEndian.AppendUint32(message, 1234<<16|5678)
	message = binary.BigEndian.AppendUint32(message, c.pid)
	message = append(message, key...)
	if err := c.sendCancel(message); err != nil || wrongKey {
		return err
	}
	c.muted = true
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if c.sendCancel(message) != nil {
					return
				}
			}
		}
	}()
	c.stopCancel = func() {
		stop()
		<-done
		c.stopCancel = func() {}
	}
	return nil
}

func (c *client) sendCancel(message []byte) error {
	conn, err := net.DialTimeout("tcp", c.endpoint.Address(), patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(message); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("a cancel request got an answer: %v", err)
}
