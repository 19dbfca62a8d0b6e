package limit

import (
	"sync/atomic"

	"pgcordon/policy"
)

// owner is a tenant, with an empty user, or one user of a tenant.
type owner struct {
	tenant policy.TenantID
	user   string
}

// account is what the gate knows of one owner. It stays in the gate while a seat refers to it.
type account struct {
	owner
	inIdle bool // guarded by Gate.mu

	limits      atomic.Pointer[Limits]
	connections atomic.Int64 // raised with Gate.mu held
	waiting     atomic.Int64
	running     slots

	statements, rows, bytes bucket
	shares                  [rates]share
}

// setLimits needs Gate.mu.
func (a *account) setLimits(l Limits, atOnce int, now int64) {
	a.limits.Store(&l)
	a.running.setMost(atOnce)
	a.setPaces(now)
}

// setPaces makes the buckets follow the limits, and the account's portions of them. It needs Gate.mu.
func (a *account) setPaces(now int64) {
	l := a.limits.Load()
	burst := float64(l.Burst)
	if l.Burst <= 0 {
		burst = max(1, float64(int64(min(l.StatementsPerSecond, 1<<40))))
	}
	for i, b := range [rates]*bucket{&a.statements, &a.rows, &a.bytes} {
		rate, room, portion := l.perSecond()[i], l.perSecond()[i], a.shares[i].portion
		if i == rateStatements {
			room = burst
		}
		b.setPace(newPace(rate*portion, max(1, room*portion)), now)
	}
}

func (a *account) isFull(now int64) bool {
	return a.statements.isFull(now) && a.rows.isFull(now) && a.bytes.isFull(now)
}

// metered reports whether what is sent to clients is counted.
func (a *account) metered() bool { return a.rows.pace.Load() != nil || a.bytes.pace.Load() != nil }

// spend counts what was sent, and says for how long, in nanoseconds, the sender should pause.
func (a *account) spend(rows, bytes, now int64) (pause int64) {
	if p := a.rows.pace.Load(); p != nil && rows > 0 {
		a.rows.spend(p, now, rows)
		pause = a.rows.debt(p, now)
		a.shares[rateRows].count(rows, pause > 0)
		a.shares[rateRows].lately.add(rows, now)
	}
	if p := a.bytes.pace.Load(); p != nil && bytes > 0 {
		a.bytes.spend(p, now, bytes)
		owed := a.bytes.debt(p, now)
		a.shares[rateBytes].count(bytes, owed > 0)
		a.shares[rateBytes].lately.add(bytes, now)
		pause = max(pause, owed)
	}
	return min(pause, int64(a.limits.Load().Wait))
}

// due finds how long a statement has to wait until what was sent is paid for, and for which limit; nothing when it need not.
func (a *account) due(now int64) (delay int64, limit string) {
	if p := a.rows.pace.Load(); p != nil {
		delay, limit = a.rows.debt(p, now), RowsPerSecond
	}
	if p := a.bytes.pace.Load(); p != nil {
		if d := a.bytes.debt(p, now); d > delay {
			delay, limit = d, BytesPerSecond
		}
	}
	return delay, limit
}
