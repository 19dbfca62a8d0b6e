package limit

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errNobody = errors.New("nobody to share with")

// nobody is a Sharer that cannot be reached: the tests grant portions themselves.
type nobody struct{}

func (nobody) Exchange(context.Context, []Demand) ([]float64, error) { return nil, errNobody }

func (nobody) Connect(context.Context, string, int, int) (bool, error) { return false, errNobody }

// shares returns a gate that shares limits with two others.
func shares(l Limits) *Gate {
	g := NewGate(same(l))
	g.Share(nobody{})
	g.SetProxies(3)
	return g
}

// grant makes a gate's portion of all budgets another.
func grant(g *Gate, portion float64) {
	demands := g.Demands()
	portions := make([]float64, len(demands))
	for i, d := range demands {
		portions[i] = portion * d.Total
	}
	g.Grant(demands, portions)
}

// queue has connections that ask for a statement each, and counts those that may run one.
func queue(t *testing.T, g *Gate, n int) (ran *atomic.Int64) {
	t.Helper()
	ran = &atomic.Int64{}
	for range n {
		s := connect(t, g, "acme")
		go func() {
			p, err := s.Admit(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			p.Done()
			ran.Add(1)
		}()
	}
	synctest.Wait()
	return ran
}

func TestWaitersFollowTheirPortion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := shares(Limits{StatementsPerSecond: 10, Burst: 1, Wait: time.Minute})
		connect(t, g, "acme")
		grant(g, 0)
		ran := queue(t, g, 9) // at this pace the last would have its turn after a quarter of an hour
		advance(30 * time.Millisecond)
		if got := ran.Load(); got != 1 {
			t.Fatalf("%d have run, want the one whose token was there", got)
		}
		grant(g, 1)
		for want := int64(1); want <= 9; want++ {
			synctest.Wait()
			if got := ran.Load(); got != want {
				t.Fatalf("%d have run, want %d", got, want)
			}
			advance(100 * time.Millisecond)
		}
	})
}

func TestWaitersOfAPortionThatShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := shares(Limits{StatementsPerSecond: 10, Burst: 1, Wait: time.Minute})
		connect(t, g, "acme")
		grant(g, 1)
		ran := queue(t, g, 4) // now, and in 100, 200 and 300 ms
		advance(150 * time.Millisecond)
		grant(g, 0.1) // in 50 and 150 ms: ten times that
		for _, step := range []struct {
			after time.Duration
			want  int64
		}{{490, 2}, {20, 3}, {980, 3}, {20, 4}} {
			advance(step.after * time.Millisecond)
			synctest.Wait()
			if got := ran.Load(); got != step.want {
				t.Fatalf("%d have run after another %d ms, want %d", got, step.after, step.want)
			}
		}
	})
}

func TestWaitersOfAPortionThatStaysSmallGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := shares(Limits{StatementsPerSecond: 10, Burst: 1, Wait: time.Second})
		s := connect(t, g, "acme")
		grant(g, 0)
		if p, err := s.Admit(t.Context()); err != nil {
			t.Fatal(err)
		} else {
			p.Done()
		}
		began := time.Now()
		_, err := s.Admit(t.Context())
		e := exceeded(t, err)
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited for %v, want a second", waited)
		}
		if e.Limit != StatementsPerSecond || e.RetryAfter <= 0 || e.RetryAfter > time.Second {
			t.Errorf("limit %s, retry after %v: want what it takes with an even portion", e.Limit, e.RetryAfter)
		}
		grant(g, 1) // what was given up is not owed
		advance(100 * time.Millisecond)
		began = time.Now()
		if p, err := s.Admit(t.Context()); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		} else {
			p.Done()
		}
	})
}

func TestWhatIsHopelessIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := shares(Limits{StatementsPerSecond: 3, Burst: 1, RowsPerSecond: 3, Wait: 2 * time.Second})
		s := connect(t, g, "acme")
		grant(g, 0)
		began := time.Now()
		queue(t, g, 3) // one of which runs, and two would wait for two seconds with an even portion of one per second
		_, err := s.Admit(t.Context())
		if e := exceeded(t, err); e.Limit != StatementsPerSecond || time.Since(began) != 0 {
			t.Errorf("limit %s after %v", e.Limit, time.Since(began))
		}
		grant(g, 1)
		advance(time.Minute)
		grant(g, 0)
		began = time.Now()
		s.Spend(5, 0)
		_, err = s.Admit(t.Context())
		if e := exceeded(t, err); e.Limit != RowsPerSecond || time.Since(began) != 0 {
			t.Errorf("limit %s after %v", e.Limit, time.Since(began))
		}
	})
}

func TestWaitersOfALimitThatIsLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsPerSecond: 1, Burst: 1, RowsPerSecond: 1, Wait: time.Hour}))
		s := connect(t, g, "acme")
		s.Spend(600, 0)
		ran := queue(t, g, 5)
		g.SetLimits(same(Limits{RowsPerSecond: 1, Wait: time.Hour}))
		synctest.Wait()
		if got := ran.Load(); got != 0 {
			t.Errorf("%d have run, though what was sent is not paid for", got)
		}
		g.SetLimits(same(Limits{}))
		synctest.Wait()
		if got := ran.Load(); got != 5 {
			t.Errorf("%d have run without a limit, want 5", got)
		}
	})
}
