package pool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgcordon/proxy/pool"
)

func TestIdleTimeout(t *testing.T) {
	p := newPool(t, pool.Config{Size: 4, MinSize: 1, IdleTimeout: 50 * time.Millisecond})
	var all []*pool.Conn
	for range 3 {
		all = append(all, acquire(t, p, nil))
	}
	for _, c := range all[:2] {
		c.Release(true)
	}
	eventually(t, "the idle ones to be closed", func() bool { return p.Stats().Idle == 0 })
	if all[2].Dead() {
		t.Error("one that is leased was closed")
	}
	all[2].Release(true)
	eventually(t, "the others' end", func() bool { return all[0].Dead() && all[1].Dead() })
	// The last one stays: it is the least that is kept.
	began := time.Now()
	eventually(t, "some time", func() bool { return time.Since(began) > 200*time.Millisecond })
	if s := p.Stats(); s.Idle != 1 || all[2].Dead() || s.Closed[pool.ClosedIdle] != 2 {
		t.Errorf("%+v", s)
	}
}

func TestLeastIsKept(t *testing.T) {
	p := newPool(t, pool.Config{Size: 5, MinSize: 3})
	if s := p.Stats(); s.Idle+s.Connecting != 0 {
		t.Errorf("connected before the first request: %+v", s)
	}
	c := acquire(t, p, named("kept"))
	eventually(t, "the least", func() bool { return p.Stats().Idle == 2 })
	c.Release(false)
	eventually(t, "the least", func() bool { return p.Stats().Idle == 3 })
	c = acquire(t, p, nil)
	value(t, c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kept'")
	eventually(t, "the least", func() bool { s := p.Stats(); return s.Idle == 2 && s.Closed[pool.ClosedLost] == 3 })
	c.Release(true)
}

func TestLifetime(t *testing.T) {
	p := newPool(t, pool.Config{Size: 2, Lifetime: 100 * time.Millisecond})
	idle, leased := acquire(t, p, nil), acquire(t, p, nil)
	idle.Release(true)
	eventually(t, "the idle one to be closed", idle.Dead)
	began := time.Now()
	eventually(t, "the lifetime to be over", func() bool { return time.Since(began) > 150*time.Millisecond })
	value(t, leased, "SELECT 1")
	leased.Release(true)
	eventually(t, "the leased one to be closed", leased.Dead)
	if s := p.Stats(); s.Closed[pool.ClosedLifetime] != 2 || s.Idle != 0 {
		t.Errorf("%+v", s)
	}
}

func TestReserve(t *testing.T) {
	cfg := pool.Config{Size: 1, ReserveSize: 1, ReserveTimeout: 100 * time.Millisecond}
	p := newPool(t, cfg)
	held := acquire(t, p, nil)
	began := time.Now()
	c := acquire(t, p, nil)
	if waited := time.Since(began); waited < 100*time.Millisecond {
		t.Errorf("from the reserve after %v", waited)
	}
	impatient(p, cfg)
	if _, err := p.Acquire(context.Background(), request(nil)); !errors.Is(err, pool.ErrExhausted) {
		t.Errorf("beyond the reserve: %v", err)
	}
	c.Release(true)
	eventually(t, "the reserve to be closed again", c.Dead)
	if s := p.Stats(); s.Max != 2 || s.InUse != 1 || s.Idle != 0 || s.Closed[pool.ClosedSurplus] != 1 {
		t.Errorf("%+v", s)
	}
	held.Release(true)
	if s := p.Stats(); s.Idle != 1 {
		t.Errorf("%+v", s)
	}
}

func TestMaxConnections(t *testing.T) {
	cfg := pool.Config{Size: 3, ReserveSize: 3, MaxConnections: 2}
	p := newPool(t, cfg)
	a, b := acquire(t, p, nil), acquire(t, p, nil) // which takes as long as it takes
	impatient(p, cfg)
	if _, err := p.Acquire(context.Background(), request(nil)); !errors.Is(err, pool.ErrExhausted) || p.Stats().Max != 2 {
		t.Errorf("a third connection: %v", err)
	}
	a.Release(true)
	b.Release(true)
}

func TestCheck(t *testing.T) {
	p := newPool(t, pool.Config{Size: 3, CheckDelay: 50 * time.Millisecond})
	var all []*pool.Conn
	for range 3 {
		all = append(all, acquire(t, p, nil))
	}
	last := all[2].Backend.(*reader)
	for _, c := range all {
		c.Release(true)
	}
	acquire(t, p, nil).Release(true)
	if last.checked() != 0 {
		t.Error("checked although it was in use just now")
	}
	rest := func() {
		began := time.Now()
		eventually(t, "some time", func() bool { return time.Since(began) > 60*time.Millisecond })
	}
	rest()
	if c := acquire(t, p, nil); c != all[2] || last.checked() != 1 {
		t.Errorf("checked %d times", last.checked())
	} else {
		c.Release(true)
	}
	rest()
	last.say(errors.New("no answer"))
	c := acquire(t, p, nil)
	defer c.Release(true)
	for _, old := range all { // those that have rested as long are not tried in turn, while a client waits
		if c == old || !old.Dead() && p.Stats().Idle != 0 {
			t.Error("a connection that may be gone is still there")
		}
	}
	if s := p.Stats(); s.Closed[pool.ClosedCheck] != 3 || s.Connects != 4 {
		t.Errorf("%+v", s)
	}
}

func TestReconnect(t *testing.T) {
	p := newPool(t, pool.Config{Size: 2})
	idle, leased := acquire(t, p, nil), acquire(t, p, nil)
	idle.Release(true)
	p.Reconnect()
	eventually(t, "the idle one to be closed", idle.Dead)
	value(t, leased, "SELECT 1")
	leased.Release(true)
	eventually(t, "the leased one to be closed", leased.Dead)
	c := acquire(t, p, nil)
	c.Release(true)
	if s := p.Stats(); s.Closed[pool.ClosedReconnect] != 2 || s.Idle != 1 {
		t.Errorf("%+v", s)
	}
}

func TestConfigure(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1})
	a := acquire(t, p, nil)
	waiting := wait(t, p, context.Background(), request(nil))
	p.Configure(pool.Config{Size: 3}) // makes room for who waits
	b := <-waiting
	c := acquire(t, p, nil)
	b.conn.Release(true)
	c.Release(true)
	p.Configure(pool.Config{Size: 2})
	if s := p.Stats(); s.Idle != 1 || s.InUse != 1 || s.Max != 2 {
		t.Errorf("%+v", s)
	}
	p.Configure(pool.Config{Size: 2, IdleTimeout: 20 * time.Millisecond})
	eventually(t, "the idle one to be closed", func() bool { return p.Stats().Idle == 0 })
	a.Release(true)
	eventually(t, "the other one to be closed", a.Dead)
}

func TestRetire(t *testing.T) {
	p := newPool(t, pool.Config{Size: 2, MinSize: 2})
	idle, leased := acquire(t, p, nil), acquire(t, p, nil)
	idle.Release(true)
	p.Retire()
	eventually(t, "the idle one to be closed", idle.Dead)
	leased.Release(true)
	c := acquire(t, p, nil) // who still has it is served
	value(t, c, "SELECT 1")
	c.Release(true)
	eventually(t, "all to be closed", func() bool { return leased.Dead() && c.Dead() })
	if s := p.Stats(); s.Idle+s.InUse+s.Connecting != 0 {
		t.Errorf("%+v", s)
	}
}
