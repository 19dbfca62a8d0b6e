package isolation

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgcordon/test/throwaway"
)

const (
	// defaultStatements is how many statements run unless PGCORDON_ISOLATION_N says otherwise.
	defaultStatements = 50_000
	// maxRefused is the largest share of ordinary statements that may be refused by a rule; PGCORDON_REFUSED_MAX overrides it.
	maxRefused = 0.01
	// maxFindings ends a run.
	maxFindings     = 5
	batchesPerRound = 16
	batchSize       = 60
	workers         = 2
	shrinkPatience  = time.Minute
)

// TestTwoWorlds runs the two-world test; see the package's documentation.
func TestTwoWorlds(t *testing.T) {
	statements := setting(t, "PGCORDON_ISOLATION_N", defaultStatements)
	first := uint64(1)
	if os.Getenv("PGCORDON_ISOLATION_N") != "" {
		first = rand.Uint64N(1 << 32) // a run of one's own looks at something new each time
	}
	first = seed(t, first)
	t.Logf("PGCORDON_SEED=%d", first)
	h := &hunt{t: t, pg: server(t), stats: NewStats(), statements: int(statements), most: maxFindings, workers: workers, patience: shrinkPatience}
	h.next.Store(first)
	h.run()
	t.Log(h.stats.report(testing.Verbose()))
	t.Logf("%d simple statements could run as prepared ones", h.prepared.Load())
	if statements >= 1000 && h.prepared.Load() == 0 {
		t.Error("no statement could run as a prepared one")
	}
	if share, most := h.stats.RefusedShare(), setting(t, "PGCORDON_REFUSED_MAX", maxRefused); share > most {
		t.Errorf("%.2f%% of the ordinary statements were refused, more than %.2f%%", 100*share, 100*most)
	}
}

func setting(t *testing.T, name string, otherwise float64) float64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// hunt runs rounds until enough statements ran or enough differences were found.
type hunt struct {
	t          *testing.T
	pg         *throwaway.Postgres
	stats      *Stats
	statements int
	patience   time.Duration // for shrinking one
	most       int32         // findings after which it ends
	next       atomic.Uint64 // the next round's seed
	findings   atomic.Int32
	counts     func(*Finding) bool                   // whether a finding counts; nil: it does
	found      func(report string)                   // what to do with a finding; nil: the test fails
	batch      func(*rand.Rand, *Schema, int) *Batch // makes the statements; nil: NewBatch
	workers    int
	prepared   atomic.Int64 // simple statements that could run as prepared ones
	mu         sync.Mutex
}

func (h *hunt) run() {
	var wg sync.WaitGroup
	for range h.workers {
		wg.Go(func() {
			for !h.over() {
				h.round(h.next.Add(1) - 1)
			}
		})
	}
	wg.Wait()
}

// worlds makes a round's databases, with a proxy before the shared one.
func (h *hunt) worlds(ctx context.Context, s *Schema, planSettings []string, sessions bool) (*Worlds, error) {
	return NewWorlds(ctx, h.pg, s, Shared{
		PlanSettings: planSettings,
		Front: func(ctx context.Context, database string) (Front, error) {
			p, err := StartProxy(ctx, h.pg, database, s, sessions)
			if err == nil {
				p.prepared = &h.prepared
			}
			return p, err
		},
	})
}

func (h *hunt) over() bool {
	return h.stats.Steps() >= h.statements || h.findings.Load() >= h.most
}

func (h *hunt) round(seed uint64) {
	ctx := context.Background()
	r := random(seed, 0)
	s := NewSchema(r)
	s.Major = h.pg.Major
	if seed%5 == 1 {
		if err := s.extend(ctx, h.pg); err != nil {
			h.t.Fatal(err)
		}
	}
	w, err := h.worlds(ctx, s, somePlanSettings(r), seed%4 == 2)
	if err != nil {
		h.findings.Add(1)
		h.t.Errorf("PGCORDON_SEED=%d: %v", seed, err)
		return
	}
	defer func() {
		if err := w.Close(); err != nil {
			h.t.Errorf("PGCORDON_SEED=%d: ending the round: %v", seed, err)
		}
	}()
	make := NewBatch
	if h.batch != nil {
		make = h.batch
	}
	for batch := range batchesPerRound {
		if h.over() {
			return
		}
		f, err := w.Run(ctx, make(random(seed, 1+batch), s, batchSize), h.stats)
		switch {
		case err != nil:
			h.findings.Add(1)
			h.t.Errorf("PGCORDON_SEED=%d batch %d: %v", seed, batch, err)
			return
		case f != nil && (h.counts == nil || h.counts(f)):
			h.findings.Add(1)
			h.report(seed, batch, w.Report(w.Shrink(ctx, f, h.patience)))
		}
	}
}

func (h *hunt) report(seed uint64, batch int, report string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.found != nil {
		h.found(report)
		return
	}
	h.t.Errorf("PGCORDON_SEED=%d batch %d: the worlds differ: %s", seed, batch, report)
}
