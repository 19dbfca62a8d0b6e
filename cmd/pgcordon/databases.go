package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"pgcordon/config"
	"pgcordon/policy"
	"pgcordon/proxy"
	"pgcordon/proxy/console"
	"pgcordon/proxy/pool"
)

// tenantPools holds the pools of the databases that belong to one tenant whole: one for each database that a session is using. It lives as long as
// the service, over all reloads.
type tenantPools struct {
	log *slog.Logger

	mu   sync.Mutex
	lent map[string]*lentPool // by config.Database.Key
	// held are the names of databases whose pools are made held; allHeld all of them. The admin database says so.
	held    map[string]bool
	allHeld bool
	// gone sums up what pools have done that are closed, by the database; unlent that of those which never lent a connection, whose databases need not
	// exist.
	gone   map[console.Key]pool.Stats
	unlent pool.Stats
}

type lentPool struct {
	*pool.Pool
	sessions int
	// database describes it to the admin, and tenant is whose it is.
	database console.Database
	tenant   string
}

func newTenantPools(log *slog.Logger) *tenantPools {
	return &tenantPools{log: log, lent: make(map[string]*lentPool), gone: make(map[console.Key]pool.Stats)}
}

// tenantDatabases are the databases of one configuration. It is the server's proxy.Databases.
type tenantDatabases struct {
	config *config.Config
	pools  *tenantPools
}

// databases are those of tenants; nil for none.
func (r *running) databases() proxy.Databases {
	if len(r.config.Databases) == 0 {
		return nil
	}
	return &tenantDatabases{config: r.config, pools: r.tenants}
}

// Find reports whether an identity may enter a database by this name.
func (d *tenantDatabases) Find(name string, who policy.Identity) bool {
	return d.config.OwnDatabase(name, who) != nil
}

// Enter lends the database that Find has found.
func (d *tenantDatabases) Enter(name string, who policy.Identity) (proxy.Database, error) {
	db := d.config.OwnDatabase(name, who)
	if db == nil {
		return proxy.Database{}, fmt.Errorf("the database %q is not the tenant's any more", name)
	}
	upstream, err := db.Connect(who.Tenant)
	if err != nil {
		return proxy.Database{}, err
	}
	cfg := poolOf(upstream, db.Pool, d.pools.log)
	cfg.Plain = true
	key := db.Key(who.Tenant)
	return proxy.Database{Pool: d.pools.enter(key, cfg, describeDatabase(name, upstream, db.Pool), who.Tenant.String()), TrustRole: db.TrustRole, Leave: func() { d.pools.leave(key) }}, nil
}

// enter returns the pool of a key; leave is called once for each call.
func (t *tenantPools) enter(key string, cfg pool.Config, database console.Database, tenant string) *pool.Pool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.lent[key]
	if p == nil {
		p = &lentPool{Pool: pool.New(cfg)}
		if t.holds(console.Key{Name: database.Name, Tenant: tenant}) {
			p.Hold()
		}
		t.lent[key] = p
	} else {
		p.Configure(cfg) // a reload may have changed the sizes
	}
	p.sessions++
	p.database, p.tenant = database, tenant
	p.database.Pools = []*pool.Pool{p.Pool}
	return p.Pool
}

// leave closes a pool that nobody uses any more: each connection has ended with its session.
func (t *tenantPools) leave(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.lent[key]
	if p.sessions--; p.sessions > 0 {
		return
	}
	delete(t.lent, key)
	p.Close() // waits for nothing: all connections have been released
	s := p.Stats()
	if s.Leases == 0 {
		t.unlent = addUp(t.unlent, s)
		return
	}
	t.gone[p.key()] = addUp(t.gone[p.key()], s)
}

func (p *lentPool) key() console.Key { return console.Key{Name: p.database.Name, Tenant: p.tenant} }

// addUp adds up what pools have done.
func addUp(sum, s pool.Stats) pool.Stats {
	sum.Waits += s.Waits
	sum.Waited += s.Waited
	sum.Leases += s.Leases
	sum.Leased += s.Leased
	sum.Connects += s.Connects
	sum.ConnectFailures += s.ConnectFailures
	for reason, n := range s.Closed {
		sum.Closed[reason] += n
	}
	return sum
}

// lentBy is what the pools have done, those that are closed too, by the database.
func (t *tenantPools) lentBy() map[console.Key]pool.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := maps.Clone(t.gone)
	for _, p := range t.lent {
		if s := p.Stats(); s.Leases > 0 {
			all[p.key()] = addUp(all[p.key()], s)
		}
	}
	return all
}

// stats are those of all pools that are open, and the sum of what the others have done.
func (t *tenantPools) stats() []pool.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := append(slices.Collect(maps.Values(t.gone)), t.unlent)
	for _, p := range t.lent {
		all = append(all, p.Stats())
	}
	return all
}

// databases lists those that are being used, by name. Where several tenants call theirs by the same name, the tenant is part of it.
func (t *tenantPools) databases() []console.Database {
	t.mu.Lock()
	defer t.mu.Unlock()
	named := map[string]int{}
	for _, p := range t.lent {
		named[p.database.Name]++
	}
	list := make([]console.Database, 0, len(t.lent))
	for _, p := range t.lent {
		d := p.database
		d.Key = p.key()
		if named[d.Name] > 1 {
			d.Name += "@" + p.tenant
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b console.Database) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// holds reports whether a pool is made held. t.mu is held.
func (t *tenantPools) holds(key console.Key) bool {
	for name := range t.held {
		if console.Called(key.Name, key, name) {
			return true
		}
	}
	return t.allHeld
}

// hold has pools held that are made from now on: those of the databases that are called so, or all if name is empty.
func (t *tenantPools) hold(name string, held bool) (fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case name == "":
		fresh = t.allHeld != held || len(t.held) > 0
		t.allHeld = held
		clear(t.held)
	case held:
		if t.held == nil {
			t.held = make(map[string]bool)
		}
		fresh = !t.held[name]
		t.held[name] = true
	default:
		fresh = t.held[name]
		delete(t.held, name)
	}
	return fresh
}
