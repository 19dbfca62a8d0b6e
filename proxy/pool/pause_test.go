package pool_test

import (
	"context"
	"errors"
	"testing"

	"pgcordon/proxy/pool"
)

// A pool that is held lends nothing and keeps nothing, until it is resumed.
func TestHoldAndResume(t *testing.T) {
	p := newPool(t, pool.Config{Size: 3, MinSize: 2})
	ctx := context.Background()
	leased, idle := acquire(t, p, nil), acquire(t, p, nil)
	idle.Release(true)
	if p.Paused() || !p.Hold() || p.Hold() || !p.Paused() {
		t.Error("held, or not")
	}
	if s := p.Stats(); s.Idle != 0 || s.InUse != 1 || s.Closed[pool.ClosedPaused] != 1 {
		t.Errorf("held: %+v", s)
	}
	waiting := wait(t, p, ctx, pool.Request{Tenant: "acme", Holder: 7})
	if w := p.Waiting(); len(w) != 1 || w[0].Tenant != "acme" || w[0].Holder != 7 {
		t.Errorf("waiting: %+v", w)
	}
	impatient, giveUp := context.WithCancel(ctx)
	giveUp()
	if err := p.WaitEmpty(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a pool in use: %v", err)
	}
	emptied := make(chan error)
	go func() { emptied <- p.WaitEmpty(ctx) }()
	leased.Release(true)
	if err := <-emptied; err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Connecting != 0 || s.InUse != 0 || s.Idle != 0 || s.Waiting != 1 || s.Leases != 2 {
		t.Errorf("empty: %+v", s)
	}
	if !p.Resume() || p.Resume() {
		t.Error("resumed, or not")
	}
	got := <-waiting
	if got.err != nil {
		t.Fatal(got.err)
	}
	if c := p.Connections(); len(c) == 0 || !c[0].Leased && !c[len(c)-1].Leased {
		t.Errorf("connections: %+v", c)
	}
	got.conn.Release(true)
	if err := p.WaitEmpty(ctx); !errors.Is(err, pool.ErrResumed) {
		t.Errorf("waiting for a pool that is not held: %v", err)
	}
}

// Resume ends the wait for the pool to be empty.
func TestResumeWhileSomebodyWaits(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1})
	c := acquire(t, p, nil)
	p.Hold()
	emptied := make(chan error)
	go func() { emptied <- p.WaitEmpty(context.Background()) }()
	p.Resume()
	if err := <-emptied; !errors.Is(err, pool.ErrResumed) {
		t.Error(err)
	}
	c.Release(true)
	acquire(t, p, nil).Release(true)
}

// WaitReplaced waits for those of before Reconnect alone.
func TestWaitReplaced(t *testing.T) {
	p := newPool(t, pool.Config{Size: 3})
	ctx := context.Background()
	old := acquire(t, p, nil)
	if err := p.WaitReplaced(ctx); err != nil {
		t.Error(err)
	}
	p.Reconnect()
	fresh := acquire(t, p, nil)
	list := p.Connections()
	if len(list) != 2 || !list[0].Replaced || list[1].Replaced {
		t.Errorf("connections: %+v", list)
	}
	replaced := make(chan error)
	go func() { replaced <- p.WaitReplaced(ctx) }()
	old.Release(true)
	if err := <-replaced; err != nil {
		t.Error(err)
	}
	p.Retire()
	impatient, giveUp := context.WithCancel(ctx)
	giveUp()
	if err := p.WaitReplaced(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("a pool that is retired, and in use: %v", err)
	}
	fresh.Release(true)
	if err := p.WaitReplaced(ctx); err != nil {
		t.Error(err)
	}
}
