package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgcordon/proxy"
	"pgcordon/rewriter"
)

// turns counts the texts that are planned while one of the quiet tenant's is.
type turns struct {
	proxy.Planner
	planned, worst atomic.Int64
}

func (p *turns) Plan(req rewriter.Request) (*rewriter.Plan, error) {
	quiet, before := strings.Contains(req.SQL, "quiet"), p.planned.Load()
	plan, err := p.Planner.Plan(req)
	if n := p.planned.Add(1) - 1 - before; quiet && n > p.worst.Load() {
		p.worst.Store(n)
	}
	return plan, err
}

// TestFloodOfNewTexts: forty clients of one tenant send texts that were never seen. Between a new text of another tenant's and its plan few of these are planned: those that are
// parsed at once, and one turn.
func TestFloodOfNewTexts(t *testing.T) {
	w := newWorld(t, worldOptions{})
	planner := &turns{Planner: w.active.Planner}
	active := w.active
	active.Planner = planner
	w.server.Swap(active)
	const clients = 40
	var over atomic.Bool
	var flood sync.WaitGroup
	defer flood.Wait()
	defer over.Store(true)
	for i := range clients {
		c := dialRaw(t, w.dsnOf("globex_app"))
		flood.Go(func() {
			for n := 0; !over.Load(); n++ {
				_ = c.say(1, query(fmt.Sprintf("SELECT item AS a%d_%d FROM orders WHERE id = 1 AND item = 'x' OR item LIKE 'a%%'", i, n)))
			}
		})
	}
	eventually(t, "the flood", func() bool { return planner.planned.Load() > 5*clients })
	quiet := dialRaw(t, w.dsn())
	for n := range 20 {
		quiet.clean(fmt.Sprintf("SELECT item AS quiet%d FROM orders", n))
	}
	if n := planner.worst.Load(); n > clients/3 {
		t.Errorf("%d texts of another tenant's were planned before one", n)
	}
}
