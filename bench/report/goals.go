package report

import (
	"fmt"
	"slices"
	"strings"
)

// The targets: what is measured beside what.
const (
	Direct             = "direct"
	Relay              = "relay"
	BouncerSession     = "pgbouncer-session"
	BouncerTransaction = "pgbouncer-transaction"
	CordonSession      = "pgcordon-session"
	CordonTransaction  = "pgcordon-transaction"
	// Few and Many are pgcordon with a small and with a large policy.
	Few  = "pgcordon-few-tenants"
	Many = "pgcordon-many-tenants"
	// Unlimited is pgcordon without limits.
	Unlimited = "pgcordon-unlimited"
	// Parser is libpg_query's parser, Planner all that pgcordon does with a new text, both without a network.
	Parser  = "parse-alone"
	Planner = "plan-alone"
)

// The workloads.
const (
	SelectOnly = "select-only"
	TPCB       = "tpcb-like"
	Shop       = "shop"
	BulkSelect = "bulk-select"
	BulkOut    = "copy-out"
	BulkIn     = "copy-in"
	Unseen     = "never-seen"
	Tenants    = "many-tenants"
	Clients    = "many-clients"
	ShortFlood = "short-flood"
	LongFlood  = "long-flood"
	Limits     = "limits"
)

// Goal is something that pgcordon aims at, and what was measured of it.
type Goal struct {
	What  string     `json:"what"`
	Want  string     `json:"want"`
	Lines []GoalLine `json:"measured"`
}

