package limit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgcordon/policy"
)

func tenant(t testing.TB, name string) policy.TenantID {
	t.Helper()
	id, err := policy.NewTenantID(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func same(l Limits) func(policy.TenantID) Limits {
	return func(policy.TenantID) Limits { return l }
}

// advance moves the clock of a synctest bubble.
func advance(d time.Duration) { <-time.After(d) }

// exceeded is the limit that err says was reached.
func exceeded(t testing.TB, err error) *Exceeded {
	t.Helper()
	var e *Exceeded
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want *Exceeded", err)
	}
	return e
}

func TestConnectionsPerTenant(t *testing.T) {
	g := NewGate(same(Limits{Connections: 2}))
	acme, globex := tenant(t, "acme"), tenant(t, "globex")
	release, err := g.Connect(acme)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Connect(acme); err != nil {
		t.Fatal(err)
	}
	_, err = g.Connect(acme)
	if e := exceeded(t, err); e.SQLState != "53300" || e.Limit != Connections || e.Value != "2" {
		t.Errorf("third connection: %+v", e)
	} else if got, want := e.Error(), "limit connections of 2 reached, retry when another connection of this tenant has closed"; got != want {
		t.Errorf("the client reads %q, want %q", got, want)
	}
	if _, err := g.Connect(globex); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	release()
	release() // does nothing
	if _, err := g.Connect(acme); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
	if _, err := g.Connect(acme); err == nil {
		t.Error("a second release gave another connection free")
	}
}

func TestNoTenantGetsNothing(t *testing.T) {
	g := NewGate(same(Limits{}))
	if _, err := g.Connect(policy.TenantID{}); err == nil {
		t.Error("connected")
	}
	if _, err := g.Admit(context.Background(), policy.TenantID{}); err == nil {
		t.Error("admitted")
	}
}

func TestPermitCarriesTheStatementsLimits(t *testing.T) {
	g := NewGate(func(id policy.TenantID) Limits {
		if id.String() == "acme" {
			return Limits{RowsPerStatement: 10, StatementTimeout: 1500 * time.Millisecond}
		}
		return Limits{}
	})
	p, err := g.Admit(context.Background(), tenant(t, "acme"))
	if err != nil || p.RowsPerStatement != 10 || p.StatementTimeout != 1500*time.Millisecond {
		t.Errorf("permit %+v, %v", p, err)
	}
	if e := p.RowsExceeded(); e.SQLState != "53400" || e.Error() != "limit rows_per_statement of 10 rows reached" {
		t.Errorf("%+v: %v", e, e)
	}
	if e := p.TimeExceeded(); e.SQLState != "57014" || e.Error() != "limit statement_timeout of 1.5s reached" {
		t.Errorf("%+v: %v", e, e)
	}
	if p, err := g.Admit(context.Background(), tenant(t, "globex")); err != nil || p.RowsPerStatement != 0 || p.StatementTimeout != 0 {
		t.Errorf("permit of a tenant without limits: %+v, %v", p, err)
	}
}

// A bucket of 3 at 10 per second: three at once, then one each 100 ms.
func TestBurstThenRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 10, Burst: 3, Wait: time.Minute}))
		acme := tenant(t, "acme")
		start := time.Now()
		var at []time.Duration
		for range 6 {
			p, err := g.Admit(t.Context(), acme)
			if err != nil {
				t.Fatal(err)
			}
			p.Done()
			at = append(at, time.Since(start))
		}
		want := []time.Duration{0, 0, 0, 100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("admitted after %v, want %v", at, want)
		}
	})
}

func TestRefusedWhenTheWaitIsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 2, Burst: 1, Wait: 400 * time.Millisecond}))
		acme := tenant(t, "acme")
		if _, err := g.Admit(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 { // a refusal takes no token: the next is told the same
			_, err := g.Admit(t.Context(), acme)
			e := exceeded(t, err)
			if e.SQLState != "53400" || e.RetryAfter != 500*time.Millisecond {
				t.Errorf("%+v", e)
			}
			if got, want := e.Error(), "limit statements_per_second of 2 per second reached, retry in 500ms"; got != want {
				t.Errorf("the client reads %q, want %q", got, want)
			}
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a refusal took %v", waited)
		}
		if _, err := g.Admit(t.Context(), tenant(t, "globex")); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		advance(500 * time.Millisecond) // as the error says
		if _, err := g.Admit(t.Context(), acme); err != nil {
			t.Errorf("the retry after what the error says: %v", err)
		}
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 10, Burst: 1, Wait: time.Minute}))
		acme := tenant(t, "acme")
		if _, err := g.Admit(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		for i := range 5 {
			go func() {
				if _, err := g.Admit(t.Context(), acme); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			}()
			synctest.Wait() // it waits in Admit
		}
		if s := g.Stats(); len(s) != 1 || s[0].Waiting != 5 || s[0].Running != 1 {
			t.Errorf("while five wait: %+v", s)
		}
		advance(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if fmt.Sprint(order) != "[0 1 2 3 4]" {
			t.Errorf("served in the order %v", order)
		}
	})
}

func TestGivingUpReturnsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 1, Burst: 1, Wait: time.Minute}))
		acme := tenant(t, "acme")
		p, err := g.Admit(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		p.Done()
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := g.Admit(ctx, acme); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		start := time.Now()
		if _, err := g.Admit(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("waited %v: those that gave up kept their tokens", waited)
		}
		if s := g.Stats(); s[0].Waiting != 0 || s[0].Running != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestReloadKeepsCountsAndTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{Connections: 3, StatementsPerSecond: 1, Burst: 2}))
		acme := tenant(t, "acme")
		var release func()
		for range 3 {
			var err error
			if release, err = g.Connect(acme); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the bucket is empty
			if _, err := g.Admit(t.Context(), acme); err != nil {
				t.Fatal(err)
			}
		}
		g.SetLimits(same(Limits{Connections: 2, StatementsPerSecond: 10, Burst: 5, RowsPerStatement: 7}))
		_, err := g.Admit(t.Context(), acme)
		if e := exceeded(t, err); e.RetryAfter != 100*time.Millisecond || e.Value != "10 per second" {
			t.Errorf("after the reload an empty bucket says %+v", e)
		}
		advance(100 * time.Millisecond)
		if p, err := g.Admit(t.Context(), acme); err != nil || p.RowsPerStatement != 7 {
			t.Errorf("%+v, %v", p, err)
		}
		release() // two are left, of two
		_, err = g.Connect(acme)
		if e := exceeded(t, err); e.Value != "2" {
			t.Errorf("%+v", e)
		}
		g.SetLimits(same(Limits{}))
		if _, err := g.Connect(acme); err != nil {
			t.Errorf("after the limit was lifted: %v", err)
		}
		for range 100 {
			if _, err := g.Admit(t.Context(), acme); err != nil {
				t.Fatalf("after the limit was lifted: %v", err)
			}
		}
	})
}

func TestBurstDefaultsToASecond(t *testing.T) {
	for rate, want := range map[float64]int{0.1: 1, 1: 1, 25: 25, 2.5: 2} {
		g := NewGate(same(Limits{StatementsPerSecond: rate}))
		synctest.Test(t, func(t *testing.T) {
			admitted := 0
			for range 100 {
				if _, err := g.Admit(t.Context(), tenant(t, "acme")); err != nil {
					break
				}
				admitted++
			}
			if admitted != want {
				t.Errorf("%v per second: %d at once, want %d", rate, admitted, want)
			}
		})
	}
}

// Tenants that come, use their limits and go leave nothing behind.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{Connections: 1, StatementsPerSecond: 1, Burst: 2}))
		most := 0
		for i := range 10_000 {
			id := tenant(t, fmt.Sprintf("tenant%d", i))
			release, err := g.Connect(id)
			if err != nil {
				t.Fatal(err)
			}
			p, err := g.Admit(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			p.Done()
			release()
			advance(10 * time.Millisecond) // so each bucket is full again after a hundred tenants
			most = max(most, len(g.entries), len(g.idle))
		}
		if most > 500 {
			t.Errorf("%d entries at once, for about a hundred buckets that are not full", most)
		}
		if s := g.Stats(); len(s) > 110 || len(s) < 90 {
			t.Errorf("%d tenants are held, want those of the last second", len(s))
		}
		advance(time.Second)
		if s := g.Stats(); len(s) != 0 || len(g.idle) != 0 {
			t.Errorf("%d tenants and %d watched are held when all is quiet", len(s), len(g.idle))
		}
	})
}

// A bucket that is not full is not forgotten: that would fill it.
func TestReconnectingDoesNotRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 0.1, Burst: 1}))
		acme := tenant(t, "acme")
		for i := range 20 {
			release, err := g.Connect(acme)
			if err != nil {
				t.Fatal(err)
			}
			p, err := g.Admit(t.Context(), acme)
			if (err == nil) != (i == 0) {
				t.Errorf("connection %d: %v", i, err)
			}
			p.Done()
			release()
			other, err := g.Connect(tenant(t, fmt.Sprintf("other%d", i))) // has the gate look at idle entries
			if err != nil {
				t.Fatal(err)
			}
			other()
		}
	})
}

// Many goroutines, with reloads between: what is counted at the end is nothing, and the limits held meanwhile.
func TestConcurrentUse(t *testing.T) {
	limits := Limits{Connections: 4, StatementsPerSecond: 1e6, Burst: 1000, Wait: time.Second}
	g := NewGate(same(limits))
	ids := []policy.TenantID{tenant(t, "a"), tenant(t, "b"), tenant(t, "c")}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 300 {
				id := ids[(w+i)%len(ids)]
				release, err := g.Connect(id)
				if err != nil {
					if e := (*Exceeded)(nil); !errors.As(err, &e) || e.Limit != Connections {
						t.Error(err)
					}
					continue
				}
				if p, err := g.Admit(context.Background(), id); err == nil {
					p.Done()
				}
				for _, s := range g.Stats() {
					if s.Connections > 4 {
						t.Errorf("%d connections of %s", s.Connections, s.Tenant)
					}
				}
				if i%50 == 0 {
					g.SetLimits(same(limits))
				}
				release()
			}
		})
	}
	wg.Wait()
	for _, s := range g.Stats() {
		if s.Connections != 0 || s.Running != 0 || s.Waiting != 0 {
			t.Errorf("left: %+v", s)
		}
	}
}

func TestRetryIsNeverShownTooShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Nanosecond:           "retry in 1ms",
		1500 * time.Microsecond:   "retry in 2ms",
		9999 * time.Millisecond:   "retry in 9.999s",
		59001 * time.Millisecond:  "retry in 1m0s",
		100*time.Second + 1:       "retry in 1m41s",
		10 * time.Second:          "retry in 10s",
		10001 * time.Millisecond:  "retry in 11s",
		3600 * time.Second:        "retry in 1h0m0s",
		500 * time.Millisecond:    "retry in 500ms",
		500*time.Millisecond + 10: "retry in 501ms",
	} {
		if got := rateExceeded(&Limits{StatementsPerSecond: 1}, d).Error(); !strings.HasSuffix(got, want) {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
