package load

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgcordon/rewriter/grammar"
	"pgcordon/rewriter/lexer"
)

func TestMeasured(t *testing.T) {
	// Two clients: one had three transactions of 1 s, the other one of 3 s.
	m := measured([]time.Duration{time.Second, 3 * time.Second, time.Second, time.Second}, 2)
	if m.Transactions != 4 || m.PerSecond < 1.33 || m.PerSecond > 1.34 || m.Latency.P50 != 1000 || m.Latency.P99 != 3000 || m.Latency.Average != 1500 {
		t.Errorf("got %+v", m)
	}
}

func TestFairness(t *testing.T) {
	m := fairness([][]time.Duration{{time.Second, time.Second}, {time.Second, time.Second}, {4 * time.Second}})
	if m.Idle.SlowestToMedian != 4 || m.Idle.FewestToMost != 0.5 || m.Idle.Active != 3 || m.Transactions != 5 {
		t.Errorf("got %+v, %+v", m, m.Idle)
	}
}

// Each statement is of a shape that no other has: also when all literals are taken out.
func TestStatementsAreNeverSeen(t *testing.T) {
	a := &author{random: rand.New(rand.NewPCG(1, 2)), name: "x"}
	seen := map[string]bool{}
	for range 500 {
		sql := a.statement()
		if err := grammar.Parse(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		shape, _, ok := lexer.Skeleton(sql, nil, nil)
		if !ok || seen[string(shape)] {
			t.Fatalf("seen before, or without a shape: %s", sql)
		}
		seen[string(shape)] = true
	}
}

// What was spent while the clients logged in does not count.
func TestSpentSince(t *testing.T) {
	samples := []cpuSample{{0, time.Second}, {time.Second, 2 * time.Second}, {2 * time.Second, 6 * time.Second}, {3 * time.Second, 7 * time.Second}}
	for start, want := range map[time.Duration]time.Duration{
		0: 6 * time.Second, time.Second: 5 * time.Second, 1500 * time.Millisecond: 3 * time.Second, 3 * time.Second: 0, time.Minute: 0,
	} {
		if got := spentSince(samples, start); got != want {
			t.Errorf("since %v: %v, want %v", start, got, want)
		}
	}
	if got := loginTime(pgbenchOutput); got != 21021*time.Microsecond {
		t.Errorf("logging in took %v", got)
	}
}
