package proxy_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

const forever = "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d, numbers e"

// running waits until the upstream runs a statement for this world.
func (w *world) running() {
	w.t.Helper()
	eventually(w.t, "a statement that runs upstream", func() bool { return w.backends("state = 'active' AND query LIKE '%numbers%'") == 1 })
}

// backends counts the upstream's backends of this world that match a condition.
func (w *world) backends(condition string) int {
	w.t.Helper()
	conn, err := dial(w.pg.DSN(w.pg.Superuser, "postgres"))
	must(w.t, err)
	defer conn.Close(context.Background())
	r := conn.ExecParams(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND "+condition,
		[][]byte{[]byte(w.database)}, nil, nil, nil).Read()
	must(w.t, r.Err)
	return int(r.Rows[0][0][0] - '0')
}

func TestCancelRequest(t *testing.T) {
	w := newWorld(t, worldOptions{})
	conn, err := dial(w.dsn())
	must(t, err)
	other, err := dial(w.dsn())
	must(t, err)
	ctx := context.Background()
	must(t, conn.CancelRequest(ctx)) // nothing runs: it reaches nothing
	r := conn.Exec(ctx, forever)
	w.running()
	must(t, other.CancelRequest(ctx)) // another session's key does not reach this one
	must(t, conn.CancelRequest(ctx))
	if _, err := r.ReadAll(); state(err) != "57014" {
		t.Errorf("cancelled statement: %v", err)
	}
	for range 30 { // a request that comes when its statement is over cancels nothing later
		pending := conn.Exec(ctx, "SELECT count(*) FROM numbers a, numbers b WHERE a.n + b.n > 5")
		must(t, conn.CancelRequest(ctx))
		if _, err := pending.ReadAll(); err != nil && state(err) != "57014" {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, "SELECT count(*) FROM numbers").ReadAll(); err != nil {
			t.Fatalf("the statement after a cancelled one: %v", err)
		}
	}
	must(t, conn.Close(ctx))
	must(t, other.Close(ctx))
}

func TestClientThatVanishesStopsItsStatement(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	c.Send(query(forever))
	must(t, c.Flush())
	w.running()
	must(t, c.conn.Close())
	eventually(t, "no backend upstream", func() bool { return w.backends("usename = 'app_proxy' AND state <> 'idle'") == 0 })
}

func TestTerminateComesAfterWhatWasSentBefore(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	c.Send(query("INSERT INTO orders (id) VALUES (90)"))
	c.Send(&pgproto3.Terminate{})
	must(t, c.Flush())
	if heard := c.hear(2); len(heard) != 3 || heard[2] != "closed" {
		t.Errorf("heard %q", heard)
	}
	var n int
	must(t, w.connect().QueryRow(context.Background(), "SELECT count(*) FROM orders WHERE id = 90").Scan(&n))
	if n != 1 {
		t.Errorf("%d rows of the insert", n)
	}
}

// endsWith reports whether the connection ended with this error.
func endsWith(heard []string, last string) bool {
	n := len(heard)
	return n >= 2 && heard[n-1] == "closed" && strings.HasPrefix(heard[n-2], last)
}

func TestUpstreamBackendKilled(t *testing.T) {
	w := newWorld(t, worldOptions{})
	kill := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_proxy' AND datname = '" + w.database + "'"
	c := dialRaw(t, w.dsn())
	c.Send(query(forever))
	must(t, c.Flush())
	w.running()
	must(t, w.pg.Exec(context.Background(), "postgres", kill))
	if heard := c.hear(1); !endsWith(heard, "Error FATAL 57P01") {
		t.Errorf("in mid-statement: %q", heard)
	}
	idle := dialRaw(t, w.dsn())
	must(t, w.pg.Exec(context.Background(), "postgres", kill))
	if heard := idle.say(1, query("SELECT 1")); !slices.Contains(heard, "Ready I") {
		t.Errorf("idle, and not aware of it: %q", heard)
	}
	open := dialRaw(t, w.dsn())
	open.say(1, query("BEGIN"))
	must(t, w.pg.Exec(context.Background(), "postgres", kill))
	if heard := open.hear(1); len(heard) != 2 || !strings.HasPrefix(heard[0], "Error FATAL 57P01") {
		t.Errorf("idle in a transaction: %q", heard)
	}
	last := w.seen.outcomes()
	if len(last) != 3 || last[0].SQLState != "57P01" {
		t.Errorf("outcomes %+v", last)
	}
}

