package main

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// topSample is what one look has found.
type topSample struct {
	at      time.Time
	version string
	pool    adminRow // the upstream's, of SHOW POOLS
	data    adminRow // the upstream's, of SHOW DATABASES
	tenants map[string]adminRow
	denials []adminRow
}

func sampleTop(ctx context.Context, admin *adminDatabase) (*topSample, error) {
	views, err := admin.show(ctx, "VERSION", "POOLS", "DATABASES", "TENANTS", "DENIALS")
	if err != nil {
		return nil, err
	}
	s := &topSample{at: time.Now(), tenants: make(map[string]adminRow), denials: views[4]}
	if len(views[0]) > 0 {
		s.version = views[0][0]["version"]
	}
	if len(views[1]) > 0 && len(views[2]) > 0 { // the upstream's comes first
		s.pool, s.data = views[1][0], views[2][0]
	}
	for _, r := range views[3] {
		s.tenants[r["tenant"]] = r
	}
	return s, nil
}

// topView is what is drawn: the last look, compared with the one before.
type topView struct {
	now     *topSample // nil before the first look
	over    time.Duration
	order   topOrder
	tenants []topTenant
	all     topTenant // the sum
}

// topTenant is a line of the table: what there is now, and per second what has been done since the last look.
type topTenant struct {
	name                                            string
	connections, running, waiting, servers          int64
	statements, busy, rows, bytes, denials, limited float64 // busy in seconds per second
	longestWait                                     time.Duration
}

// average is how long one statement took; 0 without any.
func (t *topTenant) average() time.Duration {
	if t.statements == 0 {
		return 0
	}
	return time.Duration(t.busy / t.statements * float64(time.Second))
}

// compareTop compares two looks. Without an older one there are no rates.
func compareTop(before, now *topSample, order topOrder) topView {
	v := topView{now: now, order: order}
	if now == nil {
		return v
	}
	if before != nil {
		v.over = now.at.Sub(before.at)
	}
	for name, r := range now.tenants {
		t := topTenant{name: name, connections: r.number("connections"), running: r.number("running"), waiting: r.number("waiting"), servers: r.number("servers"),
			longestWait: time.Duration(r.number("longest_wait_us")) * time.Microsecond}
		rate := func(column string) float64 {
			if v.over <= 0 {
				return 0
			}
			// A tenant that was forgotten meanwhile, or a proxy that was started anew, begins at zero.
			done := r.number(column)
			if old, ok := before.tenants[name]; ok && old.number(column) <= done {
				done -= old.number(column)
			}
			return float64(done) / v.over.Seconds()
		}
		t.statements, t.busy, t.rows, t.bytes = rate("statements"), rate("time_us")/1e6, rate("rows"), rate("bytes")
		t.denials, t.limited = rate("denials"), rate("limit_hits")
		v.tenants = append(v.tenants, t)
		v.all.add(&t)
	}
	slices.SortFunc(v.tenants, func(a, b topTenant) int {
		return cmp.Or(cmp.Compare(order.of(&b), order.of(&a)), cmp.Compare(b.busy, a.busy), cmp.Compare(b.connections, a.connections), cmp.Compare(a.name, b.name))
	})
	return v
}

func (t *topTenant) add(o *topTenant) {
	t.connections += o.connections
	t.running += o.running
	t.waiting += o.waiting
	t.servers += o.servers
	t.statements += o.statements
	t.busy += o.busy
	t.rows += o.rows
	t.bytes += o.bytes
	t.denials += o.denials
	t.limited += o.limited
	t.longestWait = max(t.longestWait, o.longestWait)
}

// topOrder is what the tenants are sorted by.
type topOrder struct {
	key  byte
	name string
	of   func(*topTenant) float64
}

var topOrders = []topOrder{
	{'t', "time", func(t *topTenant) float64 { return t.busy }},
	{'s', "statements", func(t *topTenant) float64 { return t.statements }},
	{'r', "rows", func(t *topTenant) float64 { return t.rows }},
	{'b', "bytes", func(t *topTenant) float64 { return t.bytes }},
	{'d', "denials", func(t *topTenant) float64 { return t.denials }},
	{'l', "limits", func(t *topTenant) float64 { return t.limited }},
	{'w', "waits", func(t *topTenant) float64 { return float64(t.waiting)*1e9 + t.longestWait.Seconds() }},
}

func topOrderNamed(name string) (topOrder, bool) {
	i := slices.IndexFunc(topOrders, func(o topOrder) bool { return o.name == name })
	if i < 0 {
		return topOrder{}, false
	}
	return topOrders[i], true
}

func topOrderOf(key byte) (topOrder, bool) {
	i := slices.IndexFunc(topOrders, func(o topOrder) bool { return o.key == key })
	if i < 0 {
		return topOrder{}, false
	}
	return topOrders[i], true
}
