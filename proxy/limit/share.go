package limit

import (
	"context"
	"sync/atomic"
	"time"
)

// Sharing: several proxies keep one budget. Each has a portion of every limit per second, which it spends by itself, so no statement waits for the
// others; who needs more, and who less, is told to a Sharer from time to time, and the portions follow. Connections are counted together at each login.

// Sharer keeps the budgets that several proxies have in common.
type Sharer interface {
	// Exchange tells what this proxy needs of each budget, and returns its portions in the same order.
	Exchange(context.Context, []Demand) ([]float64, error)
	// Connect reports whether this proxy may have so many connections of the most that all may have together.
	Connect(ctx context.Context, key string, held, most int) (bool, error)
}

// Demand is what this proxy needs of one budget.
type Demand struct {
	Key string // the same in every proxy
	// Total is the limit, per second, Portion what this proxy has of it. Used is what it has used per second of late; Hungry is set when that was less
	// than it was asked for.
	Total, Portion, Used float64
	Hungry               bool
	// Held is the number of connections, and Total their limit, when Count is set.
	Count bool
	Held  int

	account *account
	rate    int
}

// The limits per second, as they are numbered in account.shares.
const (
	rateStatements = iota
	rateRows
	rateBytes
	rates
)

var rateNames = [rates]string{StatementsPerSecond, RowsPerSecond, BytesPerSecond}

// share is an account's portion of one limit per second.
type share struct {
	used   atomic.Int64 // since the last look
	hungry atomic.Bool  // since the last look
	lately lately
	// Guarded by Gate.mu.
	portion float64 // of 1
	smooth  float64 // units per second of late
	looked  int64   // when, on the gate's clock
	eager   int64   // until when it counts as hungry
}

// count notes what was used, and whether it was less than what was asked for.
func (s *share) count(n int64, hungry bool) {
	s.used.Add(n)
	if hungry && !s.hungry.Load() {
		s.hungry.Store(true)
	}
}

const (
	// leastPortion keeps a proxy without a portion from standing still for ever.
	leastPortion = 0.001
	// eagerness is for how long a proxy counts as hungry after it has had to refuse, or let wait.
	eagerness = int64(time.Second)
	// firstPortion bounds how long a login waits for its tenant's portion.
	firstPortion = 250 * time.Millisecond
)

// Share makes the gate ask s. It is called before the first Connect.
func (g *Gate) Share(s Sharer) { g.sharer, g.proxies = s, 1 }

// SetProxies tells how many proxies share the budgets; each takes as large a part of what is not shared out.
func (g *Gate) SetProxies(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n = max(1, n); n == g.proxies {
		return
	}
	g.proxies = n
	for _, a := range g.accounts {
		a.running.setMost(g.atOnce(a.limits.Load()))
	}
}

// atOnce is this proxy's part of StatementsAtOnce. g.mu is held.
func (g *Gate) atOnce(l *Limits) int {
	if g.sharer == nil || l.StatementsAtOnce <= 0 {
		return l.StatementsAtOnce
	}
	return max(1, l.StatementsAtOnce/g.proxies)
}

// even is the portion of the budgets that each proxy has when none needs more than another. g.mu is held.
func (g *Gate) even() float64 {
	if g.sharer == nil {
		return 1
	}
	return 1 / float64(g.proxies)
}

// SetAway says that the budgets cannot be reached: each proxy takes the same part of them, or, when closed, has none.
func (g *Gate) SetAway(away, closed bool) {
	g.closed.Store(away && closed)
	if !away {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.accounts {
		for i := range a.shares {
			a.shares[i].portion = g.even()
		}
		a.setPaces(g.even(), g.now())
	}
}

// Demands are the needs of all accounts.
func (g *Gate) Demands() []Demand {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Demand
	for _, a := range g.accounts {
		out = g.demandsOf(out, a)
	}
	return out
}

// demandsOf appends an account's needs. g.mu is held.
func (g *Gate) demandsOf(out []Demand, a *account) []Demand {
	now, l := g.now(), a.limits.Load()
	for i, total := range l.perSecond() {
		if total <= 0 {
			continue
		}
		s := &a.shares[i]
		used := float64(s.used.Swap(0))
		if passed := float64(now-s.looked) / float64(time.Second); passed > 0.001 {
			s.smooth = 0.6*s.smooth + 0.4*used/passed
		}
		if s.looked = now; s.hungry.Swap(false) {
			s.eager = now + eagerness
		}
		out = append(out, Demand{Key: a.key(rateNames[i]), Total: total, Portion: s.portion * total, Used: s.smooth, Hungry: s.eager > now,
			account: a, rate: i})
	}
	if held := int(a.connections.Load()); l.Connections > 0 && held > 0 {
		out = append(out, Demand{Key: a.key(Connections), Total: float64(l.Connections), Count: true, Held: held, account: a})
	}
	return out
}

// Grant takes the portions that a Sharer has given for demands.
func (g *Gate) Grant(demands []Demand, portions []float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, d := range demands {
		if d.Count {
			continue
		}
		d.account.shares[d.rate].portion = max(leastPortion, min(1, portions[i]/d.Total))
		d.account.setPaces(g.even(), g.now())
	}
}

// join gets a connection its place in the budgets: the portions of accounts that are new here, and the count of connections.
func (g *Gate) join(s *Seat, fresh []*account) error {
	ctx, stop := context.WithTimeout(context.Background(), firstPortion)
	defer stop()
	if len(fresh) > 0 {
		g.mu.Lock()
		var demands []Demand
		for _, a := range fresh {
			demands = g.demandsOf(demands, a)
		}
		g.mu.Unlock()
		if portions, err := g.sharer.Exchange(ctx, demands); err == nil && len(demands) > 0 {
			g.Grant(demands, portions)
		}
	}
	for _, a := range s.accounts() {
		l, held := a.limits.Load(), int(a.connections.Load())
		if l.Connections <= 0 {
			continue
		}
		ok, err := g.sharer.Connect(ctx, a.key(Connections), held, l.Connections)
		switch {
		case err != nil && g.closed.Load():
			return awayExceeded(Connections, l, a.user)
		case err != nil:
			g.mu.Lock()
			ok = held <= (l.Connections+g.proxies-1)/g.proxies
			g.mu.Unlock()
		}
		if !ok {
			return connectionsExceeded(l, a.user)
		}
	}
	return nil
}

// key names an account's budget in every proxy alike.
func (a *account) key(limit string) string {
	return a.tenant.String() + "\x00" + a.user + "\x00" + limit
}

// perSecond are the limits per second, by their numbers.
func (l *Limits) perSecond() [rates]float64 {
	return [rates]float64{l.StatementsPerSecond, l.RowsPerSecond, l.BytesPerSecond}
}

// awayExceeded is the error while a budget cannot be reached.
func awayExceeded(name string, l *Limits, user string) *Exceeded {
	e := rateExceeded(name, l, user, time.Second)
	if name == Connections {
		e = connectionsExceeded(l, user)
		e.RetryAfter = time.Second
	}
	e.Away = true
	return e
}
