//go:build mutation

package isolation

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgcordon/rewriter"
)

// TestFindsWhatIsLeftOut proves that the two-world test can fail: with the rewriter told to leave out one kind of predicate, it
// finds a difference, one that is not there when nothing is left out, in far less statements than CI runs; within a minute on a
// machine that has the time. It needs the tag `mutation`.
//
//	go test -tags mutation -run TestFindsWhatIsLeftOut -v ./test/isolation
func TestFindsWhatIsLeftOut(t *testing.T) {
	pg := server(t)
	for _, place := range []string{
		"ON of the left join: its nullable side",
		"ON of the right join: its nullable side",
		"WHERE",
		"WHERE of the target",
		"ON of MERGE: its target",
		"WHERE of ON CONFLICT DO UPDATE",
		"guard",
		"marked rows",
		"default rows kept from writes",
	} {
		t.Run(place, func(t *testing.T) {
			rewriter.Omit(place)
			defer rewriter.Omit("")
			began := time.Now()
			h := &hunt{t: t, pg: pg, stats: NewStats(), statements: 20_000, most: 1, workers: workers, patience: 20 * time.Second}
			h.next.Store(seed(t, 1))
			var one sync.Mutex
			h.counts = func(f *Finding) bool {
				one.Lock()
				defer one.Unlock()
				rewriter.Omit("")
				defer rewriter.Omit(place)
				return !h.differs(f.Batch)
			}
			var found atomic.Bool
			h.found = func(report string) {
				found.Store(true)
				t.Logf("found and shrunk in %.1f s, after %d statements: %s", time.Since(began).Seconds(), h.stats.Steps(), report)
			}
			h.run()
			if !found.Load() {
				t.Errorf("nothing found in %d statements", h.stats.Steps())
			}
		})
	}
}

// differs runs a batch once more, in new databases and with nothing cached.
func (h *hunt) differs(b *Batch) bool {
	ctx := context.Background()
	w, err := h.worlds(ctx, b.Schema, nil, false)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Close()
	f, err := w.Run(ctx, b, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return f != nil
}
