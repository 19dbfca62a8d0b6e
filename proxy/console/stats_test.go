package console

import (
	"slices"
	"testing"
	"time"

	"pgcordon/proxy/pool"
)

// Averages cover the time since a look at least a period ago, however often somebody looks in between.
func TestAverages(t *testing.T) {
	now := time.Unix(1000, 0)
	a := averages{now: func() time.Time { return now }}
	look := func(after time.Duration, n uint64) (uint64, time.Duration) {
		now = now.Add(after)
		before, ago := a.since(map[Key]totals{{}: {queries: n}})
		return n - before[Key{}][queries], ago
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

// worked stands for sessions and pools that have done something.
type worked struct {
	Sessions
	Upstream
	shared string
	done   map[Key]Done
	lent   map[Key]pool.Stats
}

func (w *worked) Done() map[Key]Done                 { return w.done }
func (w *worked) Lent() (string, map[Key]pool.Stats) { return w.shared, w.lent }
func (w *worked) add(key Key, n uint64, d time.Duration) {
	w.done[key] = Done{Received: n, Sent: 2 * n, Statements: w.done[key].Statements + n, Took: w.done[key].Took + d, Transactions: 3 * n}
	w.lent[key] = pool.Stats{Leases: 4 * n, Waited: d, Leased: d}
}

// Each database has a row, the shared one the first, and a name that no other has; the sum is that of the rows.
func TestStatsPerDatabase(t *testing.T) {
	now := time.Unix(1000, 0)
	w := &worked{shared: "main", done: map[Key]Done{}, lent: map[Key]pool.Stats{}}
	c := New(Options{Sessions: w, Upstream: w, Now: func() time.Time { return now }})
	show := func(view string) (rows [][]any) {
		for _, r := range c.views[view].rows() {
			rows = append(rows, r)
		}
		return rows
	}
	w.add(Key{}, 100, time.Second)
	w.add(Key{"own", "acme"}, 10, time.Second)
	w.add(Key{"alone", "acme"}, 1, time.Second)
	check := func(view string, column int, want ...any) {
		t.Helper()
		var got []any
		for _, r := range show(view) {
			got = append(got, r[0], r[column])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", view, got, want)
		}
	}
	n := func(n int64) any { return n } // as cells has it
	check("stats_totals", 1+queries, "main", n(100), "alone", n(1), "own", n(10), "pgbouncer", n(0))

	now = now.Add(10 * time.Second)
	w.add(Key{}, 50, 25*time.Second)
	w.add(Key{"own", "globex"}, 20, 2*time.Second) // the first time
	w.add(Key{"main", "globex"}, 5, time.Second)
	check("stats_totals", 1+queries, "main", n(150), "alone", n(1), "main@globex", n(5), "own@acme", n(10), "own@globex", n(20), "pgbouncer", n(0))
	check("stats_totals", 1+assignments, "main", n(200), "alone", n(4), "main@globex", n(20), "own@acme", n(40), "own@globex", n(80), "pgbouncer", n(0))
	check("stats_averages", 1+queries, "main", n(5), "alone", n(0), "main@globex", n(0), "own@acme", n(0), "own@globex", n(2), "pgbouncer", n(0))
	check("stats_averages", 1+queryTime, "main", n(500000), "alone", n(0), "main@globex", n(200000), "own@acme", n(0), "own@globex", n(100000), "pgbouncer", n(0))
	sums := show("totals")
	for i, f := range figures {
		var sum int64
		for _, r := range show("stats") {
			sum += r[1+i].(int64)
		}
		if sums[i][0] != "total_"+f.sum || sums[i][1] != n(sum) {
			t.Errorf("the sum of %s is %d, TOTALS has %v", f.name, sum, sums[i])
		}
	}
	if sums[len(figures)+queries][1] != n(7) || sums[len(figures)+queryTime][1] != n(28000000/75) {
		t.Errorf("averages over all: %v", sums[len(figures):])
	}

	w.shared = "" // and never was
	delete(w.done, Key{})
	delete(w.lent, Key{})
	check("stats_totals", 1+queries, "alone", n(1), "main", n(5), "own@acme", n(10), "own@globex", n(20), "pgbouncer", n(0))
}
