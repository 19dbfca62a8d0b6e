package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/config"
	"pgcordon/config/yamlpos"
	"pgcordon/policy/advisor"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/console"
	"pgcordon/proxy/pool"
)

// adminView is what the admin database sees of the service.
type adminView struct{ *service }

// consoleOptions are those of the admin database.
func (s *service) consoleOptions() *console.Options {
	v := adminView{s}
	return &console.Options{Upstream: v, Activity: v, Settings: v, Process: v, Version: versionText()}
}

// Databases implements console.Upstream.
func (v adminView) Databases() []console.Database {
	r := v.current()
	var list []console.Database
	if r.pool != nil {
		d := describeDatabase(r.config.Database, &r.config.Upstream.Config, r.config.Pool)
		d.Pools = r.shared()
		list = append(list, d)
	}
	return append(list, r.tenants.databases()...)
}

// describeDatabase is a database without its pools.
func describeDatabase(name string, upstream *pgconn.Config, p config.Pool) console.Database {
	return console.Database{
		Name: name, Upstream: upstream.Database, Host: upstream.Host, Port: int(upstream.Port), Role: upstream.User, Mode: p.Mode,
		Size: p.Size, MinSize: p.MinSize, ReserveSize: p.ReserveSize, MaxConnections: p.MaxConnections, Lifetime: p.Lifetime, CheckDelay: p.CheckDelay,
	}
}

// Hold implements console.Upstream.
func (v adminView) Hold(name string, held bool) bool { return v.current().tenants.hold(name, held) }

// Lent implements console.Upstream.
func (v adminView) Lent() (shared string, all map[console.Key]pool.Stats) {
	r := v.current()
	all = r.tenants.lentBy()
	pools := r.shared()
	if len(pools) == 0 {
		return "", all
	}
	if shared = r.config.Database; r.pool == nil {
		shared = pools[len(pools)-1].Database() // the last that there was
	}
	var sum pool.Stats
	for _, p := range pools {
		sum = addUp(sum, p.Stats())
	}
	all[console.Key{}] = sum
	return shared, all
}

// Tenants implements console.Activity.
func (v adminView) Tenants() []console.Tenant {
	gate := map[string]int{}
	usage := v.gate.Stats()
	for i, u := range usage {
		gate[u.Tenant.String()] = i
	}
	var list []console.Tenant
	for _, u := range v.observer.Usage() {
		t := console.Tenant{Name: u.Tenant, Connections: u.Connections, Statements: u.Statements, Rows: u.Rows, Bytes: u.Bytes, Time: u.Time,
			Denials: u.Denials, LimitHits: u.LimitHits}
		if i, ok := gate[u.Tenant]; ok {
			t.Running, t.Waiting = usage[i].Running, usage[i].Waiting
		}
		list = append(list, t)
	}
	return list
}

// Denials implements console.Activity.
func (v adminView) Denials() []console.Denial {
	var list []console.Denial
	for _, i := range v.observer.Incidents() {
		kind := "denial"
		if i.Limit {
			kind = "limit"
		}
		list = append(list, console.Denial{First: i.First, Last: i.Last, Count: i.Count, Tenant: i.Tenant, User: i.User, Kind: kind, Rule: i.Rule,
			SQLState: i.SQLState, Fingerprint: i.Fingerprint, Session: i.Session, Position: i.Position})
	}
	return list
}

// Users implements console.Settings.
func (v adminView) Users() []console.User {
	var list []console.User
	for _, u := range v.current().config.Users {
		mode := "transaction"
		if u.SessionPool {
			mode = "session"
		}
		may := ""
		switch u.Console {
		case auth.ConsoleStats:
			may = "stats"
		case auth.ConsoleAdmin:
			may = "admin"
		}
		list = append(list, console.User{Name: u.Name, Tenant: u.Tenant.String(), Role: u.Role, Mode: mode, Console: may})
	}
	return list
}

// Policy implements console.Settings.
func (v adminView) Policy() []console.Relation {
	var list []console.Relation
	bound := v.current().bound
	if bound == nil {
		return nil
	}
	for _, t := range advisor.Relations(bound) {
		list = append(list, console.Relation{Name: t.Relation.Schema + "." + t.Relation.Name, Kind: advisor.KindName(t.Relation), Scope: t.Scope.String(),
			Column: t.Column, Rule: t.Rule})
	}
	return list
}