// GoalLine is one comparison: a median over the rounds, with the smallest and largest.
type GoalLine struct {
	Cell    string  `json:"cell"`
	Compare string  `json:"compare"`
	Unit    string  `json:"unit,omitempty"`
	Median  float64 `json:"median"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Bound   float64 `json:"bound"`
	AtMost  bool    `json:"at_most,omitempty"`
	Rounds  int     `json:"rounds"`
}

// Met reports whether the median is on the right side.
func (l GoalLine) Met() bool {
	if l.AtMost {
		return l.Median <= l.Bound
	}
	return l.Median >= l.Bound
}

// Noisy reports whether the rounds lie on both sides of the bound.
func (l GoalLine) Noisy() bool { return l.Rounds > 1 && l.Min < l.Bound && l.Bound < l.Max }

// Verdict is met or missed, and whether the noise leaves room for doubt.
func (l GoalLine) Verdict() string {
	verdict := "missed"
	if l.Met() {
		verdict = "met"
	}
	if l.Noisy() {
		verdict += ", within noise"
	}
	return verdict
}

// Verdict sums the lines up.
func (g Goal) Verdict() string {
	met := 0
	for _, l := range g.Lines {
		if l.Met() {
			met++
		}
	}
	switch {
	case len(g.Lines) == 0:
		return "not measured"
	case met == len(g.Lines):
		return "met"
	case met == 0:
		return "missed"
	}
	return fmt.Sprintf("met in %d of %d", met, len(g.Lines))
}

// Judge fills Targets from the cells.
func (r *Results) Judge() {
	r.Targets = []Goal{
		r.throughput("Text statements: transactions per second to a direct connection", SelectOnly, []string{"simple"}, []int{16, 64}, false),
		r.throughput("Parameters, prepared or not: transactions per second to PgBouncer", SelectOnly, []string{"extended", "prepared"}, []int{16, 64, 256}, true),
		r.throughput("TPC-B-like: transactions per second to PgBouncer", TPCB, nil, []int{16, 64}, true),
		r.latency(),
		r.relayed(),
		r.bulk(),
		r.unseen(),
	}
	r.Targets = append(r.Targets, r.idle()...)
	many := Goal{What: "100,000 tenants, 1,000 tables: transactions per second to 10 tenants, 10 tables", Want: "at least 0.95"}
	for _, c := range r.of(Tenants, nil, nil) {
		many.add(c, Many+" / "+Few, c.Ratio(Many, Few, Throughput), 0.95, false, "")
	}
	r.Targets = append(r.Targets, many, r.neighbour(), r.limits())
}

// of are the cells of a workload; nil leaves modes or clients open. A quick run has other numbers of clients.
func (r *Results) of(workload string, modes []string, clients []int) (cells []*Cell) {
	for _, c := range r.Cells {
		if c.Workload == workload && (modes == nil || slices.Contains(modes, c.Mode)) &&
			(clients == nil || slices.Contains(clients, c.Clients) || r.Quick && c.Clients > 1) {
			cells = append(cells, c)
		}
	}
	return cells
}

// subject is the pgcordon that is judged: in transaction mode, the default, where that was measured.
func (c *Cell) subject() string {
	if s := c.Find(CordonTransaction); s != nil && len(s.Rounds) > 0 {
		return CordonTransaction
	}
	return CordonSession
}

// bouncers are the PgBouncers to compare with: the one of the same pool mode and, for prepared statements, also that in session mode.
func (c *Cell) bouncers() []string {
	transaction := c.subject() == CordonTransaction
	if s := c.Find(BouncerTransaction); !transaction || s == nil || len(s.Rounds) == 0 {
		return []string{BouncerSession}
	}
	if c.Mode == "prepared" {
		return []string{BouncerTransaction, BouncerSession}
	}
	return []string{BouncerTransaction}
}

func (g *Goal) add(c *Cell, compare string, s Stat, bound float64, atMost bool, unit string) {
	if s.Known() {
		g.Lines = append(g.Lines, GoalLine{Cell: c.Name(), Compare: compare, Unit: unit,
			Median: s.Median, Min: s.Min, Max: s.Max, Rounds: s.Rounds, Bound: bound, AtMost: atMost})
	}
}

func (r *Results) throughput(what, workload string, modes []string, clients []int, bouncer bool) Goal {
	g := Goal{What: what, Want: "at least 1"}
	if !bouncer {
		g.Want += ", aim at 1.3"
	}
	for _, c := range r.of(workload, modes, clients) {
		others := []string{Direct}
		if bouncer {
			others = c.bouncers()
		}
		for _, other := range others {
			g.add(c, c.subject()+" / "+other, c.Ratio(c.subject(), other, Throughput), 1, false, "")
		}
	}
	return g
}

func (r *Results) latency() Goal {
	g := Goal{What: "Added latency with one client, p50, to PgBouncer's", Want: "at most 1"}
	for _, c := range r.of(SelectOnly, nil, []int{1}) {
		for _, other := range c.bouncers() {
			g.add(c, "added by "+c.subject()+" / by "+other, c.addedRatio(c.subject(), other), 1, true, "")
		}
	}
	return g
}

// addedRatio divides what two proxies add to the median latency, round by round.
func (c *Cell) addedRatio(target, other string) Stat {
	d, t, o := c.Find(Direct), c.Find(target), c.Find(other)
	if d == nil || t == nil || o == nil {
		return Stat{}
	}
	var values []float64
	for i := range min(len(d.Rounds), len(t.Rounds), len(o.Rounds)) {
		base := d.Rounds[i].Latency.P50
		added, others := t.Rounds[i].Latency.P50-base, o.Rounds[i].Latency.P50-base
		if base > 0 && others > 0 {
			values = append(values, max(added, 0)/others)
		}
	}
	return statOf(values)
}

func (r *Results) relayed() Goal {
	g := Goal{What: "Proxy's CPU per prepared transaction to a bare Go relay's", Want: "at most 1.2"}
	for _, c := range r.of(SelectOnly, []string{"prepared"}, []int{16}) {
		g.add(c, c.subject()+" / "+Relay, c.Ratio(c.subject(), Relay, CPU), 1.2, true, "")
	}
	return g
}

func (r *Results) bulk() Goal {
	g := Goal{What: "Many rows at once, by SELECT and by COPY out and in: rows per second to a direct connection", Want: "at least 0.95"}
	for _, workload := range []string{BulkSelect, BulkOut, BulkIn} {
		for _, c := range r.of(workload, nil, nil) {
			g.add(c, c.subject()+" / "+Direct, c.Ratio(c.subject(), Direct, Rows), 0.95, false, "")
		}
	}
	return g
}

func (r *Results) unseen() Goal {
	g := Goal{What: "A statement never seen before: CPU to libpg_query's own parse of it", Want: "at most 4"}
	for _, c := range r.of(Unseen, nil, nil) {
		g.add(c, c.subject()+" / "+Parser, c.Ratio(c.subject(), Parser, CPU), 4, true, "")
		g.add(c, Planner+" / "+Parser, c.Ratio(Planner, Parser, CPU), 4, true, "")
	}
	return g
}

// maxIdleBytes is what an idle client may cost, and maxUnfair by how much the unluckiest client's mean wait may exceed the median client's.
const (
	maxIdleBytes = 12 << 10
	maxUnfair    = 2
)

func (r *Results) idle() []Goal {
	memory := Goal{What: "Idle clients: resident bytes of the proxy for each", Want: "at most 12,288"}
	fair := Goal{What: "Many active clients over few connections: unluckiest client's mean wait to the median client's", Want: "at most 2, no error"}
	for _, c := range r.of(Clients, nil, nil) {
		memory.add(c, c.subject(), c.Stat(c.subject(), IdleBytes), maxIdleBytes, true, "bytes")
		fair.add(c, c.subject(), c.Stat(c.subject(), Waits), maxUnfair, true, "")
	}
	return []Goal{memory, fair}
}

// maxNeighbour is by how much a neighbour may lengthen the waits of a quiet tenant.
const maxNeighbour = 1.5

func (r *Results) neighbour() Goal {
	g := Goal{What: "A quiet tenant beside one that floods: p99 to its p99 alone", Want: "at most 1.5, aim at 1.25"}
	for _, workload := range []string{ShortFlood, LongFlood} {
		for _, c := range r.of(workload, nil, nil) {
			g.add(c, CordonTransaction, c.Stat(CordonTransaction, Beside), maxNeighbour, true, "")
		}
	}
	return g
}

func (r *Results) limits() Goal {
	g := Goal{What: "All limits on, and never reached: CPU per transaction and transactions per second to none", Want: "within 2 %"}
	for _, c := range r.of(Limits, nil, nil) {
		g.add(c, "CPU, "+CordonTransaction+" / "+Unlimited, c.Ratio(CordonTransaction, Unlimited, CPU), 1.02, true, "")
		g.add(c, CordonTransaction+" / "+Unlimited, c.Ratio(CordonTransaction, Unlimited, Throughput), 0.98, false, "")
	}
	return g
}

// value prints a number of a line.
func (l GoalLine) value(v float64) string {
	if l.Unit == "bytes" {
		return Thousands(v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Range is the slowest and fastest round's.
func (l GoalLine) Range() string { return l.value(l.Min) + ".." + l.value(l.Max) }

// Value is the median.
func (l GoalLine) Value() string { return l.value(l.Median) }

// Thousands prints a whole number with separators.
func Thousands(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
