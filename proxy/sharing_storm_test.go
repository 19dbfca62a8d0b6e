package proxy_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/pool"
)

var stormTime = flag.Duration("storm", 2*time.Second, "how long TestStorm goes on")

// stormer is one client of the storm: it does as it likes, and looks at what it gets.
type stormer struct {
	t     *testing.T
	w     *world
	user  string
	other string // what must never be seen
	rnd   *rand.Rand
}

// live connects, does a few things, and ends in one way or another.
func (s *stormer) live() {
	conn, err := pgconn.Connect(context.Background(), s.w.dsnOf(s.user, "application_name", s.user))
	if err != nil {
		s.t.Errorf("%s: %v", s.user, err)
		return
	}
	key := &pgproto3.CancelRequest{ProcessID: conn.PID(), SecretKey: conn.SecretKey()}
	h, err := conn.Hijack()
	if err != nil {
		s.t.Error(err)
		return
	}
	defer h.Conn.Close()
	if err := h.Conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		s.t.Error(err)
		return
	}
	c := &rawClient{t: s.t, conn: h.Conn, Frontend: h.Frontend}
	for range 1 + s.rnd.IntN(12) {
		if !s.step(c, key) {
			return
		}
	}
	if s.rnd.IntN(2) == 0 {
		c.Send(&pgproto3.Terminate{})
		_ = c.Flush() // the connection is closed next
	}
}

// step does one thing; false when the client has gone.
func (s *stormer) step(c *rawClient, key *pgproto3.CancelRequest) bool {
	item := fmt.Sprintf("SELECT item || '%d' FROM orders WHERE id >= $1", s.rnd.IntN(4))
	name := fmt.Sprintf("p%d", s.rnd.IntN(3))
	scripts := [][]pgproto3.FrontendMessage{
		{query("SELECT item FROM orders")},
		{parse("", item), bind("", "", "0"), describe('P', ""), exec("", 0), sync_},
		{closing('S', name), parse(name, item), describe('S', name), bind("", name, "0"), exec("", 1), exec("", 0), sync_},
		{query("BEGIN"), query("SET LOCAL datestyle = German"), query("SELECT '2.1.2020'::date, item FROM orders"), query("ROLLBACK")},
		{query("BEGIN"), query("SELECT item FROM orders FOR UPDATE"), query("COMMIT")},
		{query("SET lock_timeout = '7s'"), query("SHOW lock_timeout"), query("RESET lock_timeout")},
		{query("CREATE TEMP TABLE IF NOT EXISTS mine AS SELECT item FROM orders"), query("SELECT * FROM mine"), query("DROP TABLE mine")},
		{query("SELECT pg_advisory_lock_shared(4)"), query("SELECT pg_advisory_unlock_shared(4)")},
		{query("LISTEN ch"), query("NOTIFY ch, '" + s.user + "'"), query("UNLISTEN *")},
		{parse("", "SELECT 1/0"), bind("", ""), exec("", 0), parse("x", item), bind("", "x", "0"), exec("", 0), sync_},
		{query("SELECT nothing"), query("SELECT * FROM secrets")},
		{query("DEALLOCATE ALL"), query("DISCARD ALL")},
		{query("COPY orders TO STDOUT")},
		{query("BEGIN"), query("UPDATE orders SET item = item WHERE id = 2"), parse("", item), bind("", "", "0"), exec("", 0), sync_},
		{query("BEGIN"), query("INSERT INTO drawn DEFAULT VALUES"), query("SELECT count(*) FROM drawn WHERE a = currval('drawn_a_seq')"), query("ROLLBACK")},
		{query("SELECT n FROM numbers ORDER BY n LIMIT 300"), query("WITH o AS (SELECT * FROM orders) SELECT o.item FROM o LEFT JOIN numbers USING (tenant_id) LIMIT 3")},
		{bind("", "", "0"), exec("", 0), sync_},
		{query("SELECT current_setting('application_name')")},
	}
	script := scripts[s.rnd.IntN(len(scripts))]
	ready := 0
	for _, m := range script {
		switch m.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			ready++
		}
		c.Send(m)
		if s.rnd.IntN(12) == 0 {
			if c.Flush() != nil || s.rnd.IntN(4) == 0 {
				return false // in the middle
			}
		}
	}
	if c.Flush() != nil {
		return false
	}
	cancelled := s.rnd.IntN(8) == 0
	if cancelled {
		s.cancel(key)
	}
	if s.rnd.IntN(16) == 0 {
		return false // without an answer
	}
	heard := c.hear(ready)
	all := strings.Join(heard, "\n")
	if strings.Contains(all, s.other) {
		s.t.Errorf("%s has heard of another: %q", s.user, heard)
	}
	if !cancelled && strings.Contains(all, "57014") || strings.Contains(all, "XX000") || strings.HasSuffix(all, "closed") {
		s.t.Errorf("%s, %T: %q", s.user, script[0], heard)
		return false
	}
	return !strings.HasSuffix(all, "closed")
}

