package console

import (
	"testing"
	"time"
)

// Averages cover the time since a look at least a period ago, however often somebody looks in between.
func TestAverages(t *testing.T) {
	now := time.Unix(1000, 0)
	a := averages{now: func() time.Time { return now }}
	look := func(after time.Duration, n uint64) (uint64, time.Duration) {
		now = now.Add(after)
		before, ago := a.since(totals{queries: n})
		return n - before[queries], ago
	}
	for i, step := range []struct {
		after   time.Duration
		n, more uint64
		ago     time.Duration
	}{
		{0, 100, 0, 0},
		{10 * time.Second, 150, 50, 10 * time.Second},
		{40 * time.Second, 200, 100, 50 * time.Second},
		{20 * time.Second, 300, 200, 70 * time.Second}, // a period is over: the look before is kept for the next
		{10 * time.Second, 310, 210, 80 * time.Second},
		{70 * time.Second, 500, 200, 80 * time.Second},
	} {
		if more, ago := look(step.after, step.n); more != step.more || ago != step.ago {
			t.Errorf("step %d: %d more in %v, want %d in %v", i, more, ago, step.more, step.ago)
		}
	}
}
