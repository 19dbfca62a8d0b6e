package pool_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway/throwawaytest"
)

func newPool(t *testing.T, cfg pool.Config) *pool.Pool {
	t.Helper()
	pg := throwawaytest.ForTest(t)
	upstream, err := pgconn.ParseConfig(pg.DSN(pg.Superuser, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Upstream == nil {
		cfg.Upstream = upstream
	}
	p := pool.New(cfg)
	t.Cleanup(p.Close)
	return p
}

func acquire(t *testing.T, p *pool.Pool, settings map[string]string) *pool.Lease {
	t.Helper()
	lease, err := p.Acquire(context.Background(), pool.NewKey(settings))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lease.Release)
	return lease
}

// value asks a lease's connection for one value.
func value(t *testing.T, lease *pool.Lease, sql string) (string, string) {
	t.Helper()
	f := pgproto3.NewFrontend(lease.Conn, lease.Conn)
	f.SendQuery(&pgproto3.Query{String: sql})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	var got, state string
	for {
		m, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			got = string(m.Values[0])
		case *pgproto3.ErrorResponse:
			state = m.Code
		case *pgproto3.ReadyForQuery:
			return got, state
		}
	}
}

func TestConnectionsStartFromKnownSettings(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	upstream, err := pgconn.ParseConfig(pg.DSN(pg.Superuser, "postgres") + "&standard_conforming_strings=off&backslash_quote=on")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: upstream})
	lease := acquire(t, p, map[string]string{"datestyle": "German, DMY", "application_name": "a 'b' \\c", "transform_null_equals": "on"})
	for name, want := range map[string]string{
		"datestyle": "German, DMY", "application_name": "a 'b' \\c", "standard_conforming_strings": "on", "backslash_quote": "safe_encoding",
		"transform_null_equals": "off", "client_encoding": "UTF8", "row_security": "on",
	} {
		if got, _ := value(t, lease, "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if lease.Parameters["DateStyle"] != "German, DMY" {
		t.Errorf("reported parameters: %v", lease.Parameters)
	}
}

// queued counts the goroutines that stand in the queue for a connection: they are counted as waiting a moment before.
func queued() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for _, g := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(g, "[select") && strings.Contains(g, "semaphore.(*Weighted).Acquire") {
			n++
		}
	}
	return n
}

func TestWaitersAreServedInTurn(t *testing.T) {
	p := newPool(t, pool.Config{MaxConnections: 1, AcquireTimeout: time.Minute})
	held := acquire(t, p, nil)
	var mu sync.Mutex
	var order []int
	var all sync.WaitGroup
	for i := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			lease, err := p.Acquire(context.Background(), pool.NewKey(nil))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			lease.Release()
		}()
		for queued() <= i { // until it is in the queue, so that the next one is behind it
			runtime.Gosched()
		}
		if n := p.Stats().Waiting; n != i+1 {
			t.Errorf("%d waiting, want %d", n, i+1)
		}
	}
	held.Release()
	all.Wait()
	if !slices.Equal(order, []int{0, 1, 2, 3}) {
		t.Errorf("served in the order %v", order)
	}
	if s := p.Stats(); s.InUse != 0 || s.Waiting != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAcquireFails(t *testing.T) {
	p := newPool(t, pool.Config{MaxConnections: 1, AcquireTimeout: time.Second})
	held := acquire(t, p, nil)
	if _, err := p.Acquire(context.Background(), pool.NewKey(nil)); !errors.Is(err, pool.ErrExhausted) {
		t.Errorf("beyond the maximum: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Acquire(ctx, pool.NewKey(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	held.Release()
	held.Release()
	if got := p.Stats().InUse; got != 0 {
		t.Errorf("%d in use after Release", got)
	}
	var refused *pool.ConnectError
	if _, err := p.Acquire(context.Background(), pool.NewKey(map[string]string{"datestyle": "nonsense"})); !errors.As(err, &refused) {
		t.Errorf("a setting that the upstream refuses: %v", err)
	}
	acquire(t, p, nil).Release() // the turn of the failed one has come back
	p.Close()
	if _, err := p.Acquire(context.Background(), pool.NewKey(nil)); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestUpstreamThatDoesNotAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	upstream, err := pgconn.ParseConfig("postgres://a@" + silent.Addr().String() + "/b?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: upstream, AcquireTimeout: 50 * time.Millisecond})
	var failed *pool.ConnectError
	if _, err := p.Acquire(context.Background(), pool.NewKey(nil)); !errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
}

func TestCancelReachesWhatRuns(t *testing.T) {
	p := newPool(t, pool.Config{})
	lease := acquire(t, p, nil)
	ctx := context.Background()
	if err := lease.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	if got, state := value(t, lease, "SELECT 'alive'"); got != "alive" {
		t.Errorf("a cancel request before the statement has hit it: %s", state)
	}
	watcher := acquire(t, p, nil)
	done := make(chan string, 1)
	go func() {
		_, state := value(t, lease, "SELECT pg_sleep(600)")
		done <- state
	}()
	for {
		if got, _ := value(t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"); got == "1" {
			break
		}
	}
	if err := lease.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	if state := <-done; state != "57014" {
		t.Errorf("the statement ended with %q", state)
	}
}
