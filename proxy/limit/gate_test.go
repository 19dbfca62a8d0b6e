package limit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// same gives every tenant the same limits, and users none of their own.
func same(l Limits) Lookup {
	return func(_ policy.TenantID, user string) Limits {
		if user != "" {
			return Limits{}
		}
		return l
	}
}

// connect takes a seat for the user app.
func connect(t testing.TB, g *Gate, tenantName string) *Seat {
	t.Helper()
	s, err := g.Connect(policy.Identity{User: "app", Tenant: tenant(t, tenantName)})
	if err != nil {
		t.Fatal(err)
	}
	return s
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
	acme := policy.Identity{User: "app", Tenant: tenant(t, "acme")}
	first := connect(t, g, "acme")
	connect(t, g, "acme")
	_, err := g.Connect(acme)
	if e := exceeded(t, err); e.SQLState != "53300" || e.Limit != Connections || e.Value != "2" {
		t.Errorf("third connection: %+v", e)
	} else if got, want := e.Error(), "limit connections of 2 reached, retry when another connection of this tenant has closed"; got != want {
		t.Errorf("the client reads %q, want %q", got, want)
	}
	connect(t, g, "globex") // another tenant is none of its business
	first.Release()
	first.Release() // does nothing
	connect(t, g, "acme")
	if _, err := g.Connect(acme); err == nil {
		t.Error("a second release gave another connection free")
	}
}

func TestNoTenantGetsNothing(t *testing.T) {
	g := NewGate(same(Limits{}))
	if _, err := g.Connect(policy.Identity{User: "app"}); err == nil {
		t.Error("connected")
	}
}

func TestPermitCarriesTheStatementsLimits(t *testing.T) {
	g := NewGate(func(id policy.TenantID, user string) Limits {
		switch {
		case id.String() != "acme":
			return Limits{}
		case user != "":
			return Limits{ChangesPerStatement: 3, StatementTimeout: time.Minute, IdleInTransactionTimeout: time.Second}
		}
		return Limits{RowsPerStatement: 10, ChangesPerStatement: 5, StatementTimeout: 1500 * time.Millisecond, TransactionTimeout: time.Hour}
	})
	p, err := connect(t, g, "acme").Admit(t.Context())
	want := Terms{RowsPerStatement: 10, ChangesPerStatement: 3, StatementTimeout: 1500 * time.Millisecond, TransactionTimeout: time.Hour,
		IdleInTransactionTimeout: time.Second, user: "app", usersOwn: termChanges | termIdle}
	if err != nil || p.Terms != want {
		t.Errorf("permit %+v, %v", p, err)
	}
	for _, c := range []struct {
		e           *Exceeded
		state, text string
	}{
		{p.RowsExceeded(), "53400", "limit rows_per_statement of 10 rows reached, retry for fewer rows at a time"},
		{p.ChangesExceeded(), "53400", "limit changes_per_statement of 3 rows for user \"app\" reached: nothing was changed, retry for fewer rows at a time"},
		{p.TimeExceeded(), "57014", "canceling statement due to statement timeout: limit statement_timeout of 1.5s reached, retry for less at a time"},
		{p.TransactionExceeded(), "25P04", "limit transaction_timeout of 1h0m0s reached: the transaction was rolled back, retry it at once"},
		{p.IdleExceeded(), "25P03", "limit idle_in_transaction_timeout of 1s for user \"app\" reached: the transaction was rolled back, retry it at once"},
	} {
		if c.e.SQLState != c.state || c.e.Error() != c.text {
			t.Errorf("%+v: %v", c.e, c.e)
		}
	}
	if p, err := connect(t, g, "globex").Admit(t.Context()); err != nil || p.Terms != (Terms{}) {
		t.Errorf("permit of a tenant without limits: %+v, %v", p, err)
	}
}

