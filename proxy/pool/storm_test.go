package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// Many clients of few connections do everything that they may, in any order: nobody gets a connection that another has, or of another key,
// there are never too many, and in the end nothing is left.
func TestStorm(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	const size, reserve, clients = 6, 2, 40
	turns := patience(60)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	before := runtime.NumGoroutine()
	p := pool.New(pool.Config{Upstream: upstream(t, pg), Backend: newReader, Size: size, MinSize: 2, ReserveSize: reserve,
		ReserveTimeout: 20 * time.Millisecond, WaitTimeout: 20 * time.Second, Lifetime: 300 * time.Millisecond,
		IdleTimeout: 50 * time.Millisecond, CheckDelay: 5 * time.Millisecond, Adaptive: true})

	w := &storm{pool: p, seed: seed, turns: turns, most: size + reserve}
	failures := make(chan error, clients)
	for n := range clients {
		go func() { failures <- w.client(uint64(n)) }()
	}
	for range clients {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	s := p.Stats()
	t.Logf("%d served, %d gave up, %d lost: %+v", w.served.Load(), w.gaveUp.Load(), w.lost.Load(), s)
	if s.InUse != 0 || s.Waiting != 0 || w.served.Load() < int64(clients*turns/4) {
		t.Errorf("%+v", s)
	}
	p.Close()
	s = p.Stats()
	closed := uint64(0)
	for _, n := range s.Closed {
		closed += n
	}
	if err := p.Audit(); err != nil || s.Idle+s.Connecting != 0 || s.Connects != closed {
		t.Errorf("after Close: %v, %+v", err, s)
	}
	eventually(t, "no goroutine to be left", func() bool { return goroutines() == 0 || runtime.NumGoroutine() <= before })
	eventually(t, "the server to have no connection left", func() bool { return sessions(t, "storm%") == 0 })
}

// The same while the upstream restarts, in order and not: who waits is told or served, and afterwards all goes on.
func TestStormWhileTheUpstreamRestarts(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{})
	const size, clients = 5, 20
	p := newPool(t, pool.Config{Upstream: upstream(t, pg), Size: size, MinSize: 2, CheckDelay: 5 * time.Millisecond})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := &storm{pool: p, seed: seed, turns: patience(40), most: size, restarts: true}
	round := func(n int) chan error {
		failures := make(chan error, clients)
		for i := range clients {
			go func() { failures <- w.client(uint64(n*clients + i)) }()
		}
		return failures
	}
	for n, away := range []func() error{
		func() error { return pg.Restart(context.Background()) },
		func() error { pg.Crash(); return pg.Restart(context.Background()) },
	} {
		failures, served := round(n), w.served.Load()
		eventually(t, "the storm", func() bool { return w.served.Load() > served+clients })
		if err := away(); err != nil {
			t.Fatal(err)
		}
		for range clients {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if err := p.Audit(); err != nil {
			t.Error(err)
		}
	}
	w.restarts = false // the upstream is back: nobody may notice anything
	acquire(t, p, nil).Release(true)
	failures := round(2)
	for range clients {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	s := p.Stats()
	t.Logf("%d served, %d gave up, %d lost, %d refused: %+v", w.served.Load(), w.gaveUp.Load(), w.lost.Load(), w.refused.Load(), s)
	if err := p.Audit(); err != nil || s.InUse != 0 || s.Waiting != 0 {
		t.Errorf("%v %+v", err, s)
	}
}

// patience is how many turns a client takes.
func patience(turns int) int {
	if testing.Short() {
		return turns / 2
	}
	return turns
}

// storm is what its clients share.
type storm struct {
	pool         *pool.Pool
	seed         uint64
	turns, most  int
	owners       sync.Map // *pool.Conn to *atomic.Int32
	served       atomic.Int64
	gaveUp, lost atomic.Int64
	// restarts is set when the upstream may be away; refused counts who learnt of it.
	restarts bool
	refused  atomic.Int64
}

func (w *storm) client(n uint64) error {
	r := rand.New(rand.NewPCG(w.seed, n))
	var last *pool.Conn
	for range w.turns {
		key := fmt.Sprintf("storm %d", r.IntN(1+r.IntN(4)))
		ctx, stop := context.Background(), func() {}
		if r.IntN(4) == 0 {
			ctx, stop = context.WithTimeout(ctx, time.Duration(r.IntN(20))*time.Millisecond)
		}
		c, err := w.pool.Acquire(ctx, pool.Request{Key: pool.NewKey(named(key)), Prefer: last, Tenant: fmt.Sprint(r.IntN(5)),
			Weight: 1 + r.Float64(), Whole: r.IntN(20) == 0})
		stop()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			w.gaveUp.Add(1)
			continue
		case w.restarts && isConnectError(err):
			w.refused.Add(1)
			continue
		case err != nil:
			return err
		}
		if err := w.use(c, key, r); err != nil {
			return err
		}
		last = c
	}
	return nil
}

// use does something with a connection, and gives it back.
func (w *storm) use(c *pool.Conn, key string, r *rand.Rand) error {
	owner, _ := w.owners.LoadOrStore(c, new(atomic.Int32))
	if owner.(*atomic.Int32).Add(1) != 1 {
		return errors.New("two clients have the same connection")
	}
	if s := w.pool.Stats(); s.InUse+s.Idle+s.Connecting > w.most || s.InUse < 1 {
		return fmt.Errorf("%+v", s)
	}
	if err := w.pool.Audit(); err != nil {
		return err
	}
	got, _, err := ask(c, "SHOW application_name")
	switch {
	case err != nil:
		w.lost.Add(1)
	case got != key:
		return fmt.Errorf("a connection of %q instead of %q", got, key)
	default:
		w.served.Add(1)
	}
	if err == nil && r.IntN(30) == 0 { // ends a connection, idle or not
		_, _, err = ask(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
			"WHERE application_name LIKE 'storm%' AND query LIKE 'SHOW%' ORDER BY random() LIMIT 1")
	}
	owner.(*atomic.Int32).Add(-1)
	c.Release(err == nil && r.IntN(10) > 0)
	return nil
}

// goroutines counts those of the pool's.
func goroutines() int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), "pgcordon/proxy/pool.(*Pool)")
}

