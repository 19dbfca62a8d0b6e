package pool_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

func TestRestartOfTheUpstream(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{})
	p := newPool(t, pool.Config{Upstream: upstream(t, pg), Size: 2})
	idle, leased := acquire(t, p, nil), acquire(t, p, nil)
	idle.Release(true)
	idle = acquire(t, p, nil)
	waiting := wait(t, p, context.Background(), request(nil))
	idle.Release(true)
	got := <-waiting
	if got.conn != idle {
		t.Fatal("not handed over")
	}
	idle.Release(true)
	if err := pg.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the idle connection to leave the pool", func() bool { return p.Stats().Idle == 0 })
	eventually(t, "the end of the leased one", leased.Dead)
	if _, err := leased.Write([]byte{'S', 0, 0, 0, 4}); err == nil {
		t.Error("a dead connection can be written to")
	}
	if s := p.Stats(); s.InUse != 1 || s.Closed[pool.ClosedLost] != 1 {
		t.Errorf("%+v", s)
	}
	fresh := acquire(t, p, nil)
	value(t, fresh, "SELECT 1")
	// Both places are taken; the dead connection gives its place back at its release, although it is released as clean.
	waiting = wait(t, p, context.Background(), request(nil))
	leased.Release(true)
	if got := <-waiting; got.err != nil {
		t.Error(got.err)
	} else {
		value(t, got.conn, "SELECT 1")
		got.conn.Release(true)
	}
	fresh.Release(true)
	if s := p.Stats(); s.Idle != 2 || s.InUse != 0 || s.Closed[pool.ClosedLost] != 2 || s.Connects != 4 || s.ConnectFailures != 0 {
		t.Errorf("%+v", s)
	}
}

// A short outage makes clients wait and is not an error to them.
func TestShortOutage(t *testing.T) {
	cfg := upstream(t, throwawaytest.ForTest(t))
	dial, attempts := cfg.DialFunc, new(atomic.Int64)
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if attempts.Add(1) <= 3 {
			return nil, syscall.ECONNREFUSED
		}
		return dial(ctx, network, address)
	}
	p := newPool(t, pool.Config{Upstream: cfg, Size: 1})
	acquire(t, p, nil).Release(true)
	if s := p.Stats(); s.ConnectFailures != 3 || s.Connects != 1 || s.Waits != 1 {
		t.Errorf("%+v", s)
	}
}

// What no restart would change is told at once, and who gives up before an outage is over learns of it.
func TestOutages(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	cfg := upstream(t, pg)
	cfg.Database = "no such database"
	p := newPool(t, pool.Config{Upstream: cfg})
	began := time.Now()
	if _, err := p.Acquire(context.Background(), request(nil)); !isConnectError(err) || p.Stats().ConnectFailures != 1 {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	cfg = upstream(t, pg)
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	p = newPool(t, pool.Config{Upstream: cfg, WaitTimeout: 100 * time.Millisecond})
	if _, err := p.Acquire(context.Background(), request(nil)); !isConnectError(err) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

func TestUpstreamThatIsGone(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{})
	cfg := upstream(t, pg)
	var dials atomic.Int64
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	var log strings.Builder // the pool writes to it one line after the other
	p := newPool(t, pool.Config{Upstream: cfg, Size: 4, Log: slog.New(slog.NewTextHandler(&log, nil))})
	held := acquire(t, p, nil)
	pg.Crash()
	eventually(t, "the end of the connection", held.Dead)
	held.Release(true)

	before, began := dials.Load(), time.Now()
	for range 50 { // everybody learns soon, and the upstream is not hammered
		done := make(chan error, 20)
		for range cap(done) {
			go func() {
				_, err := p.Acquire(context.Background(), request(nil))
				done <- err
			}()
		}
		for range cap(done) {
			if err := <-done; !isConnectError(err) {
				t.Fatalf("got %v", err)
			}
		}
		if time.Since(began) > 2*time.Second {
			break
		}
	}
	if took, n := time.Since(began), dials.Load()-before; n > 4+8 {
		t.Errorf("%d attempts in %v", n, took)
	}
	if err := pg.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	c := acquire(t, p, nil) // waits for the pause to end
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the first connection after the failure took %v", took)
	}
	d := acquire(t, p, nil)
	value(t, d, "SELECT 1")
	c.Release(true)
	d.Release(true)
	p.Close()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if n := strings.Count(log.String(), "level=WARN msg=\"connecting to the upstream failed\""); n == 0 || n > 5 {
		t.Errorf("%d warnings", n)
	}
	if !strings.Contains(lines[len(lines)-1], "level=INFO msg=\"the upstream can be reached again\"") {
		t.Errorf("the log ends %s", lines[len(lines)-1])
	}
}

