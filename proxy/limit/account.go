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
	turns                   turns
}

// setLimits needs Gate.mu.
func (a *account) setLimits(l Limits, atOnce int, even float64, now int64) {
	a.limits.Store(&l)
	a.running.setMost(atOnce)
	a.setPaces(even, now)
}

// buckets are those of the limits per second, by their numbers.
func (a *account) buckets() [rates]*bucket { return [rates]*bucket{&a.statements, &a.rows, &a.bytes} }

// setPaces makes the buckets follow the limits, and the account's portions of them; even is the portion that each proxy has when none needs more than
// another. It needs Gate.mu.
func (a *account) setPaces(even float64, now int64) {
	l := a.limits.Load()
	burst := float64(l.Burst)
	if l.Burst <= 0 {
		burst = max(1, float64(int64(min(l.StatementsPerSecond, 1<<40))))
	}
	changed := false
	for i, b := range a.buckets() {
		rate, room, portion := l.perSecond()[i], l.perSecond()[i], a.shares[i].portion
		if i == rateStatements {
			room = burst
		}
		changed = b.setPace(newPace(rate*portion, max(1, room*portion), portion/max(portion, even)), now) || changed
	}
	if changed {
		a.turns.retime()
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
		pause = int64(p.hoped(a.rows.debt(p, now)))
		a.shares[rateRows].count(rows, pause > 0)
		a.shares[rateRows].lately.add(rows, now)
	}
	if p := a.bytes.pace.Load(); p != nil && bytes > 0 {
		a.bytes.spend(p, now, bytes)
		owed := int64(p.hoped(a.bytes.debt(p, now)))
		a.shares[rateBytes].count(bytes, owed > 0)
		a.shares[rateBytes].lately.add(bytes, now)
		pause = max(pause, owed)
	}
	return min(pause, int64(a.limits.Load().Wait))
}
