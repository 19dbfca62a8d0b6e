package pool_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway/throwawaytest"
)

func named(name string) map[string]string { return map[string]string{"application_name": name} }

func isNamed(t testing.TB, c *pool.Conn, name string) {
	t.Helper()
	if got := value(t, c, "SHOW application_name"); got != name {
		t.Errorf("a connection of %q instead of %q", got, name)
	}
}

func TestIdleConnectionsOfOtherKeysMakeRoom(t *testing.T) {
	p := newPool(t, pool.Config{Size: 2})
	a, b := acquire(t, p, named("a")), acquire(t, p, named("b"))
	b.Release(true)
	a.Release(true)
	c := acquire(t, p, named("c"))
	isNamed(t, c, "c")
	eventually(t, "the one that was used least recently to be closed", b.Dead)
	if a.Dead() {
		t.Error("the one that was used last is closed")
	}
	again := acquire(t, p, named("a"))
	if again != a {
		t.Error("the idle connection of the key was not used")
	}
	if s := p.Stats(); s.InUse != 2 || s.Connects != 3 || s.Closed[pool.ClosedEvicted] != 1 {
		t.Errorf("%+v", s)
	}
	// Both are in use: a request for a third key waits for one to be released.
	waiting := wait(t, p, context.Background(), request(named("d")))
	again.Release(true)
	got := <-waiting
	isNamed(t, got.conn, "d")
	got.conn.Release(true)
	c.Release(true)
}

func TestKeysThatTakeTurns(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1})
	held := acquire(t, p, named("a"))
	began := time.Now()
	eventually(t, "the connection to have served its key for long", func() bool { return time.Since(began) > 150*time.Millisecond })
	other := wait(t, p, context.Background(), request(named("b")))
	same := wait(t, p, context.Background(), request(named("a")))
	// The connection is kept for who came later but needs no other one, though not for ever.
	held.Release(true)
	got := <-same
	if got.conn != held {
		t.Fatalf("not handed over: %v", got.err)
	}
	same = wait(t, p, context.Background(), request(named("a")))
	eventually(t, "the first to have waited for long", func() bool { return p.Stats().LongestWait > 200*time.Millisecond })
	held.Release(true)
	first := <-other
	if first.err != nil {
		t.Fatal(first.err)
	}
	isNamed(t, first.conn, "b")
	select {
	case <-same:
		t.Error("two connections in a pool of one")
	default:
	}
	first.conn.Release(true)
	got = <-same
	isNamed(t, got.conn, "a")
	got.conn.Release(true)
	if s := p.Stats(); s.Connects != 3 {
		t.Errorf("%+v", s)
	}
}

// More keys than connections, with more who want them all the time: everybody is served, and connections are not made for each turn.
func TestManyKeysShareFewConnections(t *testing.T) {
	const keys, clients, turns = 5, 3, 40
	p := newPool(t, pool.Config{Size: 2})
	var served [keys]atomic.Int64
	enough := func() bool {
		for i := range served {
			if served[i].Load() < turns {
				return false
			}
		}
		return true
	}
	failures := make(chan error, keys*clients)
	for n := range keys * clients {
		go func() {
			for !enough() {
				c, err := p.Acquire(context.Background(), request(named(strconv.Itoa(n%keys))))
				if err != nil {
					failures <- err
					return
				}
				_, _, err = ask(c, "SELECT 1")
				c.Release(err == nil)
				served[n%keys].Add(1)
			}
			failures <- nil
		}()
	}
	for range keys * clients {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	total := int64(0)
	for i := range served {
		total += served[i].Load()
	}
	s := p.Stats()
	t.Logf("%d served over %d connections, waited %v each", total, s.Connects, s.Waited/time.Duration(s.Waits))
	if int64(s.Connects) > total/10 {
		t.Errorf("%d connections for %d requests", s.Connects, total)
	}
}

// A setting that the upstream refuses is an error for who asks for it, and for nobody else.
func TestSettingThatIsRefused(t *testing.T) {
	p := newPool(t, pool.Config{Size: 2, MinSize: 1})
	if _, err := p.Acquire(context.Background(), request(map[string]string{"datestyle": "nonsense"})); !isConnectError(err) {
		t.Fatalf("got %v", err)
	}
	good := acquire(t, p, nil)
	began := time.Now()
	for range 20 {
		if _, err := p.Acquire(context.Background(), request(map[string]string{"datestyle": "nonsense"})); !isConnectError(err) {
			t.Fatalf("got %v", err)
		}
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("%v: as if the upstream had failed, with pauses", took)
	}
	other := acquire(t, p, nil)
	good.Release(true)
	other.Release(true)
	if s := p.Stats(); s.Connects != 2 || s.ConnectFailures != 21 || s.Idle != 2 {
		t.Errorf("%+v", s)
	}
}

// What the upstream begins to refuse is not tried for ever to keep the least.
func TestSettingThatIsRefusedLater(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	ctx := context.Background()
	if err := pg.Exec(ctx, "postgres", "CREATE ROLE passing"); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Size: 2, MinSize: 1})
	acquire(t, p, map[string]string{"role": "passing"}).Release(true)
	if err := pg.Exec(ctx, "postgres", "DROP ROLE passing"); err != nil {
		t.Fatal(err)
	}
	p.Reconnect()
	eventually(t, "the refusal", func() bool { s := p.Stats(); return s.ConnectFailures > 0 && s.Connecting == 0 })
	for range 5 {
		acquire(t, p, nil).Release(false)
	}
	if s := p.Stats(); s.ConnectFailures != 1 {
		t.Errorf("%+v", s)
	}
}
