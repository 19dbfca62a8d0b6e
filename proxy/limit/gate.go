package limit

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/policy"
)

// Lookup gives the limits of a tenant, for the user "", or those of one of its users. It must be fast, safe for concurrent use, and give the
// same answer for the same question.
type Lookup func(tenant policy.TenantID, user string) Limits

// Gate counts what tenants use and lets them in or not.
type Gate struct {
	start time.Time // what its clock counts from
	stock atomic.Pointer[stock]
	// sharer is nil for a proxy that is alone; closed is set while its budgets cannot be reached and nothing may be done without.
	sharer Sharer
	closed atomic.Bool

	mu       sync.Mutex
	lookup   Lookup
	accounts map[owner]*account
	proxies  int // that share the budgets
	// idle lists accounts that had no connection when they were looked at last, in the order in which they are looked at again.
	idle []*account
}

var errNoTenant = errors.New("limit: not a tenant")

// NewGate returns a gate with the limits that lookup gives, which is called with a lock held.
func NewGate(lookup Lookup) *Gate {
	return &Gate{start: time.Now(), lookup: lookup, accounts: make(map[owner]*account)}
}

// now is the gate's clock, in nanoseconds.
func (g *Gate) now() int64 { return int64(time.Since(g.start)) }

// SetLimits exchanges the limits of all tenants and users; what they use now stays counted.
func (g *Gate) SetLimits(lookup Lookup) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookup = lookup
	for _, a := range g.accounts {
		l := lookup(a.tenant, a.user)
		a.setLimits(l, g.atOnce(&l), g.even(), g.now())
	}
}

// Connect counts a connection of a user's until the seat is released. The error is an *Exceeded with SQLSTATE 53300 when the tenant, or the
// user, has as many connections as it may.
func (g *Gate) Connect(who policy.Identity) (*Seat, error) {
	if !who.Tenant.IsValid() {
		return nil, errNoTenant
	}
	s, fresh, err := g.seat(who)
	if err != nil || g.sharer == nil {
		return s, err
	}
	if err := g.join(s, fresh); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

// seat counts a connection here; fresh are the accounts that had none.
func (g *Gate) seat(who policy.Identity) (s *Seat, fresh []*account, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookAtIdle(4)
	s = &Seat{gate: g, tenant: g.account(owner{who.Tenant, ""}), user: g.account(owner{who.Tenant, who.User})}
	for _, a := range s.accounts() {
		if l := a.limits.Load(); l.Connections > 0 && a.connections.Load() >= int64(l.Connections) {
			return nil, nil, connectionsExceeded(l, a.user)
		}
	}
	for _, a := range s.accounts() {
		if a.connections.Add(1) == 1 {
			fresh = append(fresh, a)
		}
	}
	return s, fresh, nil
}

func (g *Gate) disconnect(s *Seat) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range s.accounts() {
		if a.connections.Add(-1) == 0 && !g.forget(a) {
			g.watch(a)
		}
	}
}

// account returns the owner's account, made when there is none. g.mu is held.
func (g *Gate) account(o owner) *account {
	if a := g.accounts[o]; a != nil {
		return a
	}
	a := &account{owner: o}
	for i := range a.shares {
		a.shares[i].portion = g.even()
	}
	l := g.lookup(o.tenant, o.user)
	a.setLimits(l, g.atOnce(&l), g.even(), g.now())
	g.accounts[o] = a
	g.watch(a)
	return a
}

// watch puts a on the list of accounts that may soon be forgotten. g.mu is held.
func (g *Gate) watch(a *account) {
	if !a.inIdle {
		a.inIdle = true
		g.idle = append(g.idle, a)
	}
}

// lookAtIdle forgets those of the next n watched accounts that hold nothing. g.mu is held.
func (g *Gate) lookAtIdle(n int) {
	for n = min(n, len(g.idle)); n > 0; n-- {
		a := g.idle[0]
		g.idle[0], g.idle = nil, g.idle[1:]
		a.inIdle = false
		// One with connections comes back when the last of them goes.
		if g.accounts[a.owner] == a && a.connections.Load() == 0 && !g.forget(a) {
			g.watch(a)
		}
	}
}

// forget drops a when nothing would be lost with it. g.mu is held.
func (g *Gate) forget(a *account) bool {
	if a.connections.Load() != 0 || !a.isFull(g.now()) {
		return false
	}
	delete(g.accounts, a.owner)
	return true
}

// Usage is what one tenant, or one user of a tenant, uses now.
type Usage struct {
	Tenant      policy.TenantID
	User        string // empty for the tenant as a whole
	Limits      Limits
	Connections int64
	Running     int64 // connections with statements that run
	Waiting     int64 // statements that wait for their turn
	// Statements, Rows and Bytes are those of the last second, where they are limited per second.
	Statements, Rows, Bytes float64
	// Stored is what the tenant had when it was counted last; Counted tells whether it was.
	Stored  Stored
	Counted bool
}

// Stats returns the tenants that the gate holds something of, by name, and forgets those of which it need not.
func (g *Gate) Stats() []Usage {
	return slices.DeleteFunc(g.Usage(), func(u Usage) bool { return u.User != "" })
}

// Usage is Stats, with users behind their tenants.
func (g *Gate) Usage() []Usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookAtIdle(len(g.idle))
	list := make([]Usage, 0, len(g.accounts))
	var stored map[policy.TenantID]Stored
	if k := g.stock.Load(); k != nil {
		stored = k.tenants
	}
	now := g.now()
	for _, a := range g.accounts {
		u := Usage{Tenant: a.tenant, User: a.user, Limits: *a.limits.Load(), Connections: a.connections.Load(), Running: a.running.used(),
			Waiting: a.waiting.Load(), Statements: a.shares[rateStatements].lately.count(now), Rows: a.shares[rateRows].lately.count(now),
			Bytes: a.shares[rateBytes].lately.count(now)}
		if a.user == "" {
			u.Stored, u.Counted = stored[a.tenant]
		}
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(a.Tenant.String(), b.Tenant.String()), cmp.Compare(a.User, b.User))
	})
	return list
}
