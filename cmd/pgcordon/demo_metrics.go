package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// tally is what the tour itself counted of one tenant's statements, and what /metrics says of them.
type tally struct {
	ok, denied, limited, rows int
}

func (c tally) String() string {
	return fmt.Sprintf("%d ok, %d denied, %d limited, %d rows", c.ok, c.denied, c.limited, c.rows)
}

// metricsPatience is how long the proxy may take to count a statement whose answer has arrived.
const metricsPatience = 5 * time.Second

func (t *tour) metrics(ctx context.Context) error {
	t.out.text(t.out.paint(dim, "curl http://"+t.admin+"/metrics"))
	ctx, cancel := context.WithTimeout(ctx, metricsPatience)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		m, err := t.scrape(ctx)
		if err != nil {
			return err
		}
		wrong := t.compare(m)
		if wrong == nil {
			t.out.table(t.metricsTable(m))
			t.out.ok("statements and rows are those that this tour has counted")
			return nil
		}
		select {
		case <-ctx.Done():
			t.out.table(t.metricsTable(m))
			return wrong
		case <-retry.C:
		}
	}
}

// families are the metrics of one scrape, by name.
type families map[string]*dto.MetricFamily

func (t *tour) scrape(ctx context.Context) (families, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("expected 200 from /metrics, saw %s", resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

// sum adds up the counters of name whose labels include all of labels, given as name, value, name, value.
func (f families) sum(name string, labels ...string) int {
	total := 0.0
	for _, m := range f[name].GetMetric() {
		if hasLabels(m, labels) {
			total += m.GetCounter().GetValue()
		}
	}
	return int(total)
}

// mean returns the mean of a histogram of seconds, in milliseconds.
func (f families) mean(name string, labels ...string) string {
	for _, m := range f[name].GetMetric() {
		if h := m.GetHistogram(); hasLabels(m, labels) && h.GetSampleCount() > 0 {
			return strconv.FormatFloat(1000*h.GetSampleSum()/float64(h.GetSampleCount()), 'f', 2, 64)
		}
	}
	return ""
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		found := slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
			return l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		})
		if !found {
			return false
		}
	}
	return true
}

func (f families) tally(tenant string) tally {
	count := func(outcome string) int {
		return f.sum("pgcordon_statements_total", "tenant", tenant, "outcome", outcome)
	}
	return tally{
		ok: count("ok"), denied: count("denied"), limited: count("limited"),
		rows: f.sum("pgcordon_rows_total", "tenant", tenant),
	}
}

func (t *tour) compare(m families) error {
	var wrong []string
	for _, u := range t.users {
		if got, want := m.tally(u.Tenant), *t.counts[u.Tenant]; got != want {
			wrong = append(wrong, fmt.Sprintf("expected for %s: %s\nsaw: %s", u.Tenant, want, got))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

func (t *tour) metricsTable(m families) *demoTable {
	tb := &demoTable{
		columns: []string{"tenant", "ok", "denied", "by rule", "limited", "by limit", "rows", "bytes", "mean ms"},
		numeric: []bool{false, true, true, false, true, false, true, true, true},
	}
	for _, u := range t.users {
		c := m.tally(u.Tenant)
		tb.rows = append(tb.rows, []string{
			u.Tenant, strconv.Itoa(c.ok), strconv.Itoa(c.denied), m.values("pgcordon_denials_total", u.Tenant, "rule"),
			strconv.Itoa(c.limited), m.values("pgcordon_limit_hits_total", u.Tenant, "limit"), strconv.Itoa(c.rows),
			strconv.Itoa(m.sum("pgcordon_bytes_total", "tenant", u.Tenant)),
			m.mean("pgcordon_statement_seconds", "tenant", u.Tenant),
		})
	}
	return tb
}

// values lists the values of one label among a tenant's series.
func (f families) values(name, tenant, label string) string {
	var values []string
	for _, m := range f[name].GetMetric() {
		if !hasLabels(m, []string{"tenant", tenant}) || m.GetCounter().GetValue() == 0 {
			continue
		}
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				values = append(values, l.GetValue())
			}
		}
	}
	slices.Sort(values)
	return strings.Join(values, ", ")
}