func TestUpstreamRestart(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{})
	w := newWorld(t, worldOptions{pg: pg})
	c := dialRaw(t, w.dsn())
	c.Send(query(forever))
	must(t, c.Flush())
	w.running()
	must(t, pg.Restart(context.Background()))
	if heard := c.hear(1); !endsWith(heard, "Error FATAL 57P01") {
		t.Errorf("restarted in mid-statement: %q", heard)
	}
	var n int
	must(t, w.connect().QueryRow(context.Background(), "SELECT count(*) FROM orders").Scan(&n))

	crashed := dialRaw(t, w.dsn())
	crashed.Send(query(forever))
	must(t, crashed.Flush())
	w.running()
	pg.Crash()
	if heard := crashed.hear(1); !endsWith(heard, "Error FATAL 08006") {
		t.Errorf("crashed in mid-statement: %q", heard)
	}
	without := w.connect()
	if _, err := without.Exec(context.Background(), "SELECT 1"); state(err) != "08006" {
		t.Errorf("without an upstream: %v, want 08006", err)
	}
	must(t, pg.Restart(context.Background()))
	must(t, w.connect().QueryRow(context.Background(), "SELECT count(*) FROM orders").Scan(&n))
}

func TestPoolExhausted(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1, WaitTimeout: time.Second}})
	first, second := w.connect(), w.connect()
	_, err := first.Exec(context.Background(), "BEGIN")
	must(t, err)
	if _, err := second.Exec(context.Background(), "SELECT 1"); state(err) != "53300" {
		t.Errorf("beyond the pool: %v", err)
	}
	if s := w.active.Pool.Stats(); s.InUse != 1 || s.Waiting != 0 || s.Max != 1 {
		t.Errorf("stats %+v", s)
	}
	must(t, first.Close(context.Background()))
	eventually(t, "the connection to come back", func() bool { return w.active.Pool.Stats().InUse == 0 })
	w.connect()
}

