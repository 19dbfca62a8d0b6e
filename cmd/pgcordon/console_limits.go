package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pgcordon/policy"
	"pgcordon/proxy/console"
	"pgcordon/proxy/limit"
)

// What stands in SHOW LIMITS for all tenants that nothing is said for, and for each user of a tenant.
const (
	anyTenant = "(default)"
	eachUser  = "(each user)"
)

// Limits implements console.Settings: the defaults first, then those of tenants and users that something is said for, then tenants
// that are held to the defaults, as far as they use something.
func (v adminView) Limits() []console.Limit {
	cfg := v.current().config.Limits
	using := map[policy.TenantID]limit.Usage{}
	for _, u := range v.gate.Stats() {
		using[u.Tenant] = u
	}
	var none policy.TenantID
	list := append(limitRows(anyTenant, "", cfg.Of(none, ""), nil), limitRows(anyTenant, eachUser, cfg.Of(none, eachUser), nil)...)
	tenant := func(t policy.TenantID) {
		var used *limit.Usage
		if u, ok := using[t]; ok {
			used = &u
		}
		list = append(list, limitRows(t.String(), "", cfg.Of(t, ""), used)...)
	}
	for _, named := range cfg.Named() {
		tenant(named.Tenant)
		delete(using, named.Tenant)
		list = append(list, limitRows(named.Tenant.String(), eachUser, cfg.Of(named.Tenant, eachUser), nil)...)
		for _, user := range named.Users {
			list = append(list, limitRows(named.Tenant.String(), user, cfg.Of(named.Tenant, user), nil)...)
		}
	}
	others := make([]policy.TenantID, 0, len(using))
	for t := range using {
		others = append(others, t)
	}
	slices.SortFunc(others, func(a, b policy.TenantID) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	for _, t := range others {
		tenant(t)
	}
	return list
}

// limitRows are the limits that are set; used is what is used now, nil for nothing to tell.
func limitRows(tenant, user string, l limit.Limits, used *limit.Usage) (list []console.Limit) {
	row := func(name string, set bool, value, now string) {
		if !set {
			return
		}
		list = append(list, console.Limit{Tenant: tenant, User: user, Limit: name, Value: value, Used: now})
	}
	whole := func(name string, n int64, now string) { row(name, n > 0, strconv.FormatInt(n, 10), now) }
	rate := func(name string, n float64) { row(name, n > 0, strconv.FormatFloat(n, 'f', -1, 64)+" per second", "") }
	long := func(name string, d time.Duration) { row(name, d > 0, d.String(), "") }
	connections, running := "", ""
	if used != nil {
		connections, running = fmt.Sprint(used.Connections), fmt.Sprint(used.Running)
	}
	whole(limit.Connections, int64(l.Connections), connections)
	whole(limit.StatementsAtOnce, int64(l.StatementsAtOnce), running)
	rate(limit.StatementsPerSecond, l.StatementsPerSecond)
	rate(limit.RowsPerSecond, l.RowsPerSecond)
	rate(limit.BytesPerSecond, l.BytesPerSecond)
	whole(limit.RowsPerStatement, l.RowsPerStatement, "")
	whole(limit.ChangesPerStatement, l.ChangesPerStatement, "")
	long(limit.StatementTimeout, l.StatementTimeout)
	long(limit.TransactionTimeout, l.TransactionTimeout)
	long(limit.IdleInTransactionTimeout, l.IdleInTransactionTimeout)
	whole(limit.StorageRows, l.StorageRows, "")
	whole(limit.StorageBytes, l.StorageBytes, "")
	return list
}