// A bucket of 3 at 10 per second: three at once, then one each 100 ms.
func TestBurstThenRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 10, Burst: 3, Wait: time.Minute}))
		acme := connect(t, g, "acme")
		start := time.Now()
		var at []time.Duration
		for range 6 {
			p, err := acme.Admit(t.Context())
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
		acme := connect(t, g, "acme")
		if _, err := acme.Admit(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 { // a refusal takes no token: the next is told the same
			_, err := acme.Admit(t.Context())
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
		if _, err := connect(t, g, "globex").Admit(t.Context()); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		advance(500 * time.Millisecond) // as the error says
		if _, err := acme.Admit(t.Context()); err != nil {
			t.Errorf("the retry after what the error says: %v", err)
		}
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 10, Burst: 1, Wait: time.Minute}))
		acme := connect(t, g, "acme")
		if _, err := acme.Admit(t.Context()); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		for i := range 5 {
			acme := connect(t, g, "acme")
			go func() {
				if _, err := acme.Admit(t.Context()); err != nil {
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
		acme := connect(t, g, "acme")
		p, err := acme.Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Done()
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := acme.Admit(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		start := time.Now()
		if _, err := acme.Admit(t.Context()); err != nil {
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
		acme := connect(t, g, "acme")
		connect(t, g, "acme")
		third := connect(t, g, "acme")
		again := func() error {
			_, err := g.Connect(policy.Identity{User: "app", Tenant: acme.tenant.tenant})
			return err
		}
		for range 2 { // the bucket is empty
			if _, err := acme.Admit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		g.SetLimits(same(Limits{Connections: 2, StatementsPerSecond: 10, Burst: 5, RowsPerStatement: 7}))
		_, err := acme.Admit(t.Context())
		if e := exceeded(t, err); e.RetryAfter != 100*time.Millisecond || e.Value != "10 per second" {
			t.Errorf("after the reload an empty bucket says %+v", e)
		}
		advance(100 * time.Millisecond)
		if p, err := acme.Admit(t.Context()); err != nil || p.RowsPerStatement != 7 {
			t.Errorf("%+v, %v", p, err)
		}
		third.Release() // two are left, of two
		err = again()
		if e := exceeded(t, err); e.Value != "2" {
			t.Errorf("%+v", e)
		}
		g.SetLimits(same(Limits{}))
		if err := again(); err != nil {
			t.Errorf("after the limit was lifted: %v", err)
		}
		for range 100 {
			if _, err := acme.Admit(t.Context()); err != nil {
				t.Fatalf("after the limit was lifted: %v", err)
			}
		}
	})
}

func TestBurstDefaultsToASecond(t *testing.T) {
	for rate, want := range map[float64]int{0.1: 1, 1: 1, 25: 25, 2.5: 2} {
		synctest.Test(t, func(t *testing.T) {
			acme := connect(t, NewGate(same(Limits{StatementsPerSecond: rate})), "acme")
			admitted := 0
			for range 100 {
				if _, err := acme.Admit(t.Context()); err != nil {
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
			s := connect(t, g, fmt.Sprintf("tenant%d", i))
			p, err := s.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p.Done()
			s.Release()
			advance(10 * time.Millisecond) // so each bucket is full again after a hundred tenants
			most = max(most, len(g.accounts), len(g.idle))
		}
		if most > 500 {
			t.Errorf("%d accounts at once, for about a hundred buckets that are not full", most)
		}
		if s := g.Stats(); len(s) > 110 || len(s) < 90 {
			t.Errorf("%d tenants are held, want those of the last second", len(s))
		}
		advance(time.Second)
		if s := g.Stats(); len(s) != 0 || len(g.idle) != 0 || len(g.accounts) != 0 {
			t.Errorf("%d tenants and %d watched are held when all is quiet", len(s), len(g.idle))
		}
	})
}

// A bucket that is not full is not forgotten: that would fill it.
func TestReconnectingDoesNotRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 0.1, Burst: 1}))
		for i := range 20 {
			s := connect(t, g, "acme")
			p, err := s.Admit(t.Context())
			if (err == nil) != (i == 0) {
				t.Errorf("connection %d: %v", i, err)
			}
			p.Done()
			s.Release()
			connect(t, g, fmt.Sprintf("other%d", i)).Release() // has the gate look at idle accounts
		}
	})
}