// What the upstream has left is used while it refuses more.
func TestUpstreamThatIsFull(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{Settings: map[string]string{"max_connections": "6", "superuser_reserved_connections": "3",
		"max_wal_senders": "0"}})
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, pg.DSN("", "postgres")) // has one of the three that are not reserved
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE ROLE app LOGIN"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server to have no other session", func() bool {
		n := 0
		err := admin.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").Scan(&n)
		return err == nil && n == 1
	})
	cfg, err := pgconn.ParseConfig(pg.DSN("app", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: cfg, Size: 4})
	a, b := acquire(t, p, nil), acquire(t, p, nil)
	waiting := wait(t, p, context.Background(), request(nil))
	eventually(t, "the upstream to refuse", func() bool { return p.Stats().ConnectFailures > 0 })
	a.Release(true)
	got := <-waiting
	if got.conn != a {
		t.Errorf("who waits did not get what was released: %v", got.err)
	}
	a.Release(true)
	b.Release(true)
	if _, err := p.Acquire(context.Background(), request(named("other"))); err == nil {
		t.Error("a third connection: the test shows nothing")
	}
}

func TestFailover(t *testing.T) {
	ctx := context.Background()
	primary := throwawaytest.Start(t, throwaway.Options{})
	standby, err := primary.Standby(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Stop(); err != nil {
			t.Error(err)
		}
	})
	hosts := primary.Host + ":" + strconv.Itoa(standby.Port) + "," + primary.Host + ":" + strconv.Itoa(primary.Port)
	cfg, err := pgconn.ParseConfig("postgres://" + primary.Superuser + "@" + hosts + "/postgres?sslmode=disable&target_session_attrs=read-write")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: cfg, Size: 2})
	c, idle := acquire(t, p, nil), acquire(t, p, nil)
	value(t, c, "CREATE TABLE written ()")
	idle.Release(true)
	primary.Crash()
	eventually(t, "the end of both", func() bool { return c.Dead() && idle.Dead() })
	c.Release(true)
	if _, err := p.Acquire(ctx, request(nil)); !isConnectError(err) {
		t.Errorf("the standby serves, and cannot be written to: %v", err)
	}
	if err := standby.Promote(ctx); err != nil {
		t.Fatal(err)
	}
	c = acquire(t, p, nil)
	value(t, c, "CREATE TABLE written_again ()")
	if got := value(t, c, "SELECT inet_server_port()"); got != strconv.Itoa(standby.Port) {
		t.Errorf("connected to port %s", got)
	}
	c.Release(true)
}

func TestUnixSocket(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	cfg, err := pgconn.ParseConfig("host=" + pg.SocketDir + " port=" + strconv.Itoa(pg.Port) + " user=" + pg.Superuser + " dbname=postgres")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: cfg})
	c := acquire(t, p, nil)
	defer c.Release(true)
	if got := value(t, c, "SELECT coalesce(inet_server_addr()::text, 'socket')"); got != "socket" || c.RemoteAddr().Network() != "unix" {
		t.Errorf("connected to %s", got)
	}
	if !strings.Contains(p.Database(), "postgres") {
		t.Errorf("database %s", p.Database())
	}
}