// Cache implements console.Settings.
func (v adminView) Cache() []console.Number {
	r := v.current()
	if r.rewriter == nil {
		return nil
	}
	c := r.rewriter.CacheStats()
	return []console.Number{
		{Name: "entries", Value: int64(c.Entries)},
		{Name: "bytes", Value: int64(c.Bytes)},
		{Name: "max_bytes", Value: int64(r.config.Rewriter.CacheBytes)},
		{Name: "hits", Value: int64(c.Hits)},
		{Name: "misses", Value: int64(c.Misses)},
		{Name: "evictions", Value: int64(c.Evictions)},
	}
}

// Reload implements console.Process.
func (v adminView) Reload(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case v.reloads <- done:
	case <-v.ended:
		return errShuttingDown
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		var list yamlpos.Errors
		if errors.As(err, &list) {
			return fmt.Errorf("the configuration has %d errors, the first in %s:%d", len(list), filepath.Base(list[0].File), list[0].Line)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errShuttingDown = errors.New("the process is shutting down")

// Shutdown implements console.Process.
func (v adminView) Shutdown(how console.Shutdown) {
	select {
	case v.shutdowns <- how:
	default: // it ends already
	}
}

// setting makes a row of SHOW CONFIG.
func setting(key string, value, initial any, changeable bool) console.Setting {
	return console.Setting{Key: key, Value: settingText(value), Default: settingText(initial), Changeable: changeable}
}

// settingText writes a setting as PgBouncer does: times in seconds.
func settingText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Duration:
		return fmt.Sprintf("%g", v.Seconds())
	}
	return fmt.Sprint(v)
}

// Settings implements console.Settings. The keys have the names of PgBouncer's where there is one that means the same.
func (v adminView) Settings() []console.Setting {
	c := v.current().config
	initial := config.Defaults()
	list := []console.Setting{
		setting("conffile", c.File, nil, false),
		setting("pool_mode", c.Pool.Mode, initial.Upstream.PoolMode, true),
		setting("default_pool_size", c.Pool.Size, initial.Upstream.DefaultPoolSize, true),
		setting("min_pool_size", c.Pool.MinSize, 0, true),
		setting("reserve_pool_size", c.Pool.ReserveSize, 0, true),
		setting("reserve_pool_timeout", c.Pool.ReserveTimeout, initial.Upstream.ReservePoolTimeout, true),
		setting("max_db_connections", c.Pool.MaxConnections, 0, true),
		setting("max_user_connections", 0, 0, false),
		setting("query_wait_timeout", c.Pool.WaitTimeout, initial.Upstream.QueryWaitTimeout, true),
		setting("server_connect_timeout", c.Pool.ConnectTimeout, initial.Upstream.ServerConnectTimeout, true),
		setting("server_idle_timeout", c.Pool.IdleTimeout, initial.Upstream.ServerIdleTimeout, true),
		setting("server_lifetime", c.Pool.Lifetime, initial.Upstream.ServerLifetime, true),
		setting("server_check_delay", c.Pool.CheckDelay, initial.Upstream.ServerCheckDelay, true),
		setting("max_client_conn", c.Wire.MaxClientConn, initial.Wire.MaxClientConn, false),
		setting("client_login_timeout", c.Wire.StartupTimeout, initial.Wire.StartupTimeout, false),
		setting("client_idle_timeout", c.Wire.ClientIdleTimeout, time.Duration(0), false),
		setting("idle_transaction_timeout", c.Wire.IdleTransactionTimeout, time.Duration(0), false),
		setting("max_packet_size", c.Wire.MaxMessageBytes, initial.Wire.MaxMessageBytes, false),
		setting("max_unauthenticated", c.Wire.MaxUnauthenticated, initial.Wire.MaxUnauthenticated, false),
		setting("cache_bytes", c.Rewriter.CacheBytes, initial.Rewriter.CacheBytes, true),
		setting("max_statement_bytes", c.Rewriter.MaxStatementBytes, initial.Rewriter.MaxStatementBytes, false),
		setting("drain_timeout", c.DrainTimeout, initial.DrainTimeout, true),
		setting("admin_address", c.AdminAddress, nil, false),
		setting("stats_period", time.Minute, time.Minute, false),
	}
	for i, l := range c.Listen {
		list = append(list, setting(fmt.Sprintf("listen_%d", i+1), l.String(), nil, false))
	}
	return list
}
