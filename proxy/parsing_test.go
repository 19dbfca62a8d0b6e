package proxy

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestParsingTakesTurns: one that comes behind many of another tenant is next but one.
func TestParsingTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParsing(1)
		if err := p.begin(t.Context(), "flood"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		begin := func(tenant string) {
			all.Go(func() {
				if err := p.begin(context.Background(), tenant); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, tenant)
				mu.Unlock()
			})
			synctest.Wait()
		}
		for range 50 {
			begin("flood")
		}
		begin("quiet")
		begin("quiet")
		begin("third")
		for range 53 {
			p.end()
			synctest.Wait()
		}
		all.Wait()
		if first := order[:5]; !slices.Equal(first, []string{"flood", "quiet", "third", "flood", "quiet"}) {
			t.Errorf("the order was %q", first)
		}
		p.end()
		if p.free != 1 || len(p.waiting) != 0 || p.turns.Len() != 0 {
			t.Errorf("%d free, %d tenants left", p.free, len(p.waiting))
		}
	})
}

// TestParsingGivenUp: who goes while waiting leaves nothing behind, and takes no place with it.
func TestParsingGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParsing(1)
		if err := p.begin(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var gone sync.WaitGroup
		for range 10 {
			gone.Go(func() {
				if err := p.begin(ctx, "b"); !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
			})
		}
		synctest.Wait()
		stop()
		gone.Wait()
		p.end()
		if p.free != 1 || len(p.waiting) != 0 || p.turns.Len() != 0 {
			t.Errorf("%d free, %d tenants left", p.free, len(p.waiting))
		}
		if err := p.begin(t.Context(), "c"); err != nil {
			t.Error(err)
		}
	})
}

// TestParsingAtOnce: no more than so many, whoever comes and goes.
func TestParsingAtOnce(t *testing.T) {
	p := newParsing(2)
	var mu sync.Mutex
	now, most := 0, 0
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				ctx, stop := context.WithCancel(context.Background())
				if n%7 == i {
					stop()
				}
				if p.begin(ctx, string(rune('a'+i%3))) == nil {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					mu.Lock()
					now--
					mu.Unlock()
					p.end()
				}
				stop()
			}
		})
	}
	all.Wait()
	if most > 2 || p.free != 2 {
		t.Errorf("%d at once, %d free in the end", most, p.free)
	}
}
