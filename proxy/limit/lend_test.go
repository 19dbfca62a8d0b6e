package limit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Who lends its place counts for those who have nothing, not for those who hold what it waits for; it takes the place back when one of them has ended.
func TestLentPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsAtOnce: 1, Wait: time.Second}))
		waits, holds, other, later := connect(t, g, "acme"), connect(t, g, "acme"), connect(t, g, "acme"), connect(t, g, "acme")
		holds.Holds, later.Holds = true, true
		lender, err := waits.Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waits.Lend()
		waits.Lend() // once is enough
		if _, err := other.Admit(t.Context()); err == nil {
			t.Error("one that holds nothing is let in on a lent place")
		}
		held, err := holds.Admit(t.Context())
		if err != nil {
			t.Fatalf("one that holds: %v", err)
		}
		var order []string
		go func() {
			if err := waits.TakeBack(t.Context()); err != nil {
				t.Error(err)
			}
			order = append(order, "lender")
			advance(100 * time.Millisecond)
			lender.Done()
		}()
		synctest.Wait()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p, err := later.Admit(t.Context())
			if err != nil {
				t.Error(err)
			}
			order = append(order, "later")
			p.Done()
		}()
		synctest.Wait()
		if len(order) != 0 || g.Stats()[0].Running != 1 {
			t.Errorf("%v run beside one that holds: %+v", order, g.Stats()[0])
		}
		held.Done()
		<-ended
		if len(order) != 2 || order[0] != "lender" {
			t.Errorf("served in the order %v", order)
		}
		if u := g.Stats()[0]; u.Running != 0 || u.Waiting != 0 {
			t.Errorf("at the end: %+v", u)
		}
	})
}

// A place that was lent and is not wanted back is free.
func TestLentPlaceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(same(Limits{StatementsAtOnce: 1}))
		waits, holds := connect(t, g, "acme"), connect(t, g, "acme")
		holds.Holds = true
		lender, err := waits.Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waits.Lend()
		held, err := holds.Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := waits.TakeBack(t.Context()); exceeded(t, err).Limit != StatementsAtOnce {
			t.Errorf("taken back while another runs: %v", err)
		}
		lender.Done()
		held.Done()
		if n := g.Stats()[0].Running; n != 0 {
			t.Errorf("%d run at the end", n)
		}
		if _, err := connect(t, g, "acme").Admit(t.Context()); err != nil {
			t.Errorf("the free place: %v", err)
		}
	})
}

// However many lend and hold, no more run than may.
func TestLendingAtOnce(t *testing.T) {
	g := NewGate(same(Limits{StatementsAtOnce: 3, Wait: time.Minute}))
	var group sync.WaitGroup
	for i := range 12 {
		s := connect(t, g, "acme")
		s.Holds = i%3 == 0
		group.Go(func() {
			for range 300 {
				p, err := s.Admit(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				if i%3 == 1 {
					s.Lend()
					if err := s.TakeBack(context.Background()); err != nil {
						t.Error(err)
					}
				}
				if n := g.Stats()[0].Running; n > 3 {
					t.Errorf("%d run at once", n)
				}
				p.Done()
			}
		})
	}
	group.Wait()
	if n := g.Stats()[0].Running; n != 0 {
		t.Errorf("%d run at the end", n)
	}
}
