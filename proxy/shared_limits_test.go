package proxy_test

import (
	"context"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/limit/budget"
	"pgcordon/test/throwaway/throwawaytest"
)

// redisServer is a Redis of a test's own, which keeps nothing.
type redisServer struct {
	t      testing.TB
	socket string
	cmd    *osexec.Cmd
}

func startRedis(t testing.TB) *redisServer {
	t.Helper()
	if _, err := osexec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs redis-server: scripts/setup installs it")
		}
		t.Skip("needs redis-server: not on this machine")
	}
	dir, err := os.MkdirTemp("", "redis")
	must(t, err)
	r := &redisServer{t: t, socket: filepath.Join(dir, "s")}
	r.start()
	t.Cleanup(func() {
		r.stop()
		_ = os.RemoveAll(dir)
	})
	return r
}

func (r *redisServer) start() {
	r.t.Helper()
	r.cmd = osexec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--save", "", "--appendonly", "no", "--dir", filepath.Dir(r.socket))
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(r.t, r.cmd.Start())
	client := redis.NewClient(r.options())
	defer client.Close()
	eventually(r.t, "Redis to answer", func() bool { return client.Ping(context.Background()).Err() == nil })
}

func (r *redisServer) options() *redis.Options {
	return &redis.Options{Network: "unix", Addr: r.socket}
}

func (r *redisServer) stop() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait() // killed
		r.cmd = nil
	}
}

// proxies starts servers that share limits.
func proxies(t testing.TB, n int, r *redisServer, limits limit.Limits, closed bool) (all []*world) {
	t.Helper()
	pg := throwawaytest.ForTest(t)
	for range n {
		broker := budget.New(budget.Options{Redis: r.options(), Closed: closed, Proxies: n, Log: slog.New(slog.NewTextHandler(&logger{t: t}, nil))})
		w := newWorld(t, worldOptions{pg: pg, limits: limits, sharer: broker})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); broker.Run(ctx, w.gate) }()
		t.Cleanup(func() {
			cancel()
			<-done
			_ = broker.Close()
		})
		all = append(all, w)
	}
	return all
}

// flood has clients of each server run statements until stopped, and counts those that have run.
func flood(t testing.TB, servers []*world, clients ...int) (ran *atomic.Int64, stop func()) {
	t.Helper()
	ran = &atomic.Int64{}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i, w := range servers {
		for range clients[i] {
			conn := w.connect()
			wg.Go(func() {
				for ctx.Err() == nil {
					if _, err := conn.Exec(context.Background(), "SELECT 1", pgx.QueryExecModeSimpleProtocol); err != nil {
						t.Errorf("a client was harmed: %v", err)
						return
					}
					ran.Add(1)
				}
			})
		}
	}
	return ran, func() { cancel(); wg.Wait() }
}

// perSecond is the rate of what is counted, over the next n.
func perSecond(t testing.TB, ran *atomic.Int64, n int64) float64 {
	t.Helper()
	began, from := time.Now(), ran.Load()
	eventually(t, "statements to run", func() bool { return ran.Load() >= from+n })
	return float64(ran.Load()-from) / time.Since(began).Seconds()
}

// Three proxies hold one budget, whatever part of the load each has, and while Redis is stopped and started.
func TestThreeProxiesShareOneBudget(t *testing.T) {
	const most = 150
	const measured = 6 * most // of which the 24 that wait when it begins are a few per cent
	r := startRedis(t)
	servers := proxies(t, 3, r, limit.Limits{StatementsPerSecond: most, Burst: 3, Wait: time.Minute}, false)
	within := func(what string, got, low float64) {
		t.Helper()
		t.Logf("%s: %.1f per second of %d", what, got, most)
		if got > 1.05*most || got < low*most {
			t.Errorf("%s: %.1f per second, of %d", what, got, most)
		}
	}
	ran, stop := flood(t, servers, 8, 8, 8)
	perSecond(t, ran, most) // until the portions have settled
	within("three floods", perSecond(t, ran, measured), 0.9)
	stop()

	ran, stop = flood(t, servers, 16, 1, 0)
	perSecond(t, ran, most)
	within("a flood and one client", perSecond(t, ran, measured), 0.85)

	r.stop()
	within("Redis has been stopped", perSecond(t, ran, measured), 0)
	stop()
	ran, stop = flood(t, servers, 8, 8, 8)
	perSecond(t, ran, 3*most)
	within("Redis is away", perSecond(t, ran, measured), 0.9)
	r.start()
	within("Redis is back", perSecond(t, ran, measured), 0.85)
	stop()
}

// The connections of all proxies together are counted.
func TestThreeProxiesShareConnections(t *testing.T) {
	r := startRedis(t)
	servers := proxies(t, 3, r, limit.Limits{Connections: 4}, false)
	first := servers[0].connect()
	for _, i := range []int{0, 1, 2} {
		servers[i].connect()
	}
	for _, w := range servers {
		if _, err := dial(w.dsn()); state(err) != "53300" {
			t.Errorf("the fifth connection: %v", err)
		}
	}
	must(t, first.Close(context.Background()))
	eventually(t, "room for a connection", func() bool {
		_, err := dial(servers[2].dsn())
		return err == nil
	})
}

// fail: closed refuses while Redis is away, and goes on when it is back.
func TestSharedLimitsFailClosed(t *testing.T) {
	r := startRedis(t)
	w := proxies(t, 1, r, limit.Limits{StatementsPerSecond: 1e6, Connections: 5}, true)[0]
	conn := w.connect()
	run := func() error {
		_, err := conn.Exec(context.Background(), "SELECT 1", pgx.QueryExecModeSimpleProtocol)
		return err
	}
	must(t, run())
	r.stop()
	eventually(t, "statements to be refused", func() bool { return run() != nil })
	expectLimit(t, conn, run(), "53400", "statements_per_second of 1000000 per second cannot be checked", "retry in 1s")
	if _, err := dial(w.dsn()); state(err) != "53300" {
		t.Errorf("a login: %v", err)
	}
	r.start()
	eventually(t, "statements to run", func() bool { return run() == nil })
}