// Many goroutines, with reloads between: what is counted at the end is nothing, and the limits held meanwhile.
func TestConcurrentUse(t *testing.T) {
	limits := Limits{Connections: 6, StatementsAtOnce: 2, StatementsPerSecond: 1e6, Burst: 1000, RowsPerSecond: 1e9, Wait: time.Second}
	g := NewGate(same(limits))
	ids := []policy.TenantID{tenant(t, "a"), tenant(t, "b"), tenant(t, "c")}
	var inside [3]atomic.Int64
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 300 {
				n := (w + i) % len(ids)
				s, err := g.Connect(policy.Identity{User: "app", Tenant: ids[n]})
				if err != nil {
					if e := (*Exceeded)(nil); !errors.As(err, &e) || e.Limit != Connections {
						t.Error(err)
					}
					continue
				}
				if p, err := s.Admit(context.Background()); err == nil {
					if more, err := s.Resume(context.Background()); err != nil {
						t.Error(err)
					} else {
						more.Done()
					}
					if at := inside[n].Add(1); at > 2 {
						t.Errorf("%d statements at once", at)
					}
					s.Spend(1, 1)
					inside[n].Add(-1)
					p.Done()
				}
				for _, u := range g.Stats() {
					if u.Connections > 6 {
						t.Errorf("%d connections of %s", u.Connections, u.Tenant)
					}
				}
				if i%50 == 0 {
					g.SetLimits(same(limits))
				}
				s.Release()
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
		if got := rateExceeded(StatementsPerSecond, &Limits{StatementsPerSecond: 1}, "", d).Error(); !strings.HasSuffix(got, want) {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestStatementsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsAtOnce: 2, Wait: time.Second}))
		seats := make([]*Seat, 5)
		for i := range seats {
			seats[i] = connect(t, g, "acme")
		}
		admit := func(i int) Permit {
			t.Helper()
			p, err := seats[i].Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		first, again, second := admit(0), admit(0), admit(1) // of one connection they run one after another
		start := time.Now()
		_, err := seats[2].Admit(t.Context())
		if e := exceeded(t, err); e.Limit != StatementsAtOnce || e.SQLState != "53400" || time.Since(start) != time.Second {
			t.Errorf("%+v after %v", e, time.Since(start))
		} else if got, want := e.Error(), "limit statements_at_once of 2 reached, retry when another statement of this tenant has ended"; got != want {
			t.Errorf("the client reads %q, want %q", got, want)
		}
		var order []int
		for i := 2; i < 5; i++ {
			go func() {
				p := admit(i)
				order = append(order, i)
				if p.Waited != 200*time.Millisecond {
					t.Errorf("%d waited %v", i, p.Waited)
				}
				p.Done()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := connect(t, g, "acme").Admit(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gives up: %v", err)
		}
		again.Done()
		again.Done() // does nothing
		if u := g.Stats()[0]; u.Running != 2 || u.Waiting != 3 {
			t.Errorf("while three wait: %+v", u)
		}
		advance(100 * time.Millisecond)
		first.Done()
		synctest.Wait()
		if fmt.Sprint(order) != "[2 3 4]" {
			t.Errorf("served in the order %v", order)
		}
		second.Done()
		if u := g.Stats()[0]; u.Running != 0 || u.Waiting != 0 {
			t.Errorf("at the end: %+v", u)
		}
	})
}

