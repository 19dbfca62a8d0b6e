package observe

import (
	"cmp"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

// DefaultTenants is how many tenants have series of their own unless Options says otherwise.
const DefaultTenants = 200

// Options are an Observer's.
type Options struct {
	// Logger gets the log lines; nil: none are written.
	Logger *slog.Logger
	// Tenants is how many tenants have series of their own; 0: DefaultTenants.
	Tenants int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Observer counts and logs what sessions tell. It is safe for concurrent use.
type Observer struct {
	registry  *prometheus.Registry
	metrics   *metrics
	tenants   *tenants
	log       *slog.Logger
	now       func() time.Time
	incidents incidents
	slow      atomic.Int64 // nanoseconds; see LogSlow
}

var (
	_ proxy.Observer      = (*Observer)(nil)
	_ prometheus.Gatherer = (*Observer)(nil)
)

// New returns an observer with a registry of its own.
func New(opts Options) *Observer {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Tenants <= 0 {
		opts.Tenants = DefaultTenants
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	o := &Observer{registry: registry, metrics: m, tenants: newTenants(m, opts.Tenants, opts.Now()), log: opts.Logger, now: opts.Now}
	registry.MustRegister(o.tenants)
	return o
}

// Gather ranks the tenants when it is time, then collects all metrics.
func (o *Observer) Gather() ([]*dto.MetricFamily, error) {
	o.tenants.rank(o.now())
	return o.registry.Gather()
}

// Session counts connections and logins.
func (o *Observer) Session(e proxy.SessionEvent) {
	switch e.Phase {
	case proxy.SessionOpened:
		o.metrics.logins.WithLabelValues("ok").Inc()
		o.tenants.enter(e.Identity.Tenant).connections.Add(1)
		o.tenants.leave()
	case proxy.SessionClosed:
		o.tenants.enter(e.Identity.Tenant).connections.Add(-1)
		o.tenants.leave()
	case proxy.SessionRefused:
		o.metrics.logins.WithLabelValues(refusal(e.SQLState)).Inc()
		if e.Limit != "" && e.Identity.Tenant.IsValid() {
			t := o.tenants.enter(e.Identity.Tenant)
			t.series.limits.WithLabelValues(limitLabel(e.Limit)).Inc()
			t.done.limited.Add(1)
			o.tenants.leave()
			o.limited(proxy.Outcome{Session: e.Session, Identity: e.Identity, SQLState: e.SQLState, Limit: e.Limit})
		}
	}
	o.logSession(e)
}

// Decided counts a plan's cost, and a denial.
func (o *Observer) Decided(d proxy.Decision) {
	if d.Denial == nil {
		o.metrics.plan.WithLabelValues("planned").Observe(d.Elapsed.Seconds())
		return
	}
	o.metrics.plan.WithLabelValues("denied").Observe(d.Elapsed.Seconds())
	t := o.tenants.enter(d.Identity.Tenant)
	t.use.Add(1)
	t.done.denials.Add(1)
	t.series.denials.WithLabelValues(d.Denial.Rule).Inc()
	t.series.count(statementLabels{kindNone, outcomeDenied})
	o.tenants.leave()
	o.denied(d)
	o.logDenial(t, d)
}

// Finished counts an execution.
func (o *Observer) Finished(e proxy.Outcome) {
	t := o.tenants.enter(e.Identity.Tenant)
	s := t.series
	t.use.Add(1)
	s.count(statementLabels{cmp.Or(e.Command, kindLabel(e.Plan)), outcomeLabel(&e)})
	s.rows.Add(float64(max(0, e.Rows))) // a counter panics when told to go down
	s.bytes.Add(float64(max(0, e.Bytes)))
	s.seconds.Observe(e.Elapsed.Seconds())
	t.done.statements.Add(1)
	t.done.rows.Add(e.Rows)
	t.done.bytes.Add(e.Bytes)
	t.done.nanoseconds.Add(int64(e.Elapsed))
	if e.Waited > 0 {
		s.waits.Inc()
		s.waited.Add(e.Waited.Seconds())
	}
	if e.Limit != "" {
		t.done.limited.Add(1)
		s.limits.WithLabelValues(limitLabel(e.Limit)).Inc()
	}
	o.tenants.leave()
	if e.Limit != "" {
		o.limited(e)
		o.logLimit(t, e)
	}
	if slow := o.slow.Load(); slow > 0 && int64(e.Elapsed) >= slow && e.Plan != nil {
		o.logSlow(t, e)
	}
}

// LogSlow has statements logged that take as long or longer; 0 for none.
func (o *Observer) LogSlow(d time.Duration) { o.slow.Store(int64(d)) }

// Values of the label outcome.
const (
	outcomeOK       = "ok"
	outcomeDenied   = "denied"   // refused by the rewriter
	outcomeLimited  = "limited"  // refused or cut by a limit
	outcomeCanceled = "canceled" // by the client
	outcomeError    = "error"    // any other error that the client got
)

func outcomeLabel(e *proxy.Outcome) string {
	switch {
	case e.Limit != "":
		return outcomeLimited
	case e.SQLState == "":
		return outcomeOK
	case e.SQLState == "57014":
		return outcomeCanceled
	default:
		return outcomeError
	}
}

// Values of the label kind beside the statement kinds.
const (
	kindNone  = "none"  // never planned
	kindMulti = "multi" // several statements in one text
	kindOther = "other"
)

func kindLabel(p *rewriter.Plan) string {
	switch {
	case p == nil:
		return kindNone
	case len(p.Statements) == 0:
		return "empty"
	case len(p.Statements) > 1:
		return kindMulti
	}
	switch p.Statements[0].Kind {
	case rewriter.KindEmpty:
		return "empty"
	case rewriter.KindSelect:
		return "select"
	case rewriter.KindInsert:
		return "insert"
	case rewriter.KindUpdate:
		return "update"
	case rewriter.KindDelete:
		return "delete"
	case rewriter.KindBegin, rewriter.KindCommit, rewriter.KindRollback,
		rewriter.KindSavepoint, rewriter.KindRelease, rewriter.KindRollbackTo:
		return "transaction"
	case rewriter.KindSet:
		return "set"
	case rewriter.KindShow:
		return "show"
	case rewriter.KindMerge:
		return "merge"
	case rewriter.KindTruncate:
		return "truncate"
	case rewriter.KindLock:
		return "lock"
	case rewriter.KindExplain:
		return "explain"
	}
	return kindOther
}

func limitLabel(name string) string {
	for _, known := range limitNames {
		if name == known {
			return name
		}
	}
	return kindOther
}

var limitNames = limit.Names()

// refusal maps the SQLSTATE class of a refused login to a value of the label result.
func refusal(sqlState string) string {
	if len(sqlState) != 5 {
		return kindOther
	}
	switch sqlState[:2] {
	case "08", "0A":
		return "protocol"
	case "22", "28", "3D", "42":
		return "authentication"
	case "53":
		return "limit"
	case "57":
		return "shutdown"
	}
	return kindOther
}
