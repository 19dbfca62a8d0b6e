package console

import "time"

// The views that only pgcordon has. No value of a tenant's stands in them, and no SQL text: statements are named by their fingerprints.

func tenantViews(c *Console) []view {
	return []view{
		{"tenants", columns("tenant", "connections:int", "running:int", "waiting:int", "servers:int", "statements:numeric", "time_us:numeric", "rows:numeric",
			"bytes:numeric", "denials:numeric", "limit_hits:numeric", "longest_wait_us:numeric"), c.tenants},
		{"limits", columns("tenant", "user", "limit", "value", "used"), c.limits},
		{"denials", columns("last_time", "first_time", "count:numeric", "tenant", "user", "kind", "rule", "sqlstate", "fingerprint", "session:big",
			"position:int"), c.denials},
		{"policy", columns("relation", "kind", "scope", "tenant_column", "rule"), c.policy},
		{"prepared", columns("name", "fingerprint", "parameters:int", "bytes:int", "servers:int"), c.prepared},
		{"cache", columns("name", "value:numeric"), c.cache},
	}
}

func (c *Console) tenants() []row {
	servers := map[string]int{}
	waits := map[string]int64{}
	since := map[string]time.Time{}
	for _, d := range c.Upstream.Databases() {
		for _, p := range d.Pools {
			for _, conn := range p.Connections() {
				if conn.Leased {
					servers[conn.Tenant]++
				}
			}
			for _, w := range p.Waiting() {
				waits[w.Tenant]++
				if first, ok := since[w.Tenant]; !ok || w.Since.Before(first) {
					since[w.Tenant] = w.Since
				}
			}
		}
	}
	now := c.Now()
	var list []row
	for _, t := range c.Activity.Tenants() {
		var longest time.Duration
		if first, ok := since[t.Name]; ok {
			longest = max(0, now.Sub(first))
		}
		list = append(list, cells(t.Name, t.Connections, t.Running, t.Waiting+waits[t.Name], servers[t.Name], t.Statements, t.Time, t.Rows, t.Bytes, t.Denials,
			t.LimitHits, longest))
	}
	return list
}

func (c *Console) limits() []row {
	var list []row
	for _, l := range c.Settings.Limits() {
		list = append(list, cells(l.Tenant, l.User, l.Limit, l.Value, l.Used))
	}
	return list
}

func (c *Console) denials() []row {
	var list []row
	for _, d := range c.Activity.Denials() {
		list = append(list, cells(d.Last, d.First, d.Count, d.Tenant, d.User, d.Kind, d.Rule, d.SQLState, d.Fingerprint, d.Session, d.Position))
	}
	return list
}

// shownPrepared is how many prepared statements are shown; there can be many more.
const shownPrepared = 1000

func (c *Console) prepared() []row {
	var list []row
	for _, p := range c.Sessions.Prepared(shownPrepared) {
		list = append(list, cells(p.Name, p.Fingerprint, p.Parameters, p.Bytes, p.Servers))
	}
	return list
}

func (c *Console) policy() []row {
	var list []row
	for _, r := range c.Settings.Policy() {
		list = append(list, cells(r.Name, r.Kind, r.Scope, r.Column, r.Rule))
	}
	return list
}

func (c *Console) cache() []row {
	var list []row
	for _, n := range c.Settings.Cache() {
		list = append(list, cells(n.Name, n.Value))
	}
	return list
}
