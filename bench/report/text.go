package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteText prints everything for a terminal: the cells, then what is aimed at.
func (r *Results) WriteText(w io.Writer) error {
	out := &printer{w: w}
	for _, c := range r.Cells {
		out.line("")
		out.line("%s", c.Name())
		out.cell(c)
	}
	out.line("")
	out.goals(r.Targets)
	out.line("")
	for _, l := range append([]string{r.Machine}, append(r.Versions, r.Setting...)...) {
		out.line("%s", l)
	}
	out.line("%s", r.Noise())
	for _, f := range r.Failures() {
		out.line("FAILED %s", f)
	}
	return out.err
}

// Noise says how much the numbers can be trusted.
func (r *Results) Noise() string {
	var parts []string
	switch spread := r.Spread(); {
	case r.Rounds < 2:
		parts = append(parts, "One round: nothing is known of the noise.")
	default:
		parts = append(parts, fmt.Sprintf("Noise: between the slowest and the fastest of the %d rounds lie %.0f %% of the throughput (median over all series).", r.Rounds, 100*spread))
		if spread > 0.15 {
			parts = append(parts, "That is much: run it on a machine that has nothing else to do.")
		}
	}
	if r.Cores > 0 && r.Load > 0.2*float64(r.Cores) {
		parts = append(parts, fmt.Sprintf("The machine was busy before the run began: load %.1f on %d cores.", r.Load, r.Cores))
	}
	if r.Quick {
		parts = append(parts, "This was a quick run: its numbers show that everything works, and nothing else.")
	}
	return strings.Join(parts, " ")
}

// printer keeps the first error of its writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	_, err := fmt.Fprintf(p.w, format+"\n", args...)
	p.err = cmp.Or(p.err, err)
}

// Columns are the columns of a cell's table that have a value, with a row for each series.
func (c *Cell) Columns() (names []string, rows [][]string) {
	var used []column
	for _, col := range columns {
		for _, s := range c.Series {
			if col.text(c, s) != "" {
				used = append(used, col)
				break
			}
		}
	}
	names = []string{"target"}
	for _, col := range used {
		names = append(names, col.name)
	}
	for _, s := range c.Series {
		if len(s.Rounds) == 0 && s.Failure == "" {
			continue
		}
		row := []string{s.Target}
		for _, col := range used {
			row = append(row, cmp.Or(col.text(c, s), "-"))
		}
		rows = append(rows, row)
	}
	return names, rows
}

// ColumnNames and ColumnRows are the two parts of Columns, for the page.
func (c *Cell) ColumnNames() []string {
	names, _ := c.Columns()
	return names
}

// ColumnRows has a row for each series.
func (c *Cell) ColumnRows() [][]string {
	_, rows := c.Columns()
	return rows
}

// column is a column of a cell's table.
type column struct {
	name string
	text func(*Cell, *Series) string
}

var columns = []column{
	{"per second", stat(Throughput, whole)},
	{"min..max", func(c *Cell, s *Series) string {
		t := c.Stat(s.Target, Throughput)
		if t.Rounds < 2 {
			return ""
		}
		return whole(t.Min) + ".." + whole(t.Max)
	}},
	{"to direct", ratioTo(Direct, Throughput)},
	{"to PgBouncer", toBouncer(Throughput)},
	{"rows/s", stat(Rows, Thousands)},
	{"p50 ms", stat(P50, fixed(3))},
	{"p90 ms", stat(P90, fixed(3))},
	{"p99 ms", stat(P99, fixed(3))},
	{"CPU us/tx", stat(CPU, fixed(1))},
	{"CPU to PgBouncer", toBouncer(CPU)},
	{"CPU to relay", ratioTo(Relay, CPU)},
	{"alone p50 ms", stat(AloneP50, fixed(3))},
	{"alone p99 ms", stat(AloneP99, fixed(3))},
	{"p50 to alone", stat(BesideP50, fixed(2))},
	{"p99 to alone", stat(Beside, fixed(2))},
	{"flood per second", stat(Flood, whole)},
	{"bytes/idle client", stat(IdleBytes, Thousands)},
	{"unluckiest/median wait", stat(Waits, fixed(2))},
	{"fewest/most answered", stat(Answered, fixed(2))},
}

func stat(of Metric, show func(float64) string) func(*Cell, *Series) string {
	return func(c *Cell, s *Series) string {
		v := c.Stat(s.Target, of)
		if !v.Known() {
			return ""
		}
		return show(v.Median)
	}
}

func ratioTo(other string, of Metric) func(*Cell, *Series) string {
	return func(c *Cell, s *Series) string { return times(c.Ratio(s.Target, other, of)) }
}

// toBouncer compares a target with PgBouncer in its own pool mode.
func toBouncer(of Metric) func(*Cell, *Series) string {
	return func(c *Cell, s *Series) string {
		other := BouncerSession
		if strings.HasSuffix(s.Target, "-transaction") && c.Stat(BouncerTransaction, of).Known() {
			other = BouncerTransaction
		}
		return times(c.Ratio(s.Target, other, of))
	}
}

func times(s Stat) string {
	if !s.Known() {
		return ""
	}
	return fmt.Sprintf("%.2f", s.Median)
}

func whole(f float64) string {
	if f < 100 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return Thousands(f)
}

func fixed(digits int) func(float64) string {
	return func(f float64) string { return strconv.FormatFloat(f, 'f', digits, 64) }
}

func (p *printer) cell(c *Cell) {
	names, rows := c.Columns()
	tab := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{names}, rows...) {
		_, err := fmt.Fprintf(tab, "%-21s\t%s\t\n", row[0], strings.Join(row[1:], "\t"))
		p.err = cmp.Or(p.err, err)
	}
	p.err = cmp.Or(p.err, tab.Flush())
	for _, s := range c.Series {
		if s.LeftOut != "" {
			p.line("  %s: left out: %s", s.Target, s.LeftOut)
		}
	}
}

func (p *printer) goals(goals []Goal) {
	p.line("What is aimed at")
	tab := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	row := func(words ...string) {
		_, err := fmt.Fprintln(tab, "  "+strings.Join(words, "\t"))
		p.err = cmp.Or(p.err, err)
	}
	for _, g := range goals {
		row(g.What)
		row("  wanted: " + g.Want + "; " + g.Verdict())
		for _, l := range g.Lines {
			row("    "+l.Cell, l.Compare, l.Value(), l.Range(), l.Verdict())
		}
	}
	p.err = cmp.Or(p.err, tab.Flush())
}
