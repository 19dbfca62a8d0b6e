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
// that are held to the defaults, as far as they use something. Users who use something stand behind their tenant.
func (v adminView) Limits() []console.Limit {
	cfg := v.current().config.Limits
	tenants := map[policy.TenantID]limit.Usage{}
	users := map[policy.TenantID][]limit.Usage{}
	var others []policy.TenantID
	for _, u := range v.gate.Usage() {
		if u.User != "" {
			users[u.Tenant] = append(users[u.Tenant], u)
			continue
		}
		tenants[u.Tenant] = u
		others = append(others, u.Tenant)
	}
	var none policy.TenantID
	list := append(limitRows(anyTenant, "", cfg.Of(none, ""), nil), limitRows(anyTenant, eachUser, cfg.Of(none, eachUser), nil)...)
	rows := func(t policy.TenantID, named []string) {
		var used *limit.Usage
		if u, ok := tenants[t]; ok {
			used = &u
		}
		list = append(list, limitRows(t.String(), "", cfg.Of(t, ""), used)...)
		if named != nil {
			list = append(list, limitRows(t.String(), eachUser, cfg.Of(t, eachUser), nil)...)
		}
		using := users[t]
		for _, user := range named {
			var used *limit.Usage
			if i := slices.IndexFunc(using, func(u limit.Usage) bool { return u.User == user }); i >= 0 {
				used = &using[i]
			}
			list = append(list, limitRows(t.String(), user, cfg.Of(t, user), used)...)
		}
		for i, u := range using {
			if !slices.Contains(named, u.User) {
				list = append(list, limitRows(t.String(), u.User, cfg.Of(t, u.User), &using[i])...)
			}
		}
	}
	for _, named := range cfg.Named() {
		rows(named.Tenant, append([]string{}, named.Users...))
		others = slices.DeleteFunc(others, func(t policy.TenantID) bool { return t == named.Tenant })
	}
	for _, t := range others {
		rows(t, nil)
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
	rate := func(name string, n float64, now string) {
		row(name, n > 0, strconv.FormatFloat(n, 'f', -1, 64)+" per second", now)
	}
	long := func(name string, d time.Duration) { row(name, d > 0, d.String(), "") }
	var connections, running, statements, rows, bytes, storedRows, storedBytes string
	if used != nil {
		lately := func(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) + " in the last second" }
		connections, running = fmt.Sprint(used.Connections), fmt.Sprint(used.Running)
		statements, rows, bytes = lately(used.Statements), lately(used.Rows), lately(used.Bytes)
		if used.Counted {
			storedRows = fmt.Sprint(used.Stored.Rows)
			if l.StorageBytes > 0 {
				storedBytes = fmt.Sprint(used.Stored.Bytes)
			}
		}
	}
	whole(limit.Connections, int64(l.Connections), connections)
	whole(limit.StatementsAtOnce, int64(l.StatementsAtOnce), running)
	rate(limit.StatementsPerSecond, l.StatementsPerSecond, statements)
	rate(limit.RowsPerSecond, l.RowsPerSecond, rows)
	rate(limit.BytesPerSecond, l.BytesPerSecond, bytes)
	whole(limit.RowsPerStatement, l.RowsPerStatement, "")
	whole(limit.ChangesPerStatement, l.ChangesPerStatement, "")
	long(limit.StatementTimeout, l.StatementTimeout)
	long(limit.TransactionTimeout, l.TransactionTimeout)
	long(limit.IdleInTransactionTimeout, l.IdleInTransactionTimeout)
	whole(limit.StorageRows, l.StorageRows, storedRows)
	whole(limit.StorageBytes, l.StorageBytes, storedBytes)
	return list
}