// A higher limit lets those in who wait; a lower one cuts nobody off.
func TestReloadOfStatementsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsAtOnce: 1, Wait: time.Minute}))
		first, err := connect(t, g, "acme").Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var admitted atomic.Int64
		for range 2 {
			waiter := connect(t, g, "acme")
			go func() {
				if _, err := waiter.Admit(t.Context()); err == nil {
					admitted.Add(1)
				}
			}()
		}
		synctest.Wait()
		g.SetLimits(same(Limits{StatementsAtOnce: 3, Wait: time.Minute}))
		synctest.Wait()
		if n := admitted.Load(); n != 2 {
			t.Errorf("%d of two let in after the limit went up", n)
		}
		g.SetLimits(same(Limits{StatementsAtOnce: 2}))
		if _, err := connect(t, g, "acme").Admit(t.Context()); err == nil {
			t.Error("let in with three of two running")
		}
		first.Done()
		if _, err := connect(t, g, "acme").Admit(t.Context()); err == nil {
			t.Error("let in with two of two running")
		}
	})
}

// What was sent is paid for afterwards: by pauses, and by the next statement.
func TestRowsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{RowsPerSecond: 100, Wait: 2 * time.Second}))
		s, other := connect(t, g, "acme"), connect(t, g, "acme")
		if pause := s.Spend(100, 1000); pause != 0 {
			t.Errorf("the first second's rows: pause of %v", pause)
		}
		if pause := s.Spend(50, 1000); pause != 500*time.Millisecond {
			t.Errorf("50 rows too many: pause of %v", pause)
		}
		p, err := other.Admit(t.Context())
		if err != nil || p.Waited != 500*time.Millisecond {
			t.Errorf("the next statement: %v after %v", err, p.Waited)
		}
		p.Done()
		if pause := s.Spend(1000, 1000); pause != 2*time.Second {
			t.Errorf("1000 rows too many: pause of %v", pause)
		}
		_, err = other.Admit(t.Context())
		if e := exceeded(t, err); e.Error() != "limit rows_per_second of 100 rows per second reached, retry in 10s" {
			t.Error(e)
		}
		advance(8 * time.Second)
		p, err = other.Admit(t.Context())
		if err != nil || p.Waited != 2*time.Second {
			t.Errorf("after most is paid for: %v after %v", err, p.Waited)
		}
		g.SetLimits(same(Limits{BytesPerSecond: 1e6}))
		if pause := s.Spend(1, 5e6); pause != 0 {
			t.Errorf("without wait a pause of %v", pause)
		}
		_, err = other.Admit(t.Context())
		if e := exceeded(t, err); e.Error() != "limit bytes_per_second of 1000000 bytes per second reached, retry in 4s" {
			t.Error(e)
		}
	})
}

func TestUsersWithinTheirTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(func(_ policy.TenantID, user string) Limits {
			switch user {
			case "":
				return Limits{Connections: 3, StatementsPerSecond: 1, Burst: 3}
			case "bob":
				return Limits{Connections: 1, StatementsPerSecond: 1, Burst: 1}
			}
			return Limits{}
		})
		user := func(name string) (*Seat, error) {
			return g.Connect(policy.Identity{User: name, Tenant: tenant(t, "acme")})
		}
		bob, err := user("bob")
		if err != nil {
			t.Fatal(err)
		}
		_, err = user("bob")
		if e := exceeded(t, err); e.Error() != `limit connections of 1 for user "bob" reached, retry when another connection of this user has closed` {
			t.Error(e)
		}
		app, err := user("app")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*Seat{bob, app, app} {
			if _, err := s.Admit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, err = bob.Admit(t.Context())
		if e := exceeded(t, err); e.Error() != `limit statements_per_second of 1 per second for user "bob" reached, retry in 1s` {
			t.Error(e)
		}
		advance(time.Second)
		if _, err := app.Admit(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // what the tenant refuses costs the user nothing
			_, err = bob.Admit(t.Context())
			if e := exceeded(t, err); e.Error() != `limit statements_per_second of 1 per second reached, retry in 1s` {
				t.Error(e)
			}
		}
	})
}
