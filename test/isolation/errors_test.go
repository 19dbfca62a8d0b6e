package isolation

import "testing"

// TestErrorTexts runs statements with mistakes: whatever Postgres says of them, the client must read of its own text.
func TestErrorTexts(t *testing.T) {
	h := &hunt{t: t, pg: server(t), stats: NewStats(), statements: 2000, most: maxFindings, workers: workers, patience: shrinkPatience, batch: NewErrorBatch}
	h.next.Store(seed(t, 1))
	h.run()
	t.Log(h.stats.report(testing.Verbose()))
	if h.stats.AcceptedShare() > 0.2 {
		t.Errorf("%.1f%% of the statements have no mistake", 100*h.stats.AcceptedShare())
	}
}