func TestShutdown(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	before := goroutines()
	w := newWorld(t, worldOptions{pg: pg, limits: limit.Limits{StatementTimeout: time.Minute}})
	idle, busy, open := dialRaw(t, w.dsn()), dialRaw(t, w.dsn()), dialRaw(t, w.dsn())
	early := w.knock(nil)
	open.say(1, query("BEGIN"))
	open.say(1, query("INSERT INTO orders (id) VALUES (95)"))
	busy.Send(query("SELECT count(*) FROM numbers a, numbers b, numbers c WHERE c.n <= 10"))
	must(t, busy.Flush())
	w.running()
	done := make(chan error, 1)
	go func() { done <- w.server.Shutdown(context.Background()) }()

	if heard := idle.hear(1); len(heard) != 2 || !strings.HasPrefix(heard[0], "Error FATAL 57P01") {
		t.Errorf("idle session: %q", heard)
	}
	answer(t, early)
	heard := busy.hear(2)
	if heard[1] != `DataRow ["10000000"]` || !strings.HasPrefix(heard[len(heard)-2], "Error FATAL 57P01") {
		t.Errorf("running session: %q", heard)
	}
	if _, err := dial(w.dsn()); err == nil {
		t.Error("a new session is accepted")
	}
	if heard := open.say(1, query("SELECT id FROM orders WHERE id = 95")); heard[1] != `DataRow ["95"]` {
		t.Errorf("session in a transaction: %q", heard)
	}
	select {
	case err := <-done:
		t.Errorf("Shutdown did not wait for the transaction: %v", err)
	default:
	}
	if heard := open.say(2, query("COMMIT")); !strings.HasPrefix(strings.Join(heard, "|"), "CommandComplete COMMIT|Ready I|Error FATAL 57P01") {
		t.Errorf("session at the end of its transaction: %q", heard)
	}
	must(t, within(t, "the end of Shutdown", done))
	if err := within(t, "the end of Serve", w.served); !errors.Is(err, proxy.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
	w.active.Pool.Close()
	eventually(t, "no goroutine left", func() bool { return goroutines() <= before })
}

// goroutines counts those of the packages under test.
func goroutines() int {
	b := make([]byte, 1<<20)
	n := 0
	for _, g := range strings.Split(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(g, "pgcordon/proxy.") || strings.Contains(g, "pgcordon/proxy/pool.") {
			n++
		}
	}
	return n
}

func TestShutdownCutsOffAtItsDeadline(t *testing.T) {
	w := newWorld(t, worldOptions{})
	open, busy := dialRaw(t, w.dsn()), dialRaw(t, w.dsn())
	open.say(1, query("BEGIN"))
	busy.Send(query(forever))
	must(t, busy.Flush())
	w.running()
	ctx, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer stop()
	if err := w.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if heard := open.hear(1); heard[len(heard)-1] != "closed" {
		t.Errorf("session in a transaction: %q", heard)
	}
	eventually(t, "no statement upstream", func() bool { return w.backends("usename = 'app_proxy' AND state <> 'idle'") == 0 })
}

func TestSwap(t *testing.T) {
	w := newWorld(t, worldOptions{})
	staying, leaving := dialRaw(t, w.dsn()), dialRaw(t, w.dsnOf("globex_app"))
	inTransaction := dialRaw(t, w.dsnOf("globex_app"))
	inTransaction.say(1, query("BEGIN"))
	staying.say(1, parse("s", "SELECT id FROM orders WHERE id = 1"), sync_)
	staying.say(1, parse("same", "SELECT 1"), sync_)

	next := w.active
	next.Users = w.users("acme_app")
	next.Planner = w.planner(strings.Replace(policyYAML, "public.secrets", "public.orders", 1))
	w.server.Swap(next)
	if heard := leaving.hear(1); len(heard) != 2 || !strings.HasPrefix(heard[0], "Error FATAL 57P01") {
		t.Errorf("session of a user that is gone: %q", heard)
	}
	if heard := inTransaction.say(1, query("SELECT 1")); heard[1] != `DataRow ["1"]` {
		t.Errorf("transaction of a user that is gone: %q", heard)
	}
	if heard := inTransaction.say(2, query("COMMIT")); !strings.HasPrefix(heard[len(heard)-2], "Error FATAL 57P01") {
		t.Errorf("end of the transaction of a user that is gone: %q", heard)
	}
	if heard := staying.say(1, query("SELECT id FROM orders")); !strings.HasPrefix(heard[0], "Error ERROR 42501") {
		t.Errorf("the new policy does not hold: %q", heard)
	}
	if heard := staying.say(1, bind("", "s"), exec("", 0), sync_); !strings.HasPrefix(heard[0], "Error ERROR 42501") {
		t.Errorf("the new policy does not hold for what was prepared before: %q", heard)
	}
	if heard := staying.say(1, bind("", "same"), exec("", 0), sync_); heard[1] != `DataRow ["1"]` {
		t.Errorf("a statement that the new policy does not change: %q", heard)
	}
}

// What a client has left running, or waits behind, does not keep the process: it is cancelled when sessions are cut off.
func TestShutdownCutsOffWhatIsWaitedFor(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, behind := range []pgproto3.FrontendMessage{&pgproto3.Terminate{}, query("SET search_path = public; SELECT 1")} {
		c := dialRaw(t, w.dsn())
		c.Send(query(forever))
		c.Send(behind)
		must(t, c.Flush())
	}
	eventually(t, "the statements to run", func() bool { return w.backends("state = 'active' AND query LIKE '%numbers%'") == 2 })
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := w.server.Shutdown(ctx); err == nil {
		t.Error("no session was cut off")
	}
	eventually(t, "the end of the statements", func() bool { return w.backends("state = 'active' AND query LIKE '%numbers%'") == 0 })
}
