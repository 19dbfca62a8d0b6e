package attack_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// client is a session with the proxy that keeps every byte it is sent.
type client struct {
	*pgproto3.Frontend
	conn *tap
	key  *pgconn.HijackedConn
	// atCopy ends a COPY FROM STDIN that a statement begins for which the case has no rows.
	atCopy []pgproto3.FrontendMessage
}

// tap keeps what is read from a connection.
type tap struct {
	net.Conn
	mu   sync.Mutex
	seen bytes.Buffer
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Write(b[:n])
	return n, err
}

// taken returns what was read since the last call.
func (c *tap) taken() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := bytes.Clone(c.seen.Bytes())
	c.seen.Reset()
	return b
}

const patience = 20 * time.Second

// dial logs in; params are those of the startup message.
func (s *site) dial(user string, params map[string]string) (*client, error) {
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: s.listener.Addr().String(), Path: "/" + s.database,
		RawQuery: "sslmode=disable"}
	config, err := pgconn.ParseConfig(dsn.String())
	if err != nil {
		return nil, err
	}
	for name, value := range params {
		config.RuntimeParams[name] = value
	}
	c := &client{}
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c.conn = &tap{Conn: conn}
		return c.conn, conn.SetDeadline(time.Now().Add(patience))
	}
	conn, err := pgconn.ConnectConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	if c.key, err = conn.Hijack(); err != nil {
		return nil, err
	}
	c.Frontend = c.key.Frontend
	c.conn.taken()
	return c, nil
}

func (s *site) connect(t testing.TB, user string, params map[string]string) *client {
	t.Helper()
	c, err := s.dial(user, params)
	must(t, err)
	t.Cleanup(c.close)
	return c
}

func (c *client) close() { _ = c.conn.Close() }

// reply is what a step was answered.
type reply struct {
	log    []string // the messages, rendered
	raw    []byte
	tags   []string
	errors []*pgproto3.ErrorResponse
	closed bool
}

// say sends messages and hears what comes up to the n-th ReadyForQuery.
func (c *client) say(n int, messages ...pgproto3.FrontendMessage) *reply {
	for _, m := range messages {
		c.Send(m)
	}
	if err := c.Flush(); err != nil {
		return &reply{closed: true, log: []string{"closed: " + err.Error()}}
	}
	return c.hear(n)
}

func (c *client) hear(n int) *reply {
	r := &reply{}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for n > 0 {
		m, err := c.Receive()
		if err != nil {
			r.closed = true
			r.log = append(r.log, "closed: "+err.Error())
			break
		}
		r.log = append(r.log, render(m))
		switch m := m.(type) {
		case *pgproto3.ReadyForQuery:
			n--
		case *pgproto3.CommandComplete:
			r.tags = append(r.tags, string(m.CommandTag))
		case *pgproto3.ErrorResponse:
			e := *m
			r.errors = append(r.errors, &e)
		case *pgproto3.CopyInResponse:
			for _, end := range c.atCopy {
				c.Send(end)
			}
			if err := c.Flush(); err != nil {
				r.log = append(r.log, "ending the COPY: "+err.Error())
			}
		}
	}
	r.raw = c.conn.taken()
	return r
}

func (c *client) simple(sql string) *reply {
	c.atCopy = []pgproto3.FrontendMessage{&pgproto3.CopyDone{}}
	defer func() { c.atCopy = nil }()
	return c.say(1, &pgproto3.Query{String: sql})
}

// extended runs one statement with text parameters; nil is NULL.
func (c *client) extended(sql string, types []uint32, params []*string) *reply {
	bind := &pgproto3.Bind{}
	for _, p := range params {
		if p == nil {
			bind.Parameters = append(bind.Parameters, nil)
		} else {
			bind.Parameters = append(bind.Parameters, []byte(*p))
		}
	}
	c.atCopy = []pgproto3.FrontendMessage{&pgproto3.CopyDone{}, &pgproto3.Sync{}}
	defer func() { c.atCopy = nil }()
	return c.say(1, &pgproto3.Parse{Query: sql, ParameterOIDs: types}, &pgproto3.Describe{ObjectType: 'S'}, bind,
		&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{})
}

func render(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		var names []string
		for _, f := range m.Fields {
			names = append(names, string(f.Name))
		}
		return "RowDescription " + strings.Join(names, ", ")
	case *pgproto3.DataRow:
		return fmt.Sprintf("DataRow %q", m.Values)
	case *pgproto3.CommandComplete:
		return "CommandComplete " + string(m.CommandTag)
	case *pgproto3.ErrorResponse:
		return fmt.Sprintf("Error %s %s %s %s", m.Code, m.Message, m.Detail, m.Hint)
	case *pgproto3.NoticeResponse:
		return fmt.Sprintf("Notice %s %s", m.Code, m.Message)
	case *pgproto3.ReadyForQuery:
		return "Ready " + string(m.TxStatus)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}
