package observe

import (
	"maps"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Values of the label tenant that are not a tenant's name.
const (
	labelOther  = "other" // tenants without series of their own
	tenantLabel = "tenant"
)

// metrics are all the metrics that events write.
type metrics struct {
	statements *prometheus.CounterVec   // tenant, kind, outcome
	rows       *prometheus.CounterVec   // tenant
	bytes      *prometheus.CounterVec   // tenant
	seconds    *prometheus.HistogramVec // tenant
	denials    *prometheus.CounterVec   // tenant, rule
	limits     *prometheus.CounterVec   // tenant, limit
	waits      *prometheus.CounterVec   // tenant
	waited     *prometheus.CounterVec   // tenant
	logins     *prometheus.CounterVec   // result
	plan       *prometheus.HistogramVec // result
}

func newMetrics(r *prometheus.Registry) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, label string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
		r.MustRegister(v)
		return v
	}
	m := &metrics{
		statements: counter("pgcordon_statements_total",
			"Statements by what they do and how they ended.", tenantLabel, "kind", "outcome"),
		rows:  counter("pgcordon_rows_total", "Rows sent to clients.", tenantLabel),
		bytes: counter("pgcordon_bytes_total", "Bytes of answers sent to clients.", tenantLabel),
		seconds: histogram("pgcordon_statement_seconds",
			"Time from a client's message to the last byte of its answer.", prometheus.ExponentialBuckets(0.00025, 4, 10), tenantLabel),
		denials: counter("pgcordon_denials_total",
			"Statements refused by the rewriter, by the rule that refused.", tenantLabel, "rule"),
		limits: counter("pgcordon_limit_hits_total",
			"Statements and connections that a limit refused or cut, by limit.", tenantLabel, "limit"),
		waits:  counter("pgcordon_limit_waits_total", "Statements that had to wait for a limit.", tenantLabel),
		waited: counter("pgcordon_limit_wait_seconds_total", "Time that statements have waited for a limit.", tenantLabel),
		logins: counter("pgcordon_logins_total", "Logins by their result.", "result"),
		plan: histogram("pgcordon_plan_seconds",
			"Time spent deciding a client's text, from the cache or by parsing.", prometheus.ExponentialBuckets(0.000002, 4, 9), "result"),
	}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// series are the metrics of one value of the label tenant, with what needs no other label found once.
type series struct {
	label       string
	statements  *prometheus.CounterVec // kind, outcome
	denials     *prometheus.CounterVec // rule
	limits      *prometheus.CounterVec // limit
	rows, bytes prometheus.Counter
	waits       prometheus.Counter
	waited      prometheus.Counter
	seconds     prometheus.Observer
	// counters are those of statements that were found before: the look-up by labels costs more than the rest of counting. The map is
	// never changed, but replaced.
	counters atomic.Pointer[map[statementLabels]prometheus.Counter]
}

type statementLabels struct{ kind, outcome string }

// count counts a statement.
func (s *series) count(l statementLabels) {
	known := s.counters.Load()
	if known != nil {
		if c, ok := (*known)[l]; ok {
			c.Inc()
			return
		}
	}
	c := s.statements.WithLabelValues(l.kind, l.outcome)
	c.Inc()
	more := map[statementLabels]prometheus.Counter{l: c}
	if known != nil {
		maps.Copy(more, *known)
	}
	s.counters.Store(&more) // of two who come at once one is forgotten, until its next statement
}

func (m *metrics) open(label string) *series {
	tenant := prometheus.Labels{tenantLabel: label}
	return &series{
		label:      label,
		statements: m.statements.MustCurryWith(tenant),
		denials:    m.denials.MustCurryWith(tenant),
		limits:     m.limits.MustCurryWith(tenant),
		rows:       m.rows.WithLabelValues(label),
		bytes:      m.bytes.WithLabelValues(label),
		waits:      m.waits.WithLabelValues(label),
		waited:     m.waited.WithLabelValues(label),
		seconds:    m.seconds.WithLabelValues(label),
	}
}

// remove deletes what open and the events have made. Nobody may be using the series.
func (m *metrics) remove(s *series) {
	tenant := prometheus.Labels{tenantLabel: s.label}
	m.statements.DeletePartialMatch(tenant)
	m.denials.DeletePartialMatch(tenant)
	m.limits.DeletePartialMatch(tenant)
	m.rows.DeleteLabelValues(s.label)
	m.bytes.DeleteLabelValues(s.label)
	m.waits.DeleteLabelValues(s.label)
	m.waited.DeleteLabelValues(s.label)
	m.seconds.DeleteLabelValues(s.label)
}
