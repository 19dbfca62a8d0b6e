package observe

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"pgcordon/policy"
	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

func identity(t testing.TB, tenant string) policy.Identity {
	t.Helper()
	id, err := policy.NewTenantID(tenant)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Identity{User: tenant + "_app", Tenant: id}
}

func planOf(kinds ...rewriter.Kind) *rewriter.Plan {
	p := &rewriter.Plan{Fingerprint: "0123456789abcdef"}
	for _, k := range kinds {
		p.Statements = append(p.Statements, rewriter.Statement{Kind: k})
	}
	return p
}

// clock is an injected one.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() *clock { return &clock{now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)} }

// scrape returns the lines of pgcordon's own metrics, as Prometheus reads them.
func scrape(t testing.TB, o *Observer) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(o, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v: %s", w.Code, err, body)
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "pgcordon_") {
			at := strings.LastIndexByte(line, ' ')
			values[line[:at]] = strings.TrimSpace(line[at:])
		}
	}
	return values
}

func want(t *testing.T, got map[string]string, series, value string) {
	t.Helper()
	if got[series] != value {
		t.Errorf("%s is %q, want %q", series, got[series], value)
	}
}

func TestWhatATenantDoesIsCounted(t *testing.T) {
	o := New(Options{})
	acme, globex := identity(t, "acme"), identity(t, "globex")
	o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: acme})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: acme})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: globex})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionClosed, Identity: globex})
	o.Decided(proxy.Decision{Identity: acme, Plan: planOf(rewriter.KindSelect), Elapsed: time.Microsecond})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(rewriter.KindSelect), Rows: 3, Bytes: 100, Elapsed: 2 * time.Millisecond})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(rewriter.KindSelect), Rows: 10, Bytes: 50, SQLState: "53400", Limit: limit.RowsPerStatement})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(rewriter.KindUpdate), SQLState: "57014"})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(rewriter.KindInsert), SQLState: "23505"})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(rewriter.KindBegin, rewriter.KindCommit)})
	o.Finished(proxy.Outcome{Identity: acme, SQLState: "53400", Limit: limit.StatementsPerSecond})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(), Rows: -1, Bytes: -1})
	o.Decided(proxy.Decision{Identity: globex, Denial: &rewriter.Denial{Rule: "relation-denied", SQLState: "42501"}})

	got := scrape(t, o)
	want(t, got, `pgcordon_connections{tenant="acme"}`, "2")
	want(t, got, `pgcordon_connections{tenant="globex"}`, "0")
	want(t, got, `pgcordon_logins_total{result="ok"}`, "3")
	want(t, got, `pgcordon_statements_total{kind="select",outcome="ok",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="select",outcome="limited",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="update",outcome="canceled",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="insert",outcome="error",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="multi",outcome="ok",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="none",outcome="limited",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="empty",outcome="ok",tenant="acme"}`, "1")
	want(t, got, `pgcordon_statements_total{kind="none",outcome="denied",tenant="globex"}`, "1")
	want(t, got, `pgcordon_rows_total{tenant="acme"}`, "13")
	want(t, got, `pgcordon_bytes_total{tenant="acme"}`, "150")
	want(t, got, `pgcordon_statement_seconds_count{tenant="acme"}`, "7")
	want(t, got, `pgcordon_limit_hits_total{limit="rows_per_statement",tenant="acme"}`, "1")
	want(t, got, `pgcordon_limit_hits_total{limit="statements_per_second",tenant="acme"}`, "1")
	want(t, got, `pgcordon_denials_total{rule="relation-denied",tenant="globex"}`, "1")
	want(t, got, `pgcordon_plan_seconds_count{result="planned"}`, "1")
	want(t, got, `pgcordon_plan_seconds_count{result="denied"}`, "1")
}

func TestRefusedLoginsAreCountedWithoutNames(t *testing.T) {
	o := New(Options{})
	for i := range 1000 {
		o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, SQLState: "28P01", Identity: policy.Identity{User: fmt.Sprintf("guess%d", i)}})
	}
	acme := identity(t, "acme")
	o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, SQLState: "53300", Identity: acme, Limit: limit.Connections})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, SQLState: "53300"}) // too many that are not authenticated
	o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, SQLState: "08P01"})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, SQLState: "57P03"})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused})
	got := scrape(t, o)
	want(t, got, `pgcordon_logins_total{result="authentication"}`, "1000")
	want(t, got, `pgcordon_logins_total{result="limit"}`, "2")
	want(t, got, `pgcordon_logins_total{result="protocol"}`, "1")
	want(t, got, `pgcordon_logins_total{result="shutdown"}`, "1")
	want(t, got, `pgcordon_logins_total{result="other"}`, "1")
	want(t, got, `pgcordon_limit_hits_total{limit="connections",tenant="acme"}`, "1")
	want(t, got, `pgcordon_connections{tenant="acme"}`, "0")
	for series := range got {
		if strings.Contains(series, "guess") {
			t.Errorf("a typed name is a label: %s", series)
		}
	}
}

