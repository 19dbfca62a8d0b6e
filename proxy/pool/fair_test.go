package pool

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A simulation of the queue with a clock of its own: so many connections, and tenants with clients that each want one for some time, pause, and want one again.

type simulation struct {
	t       *testing.T
	queue   queue
	shelf   *shelf
	now     time.Time
	free    int
	leases  []*simLease
	later   []*simClient // who pauses
	tenants map[string]*simTenant
	waiters map[*waiter]*simClient
}

type simTenant struct {
	name   string
	weight float64
	// length is how long a lease lasts, pause how long a client waits before it wants the next.
	length, pause func() time.Duration
	// used is the time of its leases in the period that is looked at; waits are its clients' waits.
	used  time.Duration
	waits []time.Duration
	gone  bool
}

type simClient struct {
	tenant *simTenant
	at     time.Time // until when it pauses
}

type simLease struct {
	client *simClient
	party  *party
	begun  time.Time
	ends   time.Time
}

func simulate(t *testing.T, connections int) *simulation {
	return &simulation{t: t, shelf: &shelf{}, now: time.Unix(0, 0), free: connections, tenants: map[string]*simTenant{}, waiters: map[*waiter]*simClient{}}
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// add lets a tenant's clients in now.
func (s *simulation) add(name string, weight float64, clients int, length, pause func() time.Duration) *simTenant {
	tenant := &simTenant{name: name, weight: weight, length: length, pause: pause}
	s.tenants[name] = tenant
	for range clients {
		s.want(&simClient{tenant: tenant})
	}
	return tenant
}

func (s *simulation) want(c *simClient) {
	if c.tenant.gone {
		return
	}
	w := &waiter{shelf: s.shelf, party: s.queue.arrive(c.tenant.name, c.tenant.weight, s.now), since: s.now}
	s.queue.push(w)
	s.waiters[w] = c
	s.serve()
}

func (s *simulation) serve() {
	for s.free > 0 {
		w := s.queue.next(s.shelf, s.now)
		if w == nil {
			return
		}
		c, party := s.waiters[w], w.party
		delete(s.waiters, w)
		s.queue.remove(w)
		s.queue.begin(party, s.now)
		s.free--
		c.tenant.waits = append(c.tenant.waits, s.now.Sub(w.since))
		s.leases = append(s.leases, &simLease{c, party, s.now, s.now.Add(c.tenant.length())})
	}
}

// run lets time pass.
func (s *simulation) run(d time.Duration) {
	end := s.now.Add(d)
	for _, tenant := range s.tenants {
		tenant.used, tenant.waits = 0, nil
	}
	for _, l := range s.leases {
		l.begun = s.now
	}
	for {
		next, lease, pause := end, -1, -1
		for i, l := range s.leases {
			if l.ends.Before(next) {
				next, lease = l.ends, i
			}
		}
		for i, c := range s.later {
			if c.at.Before(next) {
				next, lease, pause = c.at, -1, i
			}
		}
		s.now = next
		switch {
		case lease >= 0:
			l := s.leases[lease]
			s.leases = append(s.leases[:lease], s.leases[lease+1:]...)
			l.client.tenant.used += s.now.Sub(l.begun)
			s.queue.end(l.party, s.now)
			s.free++
			s.serve()
			if p := l.client.tenant.pause(); p > 0 {
				l.client.at = s.now.Add(p)
				s.later = append(s.later, l.client)
			} else {
				s.want(l.client)
			}
		case pause >= 0:
			c := s.later[pause]
			s.later = append(s.later[:pause], s.later[pause+1:]...)
			s.want(c)
		default:
			for _, l := range s.leases {
				l.client.tenant.used += s.now.Sub(l.begun)
				l.begun = s.now
			}
			return
		}
	}
}

func longest(waits []time.Duration) (most time.Duration) {
	for _, w := range waits {
		most = max(most, w)
	}
	return most
}

// share asserts what part of the time of all connections a tenant has had.
func (s *simulation) share(tenant *simTenant, want, within float64) {
	s.t.Helper()
	var all time.Duration
	for _, o := range s.tenants {
		all += o.used
	}
	if got := float64(tenant.used) / float64(all); math.Abs(got-want) > within {
		s.t.Errorf("%s had %.3f of the time, want %.3f", tenant.name, got, want)
	}
}

func TestTimeIsSharedAlike(t *testing.T) {
	s := simulate(t, 8)
	long := s.add("long", 1, 64, always(200*time.Millisecond), always(0))
	short := s.add("short", 1, 64, always(time.Millisecond), always(0))
	few := s.add("few", 1, 4, always(30*time.Millisecond), always(0))
	s.run(100 * time.Second)
	for _, tenant := range []*simTenant{long, short, few} {
		s.share(tenant, 1.0/3, 0.01)
	}
}

func TestTimeIsSharedByWeight(t *testing.T) {
	s := simulate(t, 5)
	free := s.add("free", 1, 20, always(7*time.Millisecond), always(0))
	pro := s.add("pro", 3, 20, always(11*time.Millisecond), always(0))
	half := s.add("half", 0.5, 20, always(2*time.Millisecond), always(0))
	s.run(100 * time.Second)
	s.share(free, 1/4.5, 0.01)
	s.share(pro, 3/4.5, 0.01)
	s.share(half, 0.5/4.5, 0.01)
	pro.weight = 1 // a reload
	s.run(time.Second)
	s.run(100 * time.Second)
	s.share(free, 1/2.5, 0.01)
	s.share(pro, 1/2.5, 0.01)
}

// A tenant that asks for little waits for one connection to be given back, whatever the others ask for.
func TestQuietTenantWaitsForOneLease(t *testing.T) {
	for _, length := range []time.Duration{time.Millisecond, 100 * time.Millisecond} {
		s := simulate(t, 4)
		s.add("flood", 1, 500, always(length), always(0))
		s.run(10 * time.Second)
		quiet := s.add("quiet", 1, 1, always(time.Millisecond), always(13*time.Millisecond))
		s.run(20 * time.Second)
		if got := longest(quiet.waits); got > length || len(quiet.waits) < 100 {
			t.Errorf("beside leases of %v: waited up to %v, %d times", length, got, len(quiet.waits))
		}
	}
}

// Nobody saves up while it is away, and nobody pays for time that no one else wanted.
func TestReturningTenantStartsFromNow(t *testing.T) {
	s := simulate(t, 4)
	old := s.add("old", 1, 20, always(5*time.Millisecond), always(0))
	s.run(time.Hour / 10)
	back := s.add("back", 1, 20, always(5*time.Millisecond), always(0))
	s.run(time.Second)
	s.share(old, 0.5, 0.03)
	s.share(back, 0.5, 0.03)
	back.gone = true
	s.run(time.Hour / 10)
	back = s.add("back", 1, 20, always(5*time.Millisecond), always(0))
	s.run(time.Second)
	s.share(old, 0.5, 0.03)
	s.share(back, 0.5, 0.03)
}

// The time of a lease counts while it runs: who holds connections for long gets no further ones beside those who use what they get for moments.
func TestRunningLeasesCount(t *testing.T) {
	s := simulate(t, 4)
	s.add("holder", 1, 3, always(time.Hour), always(0))
	s.run(time.Second)
	busy := s.add("busy", 1, 10, always(10*time.Millisecond), always(0))
	more := s.add("holder", 1, 1, always(10*time.Millisecond), always(0)) // another client of the same tenant's
	s.run(10 * time.Second)
	if got := len(more.waits); got > 1 {
		t.Errorf("who holds three of four connections was lent the fourth %d times", got)
	}
	if got := len(busy.waits); got < 990 {
		t.Errorf("served %d times", got)
	}
}

// Whatever tenants do, in any stretch of time in which they always want more, none gets less than its part by more than some leases.
func TestFairnessOfAnyMix(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 30 {
		connections, n := 1+r.IntN(10), 2+r.IntN(5)
		s := simulate(t, connections)
		total, longest := 0.0, time.Duration(0)
		for i := range n {
			most := time.Duration(1+r.IntN(100)) * time.Millisecond
			longest = max(longest, most)
			weight := float64(1 + r.IntN(4))
			total += weight
			s.add(fmt.Sprint("t", i), weight, 2*connections+r.IntN(30), func() time.Duration { return time.Duration(r.Int64N(int64(most))) + 1 }, always(0))
		}
		// Tenants that come and go do not change what the others have among themselves.
		s.add("comes and goes", 1, 3, func() time.Duration { return time.Duration(r.Int64N(1e6)) + 1 }, func() time.Duration { return time.Duration(r.Int64N(1e8)) + 1 })
		s.run(time.Second)
		s.run(20 * time.Second)
		all := 20*float64(connections) - s.tenants["comes and goes"].used.Seconds()
		for i := range n {
			tenant := s.tenants[fmt.Sprint("t", i)]
			if got, want := tenant.used.Seconds(), all*tenant.weight/total; math.Abs(got-want) > 2*float64(connections)*longest.Seconds()+0.05*want {
				t.Errorf("%d connections, leases up to %v: %s with weight %v of %v had %.2f s, want %.2f s", connections, longest, tenant.name, tenant.weight, total, got, want)
			}
		}
	}
}

// Of a tenant's requests the first comes first, also when others give up.
func TestOrderWithinATenant(t *testing.T) {
	q, s, now := &queue{}, &shelf{}, time.Unix(0, 0)
	var all []*waiter
	for range 6 {
		w := &waiter{shelf: s, party: q.arrive("a", 1, now)}
		q.push(w)
		all = append(all, w)
	}
	q.remove(all[0])
	q.remove(all[3])
	for _, want := range []int{1, 2, 4, 5} {
		if w := q.next(s, now); w != all[want] {
			t.Fatalf("not the waiter %d", want)
		}
		q.remove(all[want])
		q.begin(all[want].party, now)
	}
	if q.next(s, now) != nil || q.length != 0 || len(q.shelves) != 0 {
		t.Error("somebody is left")
	}
}

// What is kept of tenants that have gone is forgotten.
func TestTenantsAreForgotten(t *testing.T) {
	q, now := &queue{}, time.Unix(0, 0)
	for i := range 10_000 {
		party := q.arrive(fmt.Sprint(i), 1, now)
		q.begin(party, now)
		now = now.Add(100 * time.Millisecond)
		q.end(party, now)
		if again := q.arrive(party.tenant, 1, now); again != party {
			t.Fatal("a tenant that was just there is not known")
		}
	}
	if n := len(q.shares.parties); n > 2500 {
		t.Errorf("%d tenants are kept that have nothing", n)
	}
	now = now.Add(time.Hour)
	for range 2000 {
		party := q.arrive("last", 1, now)
		q.begin(party, now)
		q.end(party, now)
	}
	if n := len(q.shares.parties); n > 1 {
		t.Errorf("%d tenants are kept that have nothing", n)
	}
}
