package limit

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"pgcordon/policy"
)

// Gate counts what tenants use and lets them in or not.
type Gate struct {
	mu      sync.RWMutex
	lookup  func(policy.TenantID) Limits
	entries map[policy.TenantID]*entry
	// idle lists entries that had no connection when they were looked at last, in the order in which they are looked at again.
	idle []*entry
}

// entry is what the gate knows of one tenant. Its counters grow only under Gate.mu (shared or exclusive), so that whoever holds it
// exclusively and finds them zero may drop the entry.
type entry struct {
	tenant policy.TenantID
	limits Limits // guarded by Gate.mu
	inIdle bool   // guarded by Gate.mu, exclusively held

	connections atomic.Int64
	running     atomic.Int64
	waiting     atomic.Int64

	mu     sync.Mutex
	bucket *rate.Limiter // nil: unlimited
}

var errNoTenant = errors.New("limit: not a tenant")

// NewGate returns a gate with the limits that lookup gives for each tenant. lookup must be fast, safe for concurrent use, and give
// the same answer for the same tenant; it is called with a lock held.
func NewGate(lookup func(policy.TenantID) Limits) *Gate {
	return &Gate{lookup: lookup, entries: make(map[policy.TenantID]*entry)}
}

// SetLimits exchanges the limits of all tenants; what they use now stays counted.
func (g *Gate) SetLimits(lookup func(policy.TenantID) Limits) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookup = lookup
	for _, e := range g.entries {
		e.setLimits(lookup(e.tenant), now)
	}
}

// Connect counts a connection of the tenant's until release is called; calls of release after the first do nothing.
// The error is an *Exceeded with SQLSTATE 53300 when the tenant has as many connections as it may.
func (g *Gate) Connect(t policy.TenantID) (release func(), err error) {
	if !t.IsValid() {
		return nil, errNoTenant
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entry(t)
	if most := e.limits.Connections; most > 0 && e.connections.Load() >= int64(most) {
		return nil, connectionsExceeded(&e.limits)
	}
	e.connections.Add(1)
	return sync.OnceFunc(func() { g.disconnect(e) }), nil
}

func (g *Gate) disconnect(e *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.connections.Add(-1) == 0 && !g.forget(e, time.Now()) {
		g.watch(e)
	}
}

// entry returns the tenant's entry, made when there is none. g.mu is held exclusively.
func (g *Gate) entry(t policy.TenantID) *entry {
	if e := g.entries[t]; e != nil {
		return e
	}
	now := time.Now()
	g.lookAtIdle(2, now)
	e := &entry{tenant: t}
	e.setLimits(g.lookup(t), now)
	g.entries[t] = e
	g.watch(e)
	return e
}

// watch puts e on the list of entries that may soon be forgotten. g.mu is held exclusively.
func (g *Gate) watch(e *entry) {
	if !e.inIdle {
		e.inIdle = true
		g.idle = append(g.idle, e)
	}
}

// lookAtIdle forgets those of the next n watched entries that hold nothing. g.mu is held exclusively.
func (g *Gate) lookAtIdle(n int, now time.Time) {
	for n = min(n, len(g.idle)); n > 0; n-- {
		e := g.idle[0]
		g.idle[0], g.idle = nil, g.idle[1:]
		e.inIdle = false
		// One with connections comes back when the last of them goes.
		if g.entries[e.tenant] == e && e.connections.Load() == 0 && !g.forget(e, now) {
			g.watch(e)
		}
	}
}

// forget drops e when nothing would be lost with it. g.mu is held exclusively.
func (g *Gate) forget(e *entry, now time.Time) bool {
	if e.connections.Load() != 0 || e.running.Load() != 0 || e.waiting.Load() != 0 || !e.full(now) {
		return false
	}
	delete(g.entries, e.tenant)
	return true
}

// setLimits needs Gate.mu exclusively.
func (e *entry) setLimits(l Limits, now time.Time) {
	e.limits = l
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.StatementsPerSecond <= 0 {
		e.bucket = nil
		return
	}
	burst := l.Burst
	if burst <= 0 {
		burst = max(1, int(min(l.StatementsPerSecond, 1<<30)))
	}
	if e.bucket == nil {
		e.bucket = rate.NewLimiter(rate.Limit(l.StatementsPerSecond), burst)
		return
	}
	e.bucket.SetLimitAt(now, rate.Limit(l.StatementsPerSecond))
	e.bucket.SetBurstAt(now, burst)
}

func (e *entry) full(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bucket == nil || e.bucket.TokensAt(now) >= float64(e.bucket.Burst())
}

// Usage is what one tenant uses now.
type Usage struct {
	Tenant      policy.TenantID
	Connections int64
	Running     int64 // statements with a permit
	Waiting     int64 // statements that wait for one
}

// Stats returns the tenants that the gate holds something of, by name, and forgets those of which it need not.
func (g *Gate) Stats() []Usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookAtIdle(len(g.idle), time.Now())
	stats := make([]Usage, 0, len(g.entries))
	for _, e := range g.entries {
		stats = append(stats, Usage{
			Tenant:      e.tenant,
			Connections: e.connections.Load(),
			Running:     e.running.Load(),
			Waiting:     e.waiting.Load(),
		})
	}
	slices.SortFunc(stats, func(a, b Usage) int { return cmp.Compare(a.Tenant.String(), b.Tenant.String()) })
	return stats
}