func TestGaugesComeFromTheirOwners(t *testing.T) {
	o := New(Options{})
	o.WatchCache(func() Cache { return Cache{Hits: 5, Misses: 4, Evictions: 3, Entries: 2, Bytes: 1024} })
	o.WatchPool(func() Pool {
		return Pool{Open: 7, Idle: 1, InUse: 6, Connecting: 2, Waiting: 1, LongestWait: 1500 * time.Millisecond, Max: 100, Limit: 3,
			Waits: 8, Waited: 250 * time.Millisecond, Connects: 9, ConnectFailures: 3, Closed: []Closed{{"lost", 4}, {"idle", 5}}}
	})
	got := scrape(t, o)
	want(t, got, "pgcordon_plan_cache_hits_total", "5")
	want(t, got, "pgcordon_plan_cache_misses_total", "4")
	want(t, got, "pgcordon_plan_cache_evictions_total", "3")
	want(t, got, "pgcordon_plan_cache_entries", "2")
	want(t, got, "pgcordon_plan_cache_bytes", "1024")
	want(t, got, "pgcordon_pool_open_connections", "7")
	want(t, got, "pgcordon_pool_idle_connections", "1")
	want(t, got, "pgcordon_pool_leased_connections", "6")
	want(t, got, "pgcordon_pool_connecting_connections", "2")
	want(t, got, "pgcordon_pool_longest_wait_seconds", "1.5")
	want(t, got, "pgcordon_pool_waits_total", "8")
	want(t, got, "pgcordon_pool_wait_seconds_total", "0.25")
	want(t, got, "pgcordon_pool_connects_total", "9")
	want(t, got, "pgcordon_pool_connect_failures_total", "3")
	want(t, got, `pgcordon_pool_closed_connections_total{reason="lost"}`, "4")
	want(t, got, `pgcordon_pool_closed_connections_total{reason="idle"}`, "5")
	want(t, got, "pgcordon_pool_waiting_sessions", "1")
	want(t, got, "pgcordon_pool_max_connections", "100")
	want(t, got, "pgcordon_pool_adaptive_limit", "3")
}

func TestLimitMetrics(t *testing.T) {
	o := New(Options{})
	everything(t, o)
	o.Finished(proxy.Outcome{Identity: identity(t, "acme"), Plan: planOf(rewriter.KindSelect), Waited: 1500 * time.Millisecond})
	got := scrape(t, o)
	want(t, got, `pgcordon_statements_running{tenant="acme"}`, "2")
	want(t, got, `pgcordon_statements_running{tenant="other"}`, "3")
	want(t, got, `pgcordon_statements_waiting{tenant="acme"}`, "1")
	want(t, got, `pgcordon_stored_rows{tenant="acme"}`, "7")
	want(t, got, `pgcordon_stored_bytes{tenant="acme"}`, "8")
	want(t, got, `pgcordon_limit{limit="connections",tenant="acme"}`, "5")
	want(t, got, `pgcordon_limit{limit="statement_timeout",tenant="acme"}`, "1")
	want(t, got, `pgcordon_limit_waits_total{tenant="acme"}`, "1")
	want(t, got, `pgcordon_limit_wait_seconds_total{tenant="acme"}`, "1.5")
}

// everything makes one of each metric.
func everything(t testing.TB, o *Observer) {
	acme := identity(t, "acme")
	o.WatchCache(func() Cache { return Cache{} })
	o.WatchPool(func() Pool { return Pool{Closed: []Closed{{"lost", 0}}} })
	o.WatchLimits(func() []limit.Usage {
		return []limit.Usage{{Tenant: acme.Tenant, Limits: limit.Limits{Connections: 5, StatementTimeout: time.Second}, Running: 2, Waiting: 1,
			Stored: limit.Stored{Rows: 7, Bytes: 8}}, {Tenant: identity(t, "unknown").Tenant, Running: 3}}
	})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: acme})
	o.Decided(proxy.Decision{Identity: acme, Plan: planOf(rewriter.KindSelect)})
	o.Decided(proxy.Decision{Identity: acme, Denial: &rewriter.Denial{Rule: "relation-denied"}})
	o.Finished(proxy.Outcome{Identity: acme, Plan: planOf(rewriter.KindSelect), Limit: limit.RowsPerStatement})
}

func TestMetricsFollowPrometheusConventions(t *testing.T) {
	o := New(Options{})
	everything(t, o)
	problems, err := testutil.GatherAndLint(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := o.Gather()
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "pgcordon_") {
			ours++
			if !strings.HasSuffix(f.GetHelp(), ".") {
				t.Errorf("%s: the help is not a sentence: %q", f.GetName(), f.GetHelp())
			}
		}
	}
	if ours != 34 {
		t.Errorf("%d metrics were linted, want all 34", ours)
	}
	if p, err := promlint.New(strings.NewReader("# TYPE bad counter\nbad 1\n")).Lint(); err != nil || len(p) == 0 {
		t.Errorf("the linter finds nothing wrong with a bad name: %v, %v", p, err)
	}
}

// The path of each execution: no allocation once the tenant and its series are known.
func TestCountingDoesNotAllocate(t *testing.T) {
	o := New(Options{})
	acme, plan := identity(t, "acme"), planOf(rewriter.KindSelect)
	for name, event := range map[string]func(){
		"Finished": func() {
			o.Finished(proxy.Outcome{Identity: acme, Plan: plan, Rows: 1, Bytes: 100, Elapsed: time.Millisecond})
		},
		"Decided": func() { o.Decided(proxy.Decision{Identity: acme, Plan: plan, Elapsed: time.Microsecond}) },
	} {
		event()
		if n := testing.AllocsPerRun(1000, event); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkFinished(b *testing.B) {
	o := New(Options{})
	acme, plan := identity(b, "acme"), planOf(rewriter.KindSelect)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o.Finished(proxy.Outcome{Identity: acme, Plan: plan, Rows: 1, Bytes: 100, Elapsed: time.Millisecond})
		}
	})
}
