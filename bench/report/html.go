package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"badge": badge, "join": strings.Join, "class": class,
}).Parse(pageText))

// badge is the style of a verdict.
func badge(verdict string) string {
	switch {
	case verdict == "met":
		return "good"
	case verdict == "missed":
		return "bad"
	case verdict == "not measured":
		return "none"
	}
	return "mixed"
}

// section is what the page shows of one workload.
type section struct {
	Name, About string
	Legend      []string
	Rows        []chartRow
	Cells       []*Cell
}

// chartRow is what it shows of one mode.
type chartRow struct {
	Mode   string
	Charts []template.HTML
}

// about says what a workload is.
var about = map[string]string{
	SelectOnly: "pgbench's SELECT of one row by its primary key: the shortest transaction there is, so the proxy's share is the largest.",
	TPCB:       "pgbench's transaction of seven statements, which write; many clients wait for each other's row locks.",
	Shop:       "Pages of a shop in SQL as ORMs write it: joins, pagination, lookups by a list, UPDATE, and orders in a transaction with RETURNING. A page counts as a transaction.",
	BulkSelect: "A SELECT of many rows; a transaction is all of them.",
	BulkOut:    "COPY of the same rows to the client.",
	BulkIn:     "COPY of the same rows from the client. pgcordon adds the tenant to each.",
	Unseen:     "Statements none of which was seen before, each of a shape of its own, so no plan is ever found. Beside the proxies: what libpg_query's parser alone spends on them, and all of pgcordon's planning without a network.",
	Tenants:    "The same statements under a policy of 10 tables and 10 tenants, and under a large one.",
	Clients:    "Many clients log in and do nothing; then some of them send one statement after the other over few server connections.",
}

// WriteHTML writes one page that needs nothing else: no script, no font, no picture.
func (r *Results) WriteHTML(w io.Writer) error {
	return page.Execute(w, struct {
		*Results
		Date, Took string
		Sections   []section
		Styles     template.CSS
	}{r, r.Started.Format("2 January 2006, 15:04 UTC"), (time.Duration(r.Seconds) * time.Second).String(), r.sections(), styles()})
}

func (r *Results) sections() (sections []section) {
	for _, c := range r.Cells {
		i := slices.IndexFunc(sections, func(s section) bool { return s.Name == c.Workload })
		if i < 0 {
			i = len(sections)
			sections = append(sections, section{Name: c.Workload, About: about[c.Workload]})
		}
		sections[i].Cells = append(sections[i].Cells, c)
	}
	for i := range sections {
		sections[i].draw()
	}
	return sections
}

// draw makes a row of charts for each mode; a workload with one number of clients has its modes side by side.
func (s *section) draw() {
	byMode := map[string][]*Cell{}
	var modes []string
	several := false
	for _, c := range s.Cells {
		if byMode[c.Mode] == nil {
			modes = append(modes, c.Mode)
		}
		byMode[c.Mode] = append(byMode[c.Mode], c)
		several = several || len(byMode[c.Mode]) > 1
		for _, series := range c.Series {
			if len(series.Rounds) > 0 && !slices.Contains(s.Legend, series.Target) {
				s.Legend = append(s.Legend, series.Target)
			}
		}
	}
	add := func(mode string, cells []*Cell, name func(*Cell) string) {
		row := chartRow{Mode: mode}
		for _, c := range s.charts(cells, name) {
			if svg := c.svg(); svg != "" {
				row.Charts = append(row.Charts, svg)
			}
		}
		s.Rows = append(s.Rows, row)
	}
	if !several {
		add("", s.Cells, func(c *Cell) string {
			if c.Mode != "" {
				return c.Mode
			}
			return plural(c.Clients)
		})
		return
	}
	for _, mode := range modes {
		add(mode, byMode[mode], func(c *Cell) string { return plural(c.Clients) })
	}
}

func plural(clients int) string {
	if clients == 1 {
		return "1 client"
	}
	return strconv.Itoa(clients) + " clients"
}

// charts are throughput, latency and CPU, and what else was measured.
func (s *section) charts(cells []*Cell, name func(*Cell) string) []chart {
	var groups []string
	for _, c := range cells {
		groups = append(groups, name(c))
	}
	of := func(metric Metric) (lines []line) {
		for _, target := range s.Legend {
			l := line{target: target}
			for _, c := range cells {
				v := c.Stat(target, metric)
				l.points = append(l.points, point{low: v.Min, middle: v.Median, high: v.Max, known: v.Known()})
			}
			lines = append(lines, l)
		}
		return lines
	}
	var latencies []line
	for _, target := range s.Legend {
		l := line{target: target}
		for _, c := range cells {
			p50, p90, p99 := c.Stat(target, P50), c.Stat(target, P90), c.Stat(target, P99)
			l.points = append(l.points, point{low: p50.Median, middle: p90.Median, high: p99.Median, known: p50.Known()})
		}
		latencies = append(latencies, l)
	}
	throughput := chart{title: "Throughput", unit: "transactions per second", groups: groups, series: of(Throughput), draw: drawBars}
	if len(cells) > 1 && cells[0].Clients != cells[1].Clients {
		throughput.title, throughput.draw = "Throughput by clients", drawLines
	}
	if slices.Contains([]string{BulkSelect, BulkOut, BulkIn}, s.Name) {
		throughput.unit, throughput.series = "rows per second", of(Rows)
	}
	return []chart{
		throughput,
		{title: "Latency: p50, p90, p99", unit: "ms, logarithmic", groups: groups, series: latencies, log: true, draw: drawRanges},
		{title: "CPU of the proxy", unit: "µs per transaction", groups: groups, series: of(CPU), draw: drawBars},
		{title: "Memory of an idle client", unit: "bytes resident", groups: groups, series: of(IdleBytes), draw: drawBars},
	}
}

// colours of the targets, in light and dark.
var colours = []struct{ target, light, dark string }{
	{Direct, "#6b7280", "#9ca3af"}, {Relay, "#b08900", "#d9b23c"}, {BouncerSession, "#7ab0e0", "#5b8fbf"}, {BouncerTransaction, "#1f6fb8", "#7cc0ff"},
	{CordonSession, "#f0936b", "#c46a45"}, {CordonTransaction, "#c8441b", "#ff8a5c"}, {Few, "#c8441b", "#ff8a5c"}, {Many, "#7c3aed", "#b794f6"},
	{Parser, "#0f766e", "#4fd1c5"}, {Planner, "#65a30d", "#a3d65c"},
}

func styles() template.CSS {
	var light, dark strings.Builder
	for _, c := range colours {
		fmt.Fprintf(&light, ".%s{--c:%s}", class(c.target), c.light)
		fmt.Fprintf(&dark, ".%s{--c:%s}", class(c.target), c.dark)
	}
	return template.CSS(light.String() + "@media (prefers-color-scheme:dark){" + dark.String() + "}")
}
