package pool

import "time"

// Reason is why a connection was closed.
type Reason uint8

// The reasons. ReasonCount is how many there are.
const (
	ClosedReleased  Reason = iota // given back as not clean
	ClosedLost                    // ended by the upstream, or the network
	ClosedIdle                    // idle for longer than IdleTimeout
	ClosedLifetime                // older than Lifetime
	ClosedEvicted                 // in favour of one of another key
	ClosedSurplus                 // beyond Size, or of a pool that is retired, and nobody waits
	ClosedCheck                   // gave no sign of life when asked
	ClosedReconnect               // made before a Reconnect
	ClosedPaused                  // idle, or released, while the pool was paused
	ClosedShutdown                // idle, or released, when the pool was closed
	ReasonCount
)

var reasonNames = [ReasonCount]string{"released", "lost", "idle", "lifetime", "evicted", "surplus", "check", "reconnect", "paused", "shutdown"}

func (r Reason) String() string { return reasonNames[r] }

// counters are totals since the pool was made.
type counters struct {
	waits, leases             uint64
	waited, leased            time.Duration
	connects, connectFailures uint64
	closed                    [ReasonCount]uint64
}

// Stats is what a pool does now, and what it has done.
type Stats struct {
	InUse      int // connections that are leased
	Idle       int
	Connecting int // connections that are being made
	Max        int // connections that there may be, with the reserve
	Limit      int // leases that may run at once, as the governor has found; Size where it does not matter
	Waiting    int // callers of Acquire that wait
	// LongestWait is how long the first of them has waited.
	LongestWait time.Duration

	// Waits counts the requests that had to wait and do not any more, Waited how long they did together.
	Waits  uint64
	Waited time.Duration
	// Leases counts how often a connection was lent, Leased is how long those were lent that were given back.
	Leases                    uint64
	Leased                    time.Duration
	Connects, ConnectFailures uint64
	// Closed counts connections by the reason why they were closed.
	Closed [ReasonCount]uint64
}

// Stats returns what the pool does now, and what it has done.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		InUse: p.inUse, Idle: p.idle, Connecting: p.dialling, Max: p.cfg.Size + p.cfg.ReserveSize, Waiting: p.queue.length,
		Waits: p.count.waits, Waited: p.count.waited, Leases: p.count.leases, Leased: p.count.leased,
		Connects: p.count.connects, ConnectFailures: p.count.connectFailures, Closed: p.count.closed,
	}
	s.Limit = p.limit(time.Now())
	if w := p.queue.first; w != nil {
		s.LongestWait = time.Since(w.since)
	}
	return s
}