// cancel asks for what runs to be cancelled, and waits until that was passed on: no later statement of the client's may suffer.
func (s *stormer) cancel(key *pgproto3.CancelRequest) {
	conn, err := net.Dial("tcp", s.w.listener.Addr().String())
	if err != nil {
		s.t.Error(err)
		return
	}
	defer conn.Close()
	request, err := key.Encode(nil)
	if err == nil {
		_, err = conn.Write(request)
	}
	if err != nil {
		s.t.Error(err)
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // a new connection takes deadlines
	_, _ = conn.Read(make([]byte, 1))                          // which ends when it is closed
}

// TestStorm has many clients of two tenants on few connections, who vanish, cancel, fail and come back: nothing of one reaches another, and at the end
// everything is back.
func TestStorm(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 3}, prepared: 2, cache: 256 << 10})
	for _, user := range []string{"acme_app", "globex_app"} {
		dialRaw(t, w.dsnOf(user)).clean("SELECT 1")
	}
	w.seen.forget()
	storm(t, w, *stormTime/10)
	before, held := runtime.NumGoroutine(), heap()
	clients := storm(t, w, *stormTime)
	eventually(t, "all connections back", func() bool { return w.active.Pool.Stats().InUse == 0 })
	eventually(t, "all goroutines gone", func() bool { return runtime.NumGoroutine() <= before+3 }) // the pool may have connected again
	eventually(t, "the heap to be as it was", func() bool { return heap() < held+4<<20 })
	admin, err := pgx.Connect(context.Background(), w.pg.DSN("", w.database))
	must(t, err)
	defer admin.Close(context.Background())
	eventually(t, "no more connections upstream than the pool has, and all idle", func() bool {
		var open, busy int
		must(t, admin.QueryRow(context.Background(), "SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity "+
			"WHERE usename = 'app_proxy' AND datname = current_database()").Scan(&open, &busy))
		return open == w.active.Pool.Stats().Idle && busy == 0
	})
	t.Logf("%d clients in %v; goroutines: %d before, %d after; bytes of the heap: %d before, %d after", clients, *stormTime, before, runtime.NumGoroutine(), held, heap())
	for _, user := range []string{"acme_app", "globex_app"} {
		c := dialRaw(t, w.dsnOf(user, "application_name", "after"))
		for look, want := range map[string]string{"SHOW lock_timeout": "0", "SHOW datestyle": "ISO, MDY"} {
			if heard := c.say(1, query(look)); !answers(heard, want) {
				t.Errorf("%s: %q", look, heard)
			}
		}
	}
}

// storm has clients of two tenants live for a time, one life after the other, and returns how many.
func storm(t *testing.T, w *world, d time.Duration) int64 {
	var lives atomic.Int64
	end := time.Now().Add(d)
	var group sync.WaitGroup
	for i := range 16 {
		s := &stormer{t: t, w: w, user: "acme_app", other: "GLOBEX", rnd: rand.New(rand.NewPCG(uint64(i), 5))}
		if i%2 == 1 {
			s.user, s.other = "globex_app", "anvil"
		}
		group.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				s.live()
				lives.Add(1)
			}
		})
	}
	group.Wait()
	return lives.Load()
}

// TestCancelsHitTheirOwn races cancel requests with the end of the statements that they are for, on one connection that another client wants next.
func TestCancelsHitTheirOwn(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	s := &stormer{t: t, w: w}
	conn, err := dial(w.dsn())
	must(t, err)
	key := &pgproto3.CancelRequest{ProcessID: conn.PID(), SecretKey: conn.SecretKey()}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.cancel(key)
				}
			}
		})
	}
	group.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, err := conn.Exec(context.Background(), "SELECT count(*) FROM numbers").ReadAll()
				if err != nil && state(err) != "57014" {
					t.Errorf("the one who cancels: %v", err)
					return
				}
			}
		}
	})
	other := dialRaw(t, w.dsnOf("globex_app"))
	for range 300 {
		if heard := other.say(1, query("SELECT count(*)::text FROM numbers")); !answers(heard, "10") {
			t.Errorf("another's: %q", heard)
			break
		}
	}
	close(stop)
	group.Wait()
}