// noGoroutines waits until none of the pool's is left: Close has waited for their work, but not for their last instructions.
func noGoroutines(t *testing.T) {
	t.Helper()
	eventually(t, "no goroutine to be left", func() bool { return goroutines() == 0 })
}

// sessions counts the server's sessions by their application's name.
func sessions(t testing.TB, like string) int {
	t.Helper()
	p := newPool(t, pool.Config{})
	c := acquire(t, p, nil)
	defer p.Close()
	defer c.Release(true)
	n := 0
	if _, err := fmt.Sscan(value(t, c, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '"+like+"'"), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCloseWhileOthersWait(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1})
	held := acquire(t, p, nil)
	var all []<-chan outcome
	for i := range 3 {
		all = append(all, wait(t, p, context.Background(), request(named(fmt.Sprint(i)))))
	}
	closed := make(chan struct{})
	go func() {
		p.Close()
		close(closed)
	}()
	for _, w := range all {
		if got := <-w; !errors.Is(got.err, pool.ErrClosed) {
			t.Errorf("who waits gets %v", got.err)
		}
	}
	select {
	case <-closed:
		t.Error("Close did not wait for what is leased")
	default:
	}
	value(t, held, "SELECT 1")
	held.Release(true)
	<-closed
	if s := p.Stats(); s.InUse+s.Idle != 0 {
		t.Errorf("%+v", s)
	}
	noGoroutines(t)
}

// Close interrupts what is being connected.
func TestCloseWhileConnecting(t *testing.T) {
	p := newPool(t, pool.Config{Upstream: silent(t)})
	w := wait(t, p, context.Background(), request(nil))
	p.Close()
	if got := <-w; !errors.Is(got.err, pool.ErrClosed) {
		t.Errorf("who waits gets %v", got.err)
	}
}

// The path of each transaction while connections are idle.
func TestAcquireDoesNotAllocate(t *testing.T) {
	p := newPool(t, pool.Config{Size: 4, MinSize: 2, ReserveSize: 2, ReserveTimeout: time.Second, WaitTimeout: time.Minute, IdleTimeout: time.Minute,
		Lifetime: time.Hour, CheckDelay: time.Minute})
	ctx := context.Background()
	r := request(named("steady"))
	a, b := acquire(t, p, named("steady")), acquire(t, p, named("steady"))
	a.Release(true)
	b.Release(true)
	r.Prefer = a
	if n := testing.AllocsPerRun(1000, func() {
		c, err := p.Acquire(ctx, r)
		if err != nil || c != a {
			t.Fatal(err)
		}
		c.Release(true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAcquire(b *testing.B) {
	p := newPool(b, pool.Config{Size: 4, WaitTimeout: time.Minute, IdleTimeout: time.Minute, Lifetime: time.Hour, CheckDelay: time.Minute})
	r := request(named("steady"))
	acquire(b, p, named("steady")).Release(true)
	b.ReportAllocs()
	for b.Loop() {
		c, err := p.Acquire(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		c.Release(true)
	}
}

// Twice as many clients as connections: each connection is handed over.
func BenchmarkHandOver(b *testing.B) {
	p := newPool(b, pool.Config{Size: 1, WaitTimeout: time.Minute})
	r := request(nil)
	acquire(b, p, nil).Release(true)
	b.ReportAllocs()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c, err := p.Acquire(context.Background(), r)
			if err != nil {
				b.Error(err)
				return
			}
			c.Release(true)
		}
	})
}
