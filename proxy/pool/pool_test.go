package pool_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway/throwawaytest"
)

func TestConnectionsStartFromKnownSettings(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	cfg, err := pgconn.ParseConfig(pg.DSN(pg.Superuser, "postgres") + "&standard_conforming_strings=off&backslash_quote=on")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: cfg})
	c := acquire(t, p, map[string]string{"datestyle": "German, DMY", "application_name": "a 'b' \\c", "transform_null_equals": "on"})
	defer c.Release(true)
	for name, want := range map[string]string{
		"datestyle": "German, DMY", "application_name": "a 'b' \\c", "standard_conforming_strings": "on", "backslash_quote": "safe_encoding",
		"transform_null_equals": "off", "client_encoding": "UTF8", "row_security": "on",
	} {
		if got := value(t, c, "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if c.Parameters["DateStyle"] != "German, DMY" {
		t.Errorf("reported parameters: %v", c.Parameters)
	}
	if got := value(t, c, "SELECT pg_backend_pid()"); got != itoa(c.PID) {
		t.Errorf("the process is %s, not %d", got, c.PID)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	p := newPool(t, pool.Config{Size: 3})
	a, b := acquire(t, p, nil), acquire(t, p, nil)
	a.Release(true)
	b.Release(true)
	if c := acquire(t, p, nil); c != b {
		t.Error("not the one that was used last")
	} else {
		c.Release(true)
	}
	c, err := p.Acquire(context.Background(), pool.Request{Prefer: a})
	if err != nil || c != a {
		t.Errorf("not the one that was preferred: %v", err)
	}
	d, err := p.Acquire(context.Background(), pool.Request{Prefer: a})
	if err != nil || d != b {
		t.Errorf("the preferred one is leased, and got another than the idle one: %v", err)
	}
	c.Release(false)
	d.Release(true)
	if s := p.Stats(); s.Connects != 2 || s.Idle != 1 || s.InUse != 0 || s.Closed[pool.ClosedReleased] != 1 {
		t.Errorf("%+v", s)
	}
	if e, err := p.Acquire(context.Background(), pool.Request{Prefer: a}); err != nil || e != b {
		t.Errorf("the preferred one is closed: %v", err)
	} else {
		e.Release(true)
	}
}

func TestWaitersAreServedInTurn(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1})
	held := acquire(t, p, nil)
	var order []int
	served := make(chan int)
	for i := range 4 {
		done := wait(t, p, context.Background(), request(nil))
		go func() {
			got := <-done
			served <- i
			got.conn.Release(got.err == nil)
		}()
	}
	if s := p.Stats(); s.Waiting != 4 || s.LongestWait <= 0 {
		t.Errorf("%+v", s)
	}
	held.Release(true)
	for range 4 {
		order = append(order, <-served)
	}
	if !slices.Equal(order, []int{0, 1, 2, 3}) {
		t.Errorf("served in the order %v", order)
	}
	eventually(t, "the last to give it back", func() bool { return p.Stats().Idle == 1 })
	if s := p.Stats(); s.InUse != 0 || s.Waiting != 0 || s.Connects != 1 || s.Waits != 5 || s.Waited <= 0 {
		t.Errorf("%+v", s)
	}
}

func TestAcquireFails(t *testing.T) {
	cfg := pool.Config{Size: 1}
	p := newPool(t, cfg)
	held := acquire(t, p, nil)
	impatient(p, cfg)
	if _, err := p.Acquire(context.Background(), request(nil)); !errors.Is(err, pool.ErrExhausted) {
		t.Errorf("beyond the size: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Acquire(ctx, request(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	held.Release(true)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("released twice")
			}
		}()
		held.Release(true)
	}()
	if s := p.Stats(); s.InUse != 0 || s.Idle != 1 {
		t.Errorf("%+v", s)
	}
	p.Close()
	if _, err := p.Acquire(context.Background(), request(nil)); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A connection that comes at the moment at which its waiter gives up goes on to the next.
func TestGivingUpWhileServed(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1})
	for range 200 {
		held := acquire(t, p, nil)
		ctx, stop := context.WithCancel(context.Background())
		w := wait(t, p, ctx, request(nil))
		stop()
		held.Release(true)
		switch got := <-w; {
		case got.conn != nil:
			got.conn.Release(true)
		case !errors.Is(got.err, context.Canceled):
			t.Fatal(got.err)
		}
		if s := p.Stats(); s.InUse != 0 || s.Idle != 1 {
			t.Fatalf("%+v", s)
		}
	}
}

func TestUpstreamThatDoesNotAnswer(t *testing.T) {
	p := newPool(t, pool.Config{Upstream: silent(t), ConnectTimeout: 50 * time.Millisecond})
	if _, err := p.Acquire(context.Background(), request(nil)); !isConnectError(err) {
		t.Errorf("got %v", err)
	}
}

func TestCancelReachesWhatRuns(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	socket, err := pgconn.ParseConfig("host=" + pg.SocketDir + " port=" + itoa(uint32(pg.Port)) + " user=" + pg.Superuser + " dbname=postgres")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := socket.Copy() // the first host has no server
	elsewhere.Fallbacks = []*pgconn.FallbackConfig{{Host: socket.Host, Port: socket.Port}}
	elsewhere.Host = t.TempDir()
	for name, cfg := range map[string]*pgconn.Config{"TCP": upstream(t, pg), "Unix socket": socket, "the second of two Unix sockets": elsewhere} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, pool.Config{Upstream: cfg})
			c := acquire(t, p, nil)
			defer c.Release(true)
			ctx := context.Background()
			if err := c.Cancel(ctx); err != nil {
				t.Fatal(err)
			}
			if got := value(t, c, "SELECT 'alive'"); got != "alive" {
				t.Errorf("a cancel request before the statement has hit it: %s", got)
			}
			watcher := acquire(t, p, nil)
			defer watcher.Release(true)
			done := make(chan string, 1)
			go func() {
				_, state, _ := ask(c, "SELECT pg_sleep(600)")
				done <- state
			}()
			eventually(t, "the statement to run", func() bool {
				return value(t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
			})
			if err := c.Cancel(ctx); err != nil {
				t.Fatal(err)
			}
			if state := <-done; state != "57014" {
				t.Errorf("the statement ended with %q", state)
			}
		})
	}
}
