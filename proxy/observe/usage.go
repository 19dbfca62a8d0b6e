package observe

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// usage counts what one tenant has done. Other than the metrics it is kept for every tenant.
type usage struct {
	statements, nanoseconds, rows, bytes, denials, limited atomic.Int64
}

// Usage is what one tenant has done since it was first seen, and how many connections it has.
type Usage struct {
	Tenant                  string
	Connections             int64
	Statements, Rows, Bytes uint64
	Time                    time.Duration // from clients' messages to the last bytes of the answers
	Denials, LimitHits      uint64
}

// Usage returns the tenants that are known, by name. One that has run nothing for some time and has no connection is forgotten.
func (o *Observer) Usage() []Usage {
	ts := o.tenants
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	out := make([]Usage, 0, len(ts.known))
	for _, t := range ts.known {
		if t.id.IsValid() {
			out = append(out, t.read())
		}
	}
	slices.SortFunc(out, func(a, b Usage) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return out
}

func (t *tenant) read() Usage {
	return Usage{
		Tenant: t.id.String(), Connections: t.connections.Load(), Statements: uint64(t.done.statements.Load()), Rows: uint64(t.done.rows.Load()),
		Bytes: uint64(t.done.bytes.Load()), Time: time.Duration(t.done.nanoseconds.Load()), Denials: uint64(t.done.denials.Load()),
		LimitHits: uint64(t.done.limited.Load()),
	}
}
