package observe

import "github.com/prometheus/client_golang/prometheus"

// Cache is a plan cache's state. Counters start at zero again when a reload makes a new cache.
type Cache struct {
	Hits, Misses, Evictions uint64
	Entries                 int
	Bytes                   int64
}

// WatchCache registers the plan cache's metrics; state is called at each collection. To be called once.
func (o *Observer) WatchCache(state func() Cache) {
	o.registry.MustRegister(&reader{
		descs: []*prometheus.Desc{
			desc("pgcordon_plan_cache_hits_total", "Client texts whose plan was found in the cache."),
			desc("pgcordon_plan_cache_misses_total", "Client texts that had to be parsed."),
			desc("pgcordon_plan_cache_evictions_total", "Plans dropped from the cache to make room."),
			desc("pgcordon_plan_cache_entries", "Plans in the cache."),
			desc("pgcordon_plan_cache_bytes", "Memory that the plans in the cache take."),
		},
		counters: 3,
		read: func() []float64 {
			c := state()
			return []float64{float64(c.Hits), float64(c.Misses), float64(c.Evictions), float64(c.Entries), float64(c.Bytes)}
		},
	})
}

func desc(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// reader collects several metrics out of one reading, so that they fit each other.
type reader struct {
	descs    []*prometheus.Desc
	counters int // the first so many are counters, the others gauges
	read     func() []float64
}

// Describe implements prometheus.Collector.
func (r *reader) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (r *reader) Collect(ch chan<- prometheus.Metric) {
	for i, v := range r.read() {
		kind := prometheus.GaugeValue
		if i < r.counters {
			kind = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(r.descs[i], kind, v)
	}
}
