package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"pgcordon/proxy/limit"
)

// WatchLimits registers what tenants use of their limits now; state is called at each collection. Tenants without series of their own are summed up
// as other, without limits. To be called once.
func (o *Observer) WatchLimits(state func() []limit.Usage) {
	o.registry.MustRegister(&useCollector{tenants: o.tenants, state: state})
}

// useCollector collects what tenants use now.
type useCollector struct {
	tenants *tenants
	state   func() []limit.Usage
}

// usageGauges are the gauges of one tenant's usage.
var usageGauges = []struct {
	desc  *prometheus.Desc
	value func(*limit.Usage) float64
}{
	{tenantGauge("pgcordon_statements_running", "Connections with statements that run."), func(u *limit.Usage) float64 { return float64(u.Running) }},
	{tenantGauge("pgcordon_statements_waiting", "Statements that a limit makes wait."), func(u *limit.Usage) float64 { return float64(u.Waiting) }},
	{tenantGauge("pgcordon_stored_rows", "Rows in the tenant's tables when they were counted last; 0 unless storage is limited."),
		func(u *limit.Usage) float64 { return float64(u.Stored.Rows) }},
	{tenantGauge("pgcordon_stored_bytes", "Bytes in the tenant's tables when they were counted last; 0 unless they are limited."),
		func(u *limit.Usage) float64 { return float64(u.Stored.Bytes) }},
}

var limitDesc = prometheus.NewDesc("pgcordon_limit", "Limits in force, of tenants that are connected: numbers, seconds, bytes.", []string{tenantLabel, "limit"}, nil)

func tenantGauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{tenantLabel}, nil)
}

// Describe implements prometheus.Collector.
func (c *useCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range usageGauges {
		ch <- g.desc
	}
	ch <- limitDesc
}

// Collect implements prometheus.Collector.
func (c *useCollector) Collect(ch chan<- prometheus.Metric) {
	c.tenants.mu.RLock()
	defer c.tenants.mu.RUnlock()
	others := make([]float64, len(usageGauges))
	for _, u := range c.state() {
		t := c.tenants.known[u.Tenant]
		if t == nil || t.series == c.tenants.other {
			for i, g := range usageGauges {
				others[i] += g.value(&u)
			}
			continue
		}
		for _, g := range usageGauges {
			ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(&u), t.series.label)
		}
		for name, value := range u.Limits.Values() {
			ch <- prometheus.MustNewConstMetric(limitDesc, prometheus.GaugeValue, value, t.series.label, name)
		}
	}
	for i, g := range usageGauges {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, others[i], labelOther)
	}
}
