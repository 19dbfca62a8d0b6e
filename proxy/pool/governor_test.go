package pool

import (
	"testing"
	"time"
)

// server is a model of one with so many processors: what runs on it shares them.
type server struct {
	t     *testing.T
	pool  *Pool
	now   time.Time
	cores float64
	// conns are idle.
	conns []*Conn
	// running are leases with the work that they have left.
	running []*work
	// flood has so many clients; each sends work of that length. Quiet is a tenant with one client that sends work of a millisecond every ten.
	flood                    int
	length                   time.Duration
	floodWaits               int
	quietAt                  time.Time
	quietTimes               []time.Duration
	floodDone                time.Duration
	quietSlowForOtherReasons bool
}

type work struct {
	conn *Conn
	left time.Duration
}

const (
	step       = 100 * time.Microsecond
	quietWork  = time.Millisecond
	quietSleep = 10 * time.Millisecond
)

func newServer(t *testing.T, cores float64, flood int, length time.Duration) *server {
	s := &server{t: t, cores: cores, flood: flood, length: length, now: time.Unix(1000, 0)}
	s.pool = &Pool{cfg: &Config{Size: 20, Adaptive: true, AdaptiveLeast: 1}, poke: make(chan struct{}, 1)}
	s.pool.governor.limit = 1
	s.pool.queue.may = s.pool.may
	for range 20 {
		s.conns = append(s.conns, &Conn{pool: s.pool, shelf: &shelf{}})
	}
	s.floodWaits = flood
	s.quietAt = s.now
	return s
}

// lend begins a lease if the pool would.
func (s *server) lend(tenant string, waiting int, length time.Duration) *party {
	p := s.pool
	t := p.queue.arrive(tenant, 1, s.now)
	t.waiting = waiting
	p.governor.asked(t, s.now)
	if len(s.conns) == 0 || !p.may(t, s.now) {
		p.watch(s.now)
		return nil
	}
	c := s.conns[len(s.conns)-1]
	s.conns = s.conns[:len(s.conns)-1]
	c.party, c.leasedAt, c.state = t, s.now, leased
	p.inUse++
	p.begin(c, false, s.now)
	p.watch(s.now)
	s.running = append(s.running, &work{c, length})
	return t
}

// run lets time pass, with the quiet tenant there or not.
func (s *server) run(d time.Duration, quiet bool) {
	s.quietTimes, s.floodDone = nil, 0
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(step) {
		for s.floodWaits > 0 {
			if s.lend("flood", s.floodWaits, s.length) == nil {
				break
			}
			s.floodWaits--
		}
		if quiet && !s.now.Before(s.quietAt) {
			length := quietWork
			if s.quietSlowForOtherReasons {
				length *= 10
			}
			if s.lend("quiet", 0, length) != nil {
				s.quietAt = s.now.Add(time.Hour) // until it is done
			}
		}
		s.pool.queue.length = s.floodWaits
		s.work()
		if !s.pool.governor.next.IsZero() && !s.now.Before(s.pool.governor.next) {
			s.pool.govern(s.now)
		}
	}
}

// work does a step of what runs.
func (s *server) work() {
	share := min(1, s.cores/float64(max(1, len(s.running))))
	var still []*work
	for _, w := range s.running {
		if w.left -= time.Duration(float64(step) * share); w.left > 0 {
			still = append(still, w)
			continue
		}
		c := w.conn
		s.pool.inUse--
		s.pool.end(c, s.now)
		c.state = idle
		s.conns = append(s.conns, c)
		if c.party.tenant == "flood" {
			s.floodWaits++
			s.floodDone += s.length
		} else {
			s.quietTimes = append(s.quietTimes, s.now.Sub(c.leasedAt))
			s.quietAt = s.now.Add(quietSleep)
		}
	}
	s.running = still
}

// slow is the part of the quiet tenant's leases that took longer than that.
func (s *server) slow(than time.Duration) float64 {
	n := 0
	for _, d := range s.quietTimes {
		if d > than {
			n++
		}
	}
	return float64(n) / float64(max(1, len(s.quietTimes)))
}

