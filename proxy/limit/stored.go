package limit

import (
	"strconv"
	"time"

	"pgcordon/policy"
)

// Stored is what a tenant has in its tables, as it was counted last.
type Stored struct{ Rows, Bytes int64 }

// stock is what all tenants had when it was counted, and when that happens again.
type stock struct {
	tenants map[policy.TenantID]Stored
	next    time.Time
}

// SetStored tells the gate what tenants have stored, and when it will be told again. It keeps the map.
func (g *Gate) SetStored(tenants map[policy.TenantID]Stored, next time.Time) {
	g.stock.Store(&stock{tenants, next})
}

// Full returns the error for a statement that adds rows, or makes them larger, while the tenant has stored more than it may: SQLSTATE 53400. Nil
// when it has not, or nobody has counted.
func (s *Seat) Full() *Exceeded {
	l := s.tenant.limits.Load()
	if l.StorageRows <= 0 && l.StorageBytes <= 0 {
		return nil
	}
	k := s.gate.stock.Load()
	if k == nil {
		return nil
	}
	e := &Exceeded{SQLState: configurationLimitExceeded, RetryAfter: max(time.Until(k.next), time.Millisecond)}
	switch has := k.tenants[s.tenant.tenant]; {
	case l.StorageRows > 0 && has.Rows >= l.StorageRows:
		e.Limit, e.Value = StorageRows, strconv.FormatInt(l.StorageRows, 10)+" rows"
	case l.StorageBytes > 0 && has.Bytes >= l.StorageBytes:
		e.Limit, e.Value = StorageBytes, strconv.FormatInt(l.StorageBytes, 10)+" bytes"
	default:
		return nil
	}
	return e
}
