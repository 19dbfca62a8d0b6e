package observe

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

func run(t testing.TB, o *Observer, tenant string, statements int) {
	t.Helper()
	who := identity(t, tenant)
	for range statements {
		o.Finished(proxy.Outcome{Identity: who, Plan: planOf(rewriter.KindSelect), Rows: 1})
	}
}

// tenantsIn are the distinct values of the label tenant.
func tenantsIn(series map[string]string) map[string]bool {
	seen := make(map[string]bool)
	for s := range series {
		if _, rest, ok := strings.Cut(s, `tenant="`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			seen[name] = true
		}
	}
	return seen
}

func TestTenThousandTenantsAreTwoHundredSeries(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now})
	for i := range 10_000 {
		name := fmt.Sprintf("tenant%d", i)
		who := identity(t, name)
		run(t, o, name, 1)
		o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: who})
		o.Decided(proxy.Decision{Identity: who, Denial: &rewriter.Denial{Rule: "relation-denied"}})
		o.Finished(proxy.Outcome{Identity: who, Limit: limit.RowsPerStatement})
	}
	for range 3 { // also after rankings
		got := scrape(t, o)
		if n := len(tenantsIn(got)); n != DefaultTenants+1 || !tenantsIn(got)[labelOther] {
			t.Errorf("%d values of the label tenant, want %d and %s", n, DefaultTenants, labelOther)
		}
		var perTenant int
		for s := range got {
			if strings.Contains(s, `tenant="tenant0"`) {
				perTenant++
			}
		}
		if most := (DefaultTenants + 1) * 30; len(got) > most {
			t.Errorf("%d series, of which one tenant has %d", len(got), perTenant)
		}
		want(t, got, `pgcordon_connections{tenant="other"}`, "9800")
		want(t, got, `pgcordon_rows_total{tenant="other"}`, "9800")
		c.advance(rankInterval)
	}
}

func TestTheBusiestHaveTheirOwnSeries(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now, Tenants: 2})
	run(t, o, "first", 5)
	run(t, o, "second", 50)
	run(t, o, "late", 20)
	got := scrape(t, o) // too early to rank
	want(t, got, `pgcordon_rows_total{tenant="first"}`, "5")
	want(t, got, `pgcordon_rows_total{tenant="other"}`, "20")

	c.advance(rankInterval)
	got = scrape(t, o)
	for s := range got {
		if strings.Contains(s, `tenant="first"`) {
			t.Errorf("the idlest is still there: %s", s)
		}
	}
	run(t, o, "first", 1)
	run(t, o, "late", 1)
	got = scrape(t, o)
	want(t, got, `pgcordon_rows_total{tenant="late"}`, "1")
	want(t, got, `pgcordon_rows_total{tenant="second"}`, "50")
	want(t, got, `pgcordon_rows_total{tenant="other"}`, "21")
}

// Two that are about equally busy do not take the place from each other at each ranking.
func TestSeriesDoNotFlap(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now, Tenants: 1})
	run(t, o, "holder", 100)
	for range 10 {
		run(t, o, "rival", 150)
		run(t, o, "holder", 100)
		c.advance(rankInterval)
		if seen := tenantsIn(scrape(t, o)); !seen["holder"] || seen["rival"] {
			t.Fatalf("series for %v", seen)
		}
	}
}

// A connection opened while a tenant had its own series is closed after it lost them.
func TestConnectionsSurviveARanking(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now, Tenants: 1})
	quiet := proxy.SessionEvent{Identity: identity(t, "quiet")}
	o.Session(quiet)
	run(t, o, "busy", 10)
	c.advance(rankInterval)
	got := scrape(t, o)
	want(t, got, `pgcordon_connections{tenant="busy"}`, "0")
	want(t, got, `pgcordon_connections{tenant="other"}`, "1")
	quiet.Phase = proxy.SessionClosed
	o.Session(quiet)
	want(t, scrape(t, o), `pgcordon_connections{tenant="other"}`, "0")
}

func TestForgetsTenantsThatAreGone(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now, Tenants: 1})
	for i := range 1000 {
		run(t, o, fmt.Sprintf("tenant%d", i), 1)
	}
	for range 3 {
		c.advance(rankInterval)
		scrape(t, o)
	}
	if n := len(o.tenants.known); n != 1 {
		t.Errorf("%d tenants are known, want the one with series of its own", n)
	}
}

func TestATenantCalledOtherIsAmongTheOthers(t *testing.T) {
	o := New(Options{Now: newClock().Now})
	run(t, o, "other", 3)
	want(t, scrape(t, o), `pgcordon_rows_total{tenant="other"}`, "3")
	if o.tenants.named != 0 {
		t.Error("it has series of its own")
	}
}

func TestConcurrentUse(t *testing.T) {
	var mu sync.Mutex
	c := newClock()
	o := New(Options{Tenants: 3, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		c.advance(rankInterval) // each scrape ranks
		return c.now
	}})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				run(t, o, fmt.Sprintf("tenant%d", (i*i+w)%10), 1+i%3)
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			if n := len(tenantsIn(scrape(t, o))); n > 4 {
				t.Errorf("%d values of the label tenant", n)
			}
		}
	})
	wg.Wait()
}
