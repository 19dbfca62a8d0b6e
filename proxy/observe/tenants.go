package observe

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pgcordon/policy"
)

// rankInterval is how often, at most, tenants are ranked anew.
const rankInterval = 30 * time.Second

// tenants decides which tenants have series of their own.
type tenants struct {
	metrics *metrics
	max     int // tenants with series of their own
	other   *series

	mu       sync.RWMutex // see doc.go
	known    map[policy.TenantID]*tenant
	named    int
	lastRank time.Time
}

// tenant is what is known of one tenant.
type tenant struct {
	id          policy.TenantID
	series      *series      // its own, or other; guarded by tenants.mu
	use         atomic.Int64 // statements, halved by each ranking
	connections atomic.Int64
	hits        hitLog // of limits
	denials     hitLog // by rule
	done        usage
	slow        hitLog
}

func newTenants(m *metrics, max int, now time.Time) *tenants {
	return &tenants{metrics: m, max: max, other: m.open(labelOther), known: make(map[policy.TenantID]*tenant), lastRank: now}
}

// enter returns what is known of a tenant, with ts.mu held shared: the caller counts, then calls leave.
func (ts *tenants) enter(id policy.TenantID) *tenant {
	for {
		ts.mu.RLock()
		if t := ts.known[id]; t != nil {
			return t
		}
		ts.mu.RUnlock()
		ts.add(id)
	}
}

func (ts *tenants) leave() { ts.mu.RUnlock() }

func (ts *tenants) add(id policy.TenantID) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.known[id] != nil {
		return
	}
	t := &tenant{id: id, series: ts.other}
	if ts.named < ts.max && canBeNamed(id) {
		ts.name(t)
	}
	ts.known[id] = t
}

// canBeNamed keeps a tenant that is called as the shared label from having series that look like it.
func canBeNamed(id policy.TenantID) bool { return id.IsValid() && id.String() != labelOther }

func (ts *tenants) name(t *tenant) {
	t.series = ts.metrics.open(t.id.String())
	ts.named++
}

func (ts *tenants) unname(t *tenant) {
	ts.metrics.remove(t.series)
	t.series = ts.other
	ts.named--
}

// rank gives the series to the tenants with the most statements, and forgets tenants that nothing is known of any more.
func (ts *tenants) rank(now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if now.Sub(ts.lastRank) < rankInterval {
		return
	}
	ts.lastRank = now
	var named, others []*tenant
	for id, t := range ts.known {
		switch {
		case t.series != ts.other:
			named = append(named, t)
		case t.use.Load() == 0 && t.connections.Load() == 0:
			delete(ts.known, id)
		case canBeNamed(id):
			others = append(others, t)
		}
	}
	byUse := func(a, b *tenant) int {
		return cmp.Or(cmp.Compare(a.use.Load(), b.use.Load()), cmp.Compare(a.id.String(), b.id.String()))
	}
	slices.SortFunc(named, byUse)
	slices.SortFunc(others, byUse)
	// The busiest without a place against the idlest with one, the next against the next, until the gain is too small.
	for i := len(others) - 1; i >= 0; i-- {
		if ts.named >= ts.max {
			if len(named) == 0 || others[i].use.Load() <= 2*named[0].use.Load() {
				break
			}
			ts.unname(named[0])
			named = named[1:]
		}
		ts.name(others[i])
	}
	for _, t := range ts.known {
		t.use.Store(t.use.Load() / 2)
	}
}

var connectionsDesc = prometheus.NewDesc("pgcordon_connections", "Client connections that are logged in.", []string{tenantLabel}, nil)

// Describe makes tenants a prometheus.Collector of the connections, which are counted per tenant so that they survive a ranking.
func (ts *tenants) Describe(ch chan<- *prometheus.Desc) { ch <- connectionsDesc }

// Collect sends one gauge per tenant with series of its own, and one for the others.
func (ts *tenants) Collect(ch chan<- prometheus.Metric) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	var others int64
	for _, t := range ts.known {
		if t.series == ts.other {
			others += t.connections.Load()
			continue
		}
		ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(t.connections.Load()), t.series.label)
	}
	ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(others), labelOther)
}
