package pool_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// reader is a Backend that keeps what comes for whoever asks for it.
type reader struct {
	conn net.Conn
	mu   sync.Mutex
	cond *sync.Cond
	got  []byte
	err  error
	// checks counts the calls of Check; unwell is what it returns.
	checks int
	unwell error
}

func newReader(c *pool.Conn) pool.Backend {
	r := &reader{conn: c.Conn}
	r.cond = sync.NewCond(&r.mu)
	return r
}

func (r *reader) Run() {
	b := make([]byte, 4096)
	for {
		n, err := r.conn.Read(b)
		r.mu.Lock()
		r.got = append(r.got, b[:n]...)
		r.err = err
		r.cond.Broadcast()
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (r *reader) Check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks++
	return r.unwell
}

func (r *reader) checked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checks
}

// say sets what Check returns.
func (r *reader) say(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwell = err
}

// Read waits for what Run has read.
func (r *reader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.got) == 0 {
		if r.err != nil {
			return 0, io.EOF
		}
		r.cond.Wait()
	}
	n := copy(b, r.got)
	r.got = r.got[n:]
	return n, nil
}

func upstream(t testing.TB, pg *throwaway.Postgres) *pgconn.Config {
	t.Helper()
	cfg, err := pgconn.ParseConfig(pg.DSN(pg.Superuser, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// silent is an upstream that takes connections and never answers.
func silent(t testing.TB) *pgconn.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	cfg, err := pgconn.ParseConfig("postgres://a@" + l.Addr().String() + "/b?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// newPool makes a pool that ends with the test.
func newPool(t testing.TB, cfg pool.Config) *pool.Pool {
	t.Helper()
	if cfg.Upstream == nil {
		cfg.Upstream = upstream(t, throwawaytest.ForTest(t))
	}
	if cfg.Backend == nil {
		cfg.Backend = newReader
	}
	p := pool.New(cfg)
	t.Cleanup(func() {
		closed := make(chan struct{})
		go func() {
			p.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Error("a connection was not given back")
		}
	})
	return p
}

func request(settings map[string]string) pool.Request {
	return pool.Request{Key: pool.NewKey(settings), Tenant: "acme"}
}

func acquire(t testing.TB, p *pool.Pool, settings map[string]string) *pool.Conn {
	t.Helper()
	c, err := p.Acquire(context.Background(), request(settings))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a statement and returns the first value of the answer, and the SQLSTATE of an error.
func ask(c *pool.Conn, sql string) (value, state string, err error) {
	f := pgproto3.NewFrontend(c.Backend.(*reader), c)
	f.SendQuery(&pgproto3.Query{String: sql})
	if err := f.Flush(); err != nil {
		return "", "", err
	}
	for {
		m, err := f.Receive()
		if err != nil {
			return value, state, err
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			value = string(m.Values[0])
		case *pgproto3.ErrorResponse:
			state = m.Code
		case *pgproto3.ReadyForQuery:
			return value, state, nil
		}
	}
}

func value(t testing.TB, c *pool.Conn, sql string) string {
	t.Helper()
	got, state, err := ask(c, sql)
	if err != nil || state != "" {
		t.Fatalf("%s: %v %s", sql, err, state)
	}
	return got
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(time.Millisecond); !met(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// impatient lets nobody wait long any more: who needs no new connection. To make one can take any time.
func impatient(p *pool.Pool, cfg pool.Config) {
	cfg.WaitTimeout = 50 * time.Millisecond
	p.Configure(cfg)
}

// outcome is what a call of Acquire in the background has brought.
type outcome struct {
	conn *pool.Conn
	err  error
}

// wait calls Acquire in the background, and returns when it stands in the queue.
func wait(t testing.TB, p *pool.Pool, ctx context.Context, r pool.Request) <-chan outcome {
	t.Helper()
	before := p.Stats().Waiting
	done := make(chan outcome, 1)
	go func() {
		c, err := p.Acquire(ctx, r)
		done <- outcome{c, err}
	}()
	eventually(t, "the queue", func() bool { return p.Stats().Waiting == before+1 })
	return done
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func isConnectError(err error) bool { return errors.As(err, new(*pool.ConnectError)) }