func TestLimitProtectsTheQuietTenant(t *testing.T) {
	for _, c := range []struct {
		cores  float64
		length time.Duration
	}{{2, 100 * time.Millisecond}, {2, time.Millisecond}, {8, 100 * time.Millisecond}, {8, 2 * time.Millisecond}} {
		s := newServer(t, c.cores, 64, c.length)
		s.run(5*time.Second, true)
		s.run(60*time.Second, true)
		if slow := s.slow(3 * quietWork / 2); slow > 0.02 {
			t.Errorf("%v processors, work of %v: %.1f %% of the quiet tenant's were slow", c.cores, c.length, 100*slow)
		}
		// The flood has what is left, but for what is needed to keep the quiet one from waiting.
		if got := s.floodDone.Seconds() / 60; got < 0.45*c.cores {
			t.Errorf("%v processors, work of %v: the flood has %.2f of them", c.cores, c.length, got)
		}
	}
}

// A tenant that is alone has all connections, and has them again when the other has gone.
func TestNoLimitForATenantAlone(t *testing.T) {
	s := newServer(t, 40, 64, 10*time.Millisecond) // as a server that waits for disks: all that it is given runs side by side
	s.run(time.Second, false)
	if got := s.floodDone.Seconds(); got < 19 {
		t.Errorf("%.1f run", got)
	}
	s.run(time.Second, true)
	s.run(company+time.Second, false)
	s.run(time.Second, false)
	if got := s.floodDone.Seconds(); got < 19 {
		t.Errorf("%.1f run after the other has gone", got)
	}
}

// Where what runs does not disturb, the limit does not either.
func TestLimitGrowsWhereNothingIsSlow(t *testing.T) {
	s := newServer(t, 40, 64, 10*time.Millisecond)
	s.run(10*time.Second, true)
	s.run(time.Second, true)
	if got := s.floodDone.Seconds(); got < 17 {
		t.Errorf("%.1f run", got)
	}
}

// A tenant that is slow whatever the limit is does not keep others from running.
func TestLimitThatHelpsNobodyIsLifted(t *testing.T) {
	s := newServer(t, 40, 64, 10*time.Millisecond)
	s.run(10*time.Second, true)
	s.quietSlowForOtherReasons = true
	s.run(10*time.Second, true)
	s.run(30*time.Second, true)
	if got := s.floodDone.Seconds() / 30; got < 15 {
		t.Errorf("the other tenant runs %.1f at once", got)
	}
}

// Leases that wait for their clients do not count as running, and nobody's first lease is held back.
func TestWhoHoldsWithoutRunning(t *testing.T) {
	s := newServer(t, 2, 0, 0)
	p := s.pool
	s.lend("other", 0, time.Hour)
	for i := range 5 {
		if s.lend(string(rune('a'+i)), 0, time.Hour) == nil {
			t.Fatal("a first lease is held back")
		}
	}
	if s.lend("a", 0, time.Hour) != nil {
		t.Fatal("a second lease beyond the limit")
	}
	p.governor.paused = 6
	if s.lend("a", 0, time.Hour) == nil {
		t.Error("six leases wait for their clients, and a second one is held back")
	}
}

// The last connections are not for who has some.
func TestSpareConnections(t *testing.T) {
	s := newServer(t, 2, 0, 0)
	s.lend("b", 0, time.Hour)
	s.lend("a", 0, time.Hour)
	s.pool.governor.limit = 100
	for s.lend("a", 0, time.Hour) != nil {
	}
	if len(s.conns) != 2 {
		t.Errorf("%d are spare", len(s.conns))
	}
	if s.lend("c", 0, time.Hour) == nil || s.lend("d", 0, time.Hour) == nil {
		t.Error("they are not for others")
	}
}

// The tries that find the limit are few and short: the quiet tenant hardly feels them in its first seconds either.
func TestLimitIsFoundWithFewTries(t *testing.T) {
	for _, length := range []time.Duration{100 * time.Millisecond, time.Millisecond} {
		s := newServer(t, 2, 64, length)
		s.run(10*time.Second, true)
		slow := s.slow(3 * quietWork / 2)
		t.Logf("work of %v: %.1f %% of the quiet tenant's were slow", length, 100*slow)
		if slow > 0.03 {
			t.Errorf("work of %v: %.1f %% of the quiet tenant's were slow", length, 100*slow)
		}
	}
}
