package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Pool is the state of the pool of upstream connections.
type Pool struct {
	Open        int // connections to the server
	Idle        int // of them, those that nobody uses
	InUse       int // and those that a session uses
	Connecting  int // connections that are being made
	Waiting     int // sessions that wait for one
	LongestWait time.Duration
	Max         int // how many connections there may be
	Limit       int // how many may run at once, as it was found

	Waits                     uint64 // sessions that had to wait
	Waited                    time.Duration
	Connects, ConnectFailures uint64
	// Closed counts the connections that were closed, by the reason. The reasons are a closed set.
	Closed []Closed
}

// Closed is how many connections were closed for one reason.
type Closed struct {
	Reason string
	Count  uint64
}

// WatchPins registers how many sessions keep their connections between transactions; state is called at each collection, and tells one number for each
// of the reasons. To be called once.
func (o *Observer) WatchPins(reasons []string, state func() []int64) {
	var gauges []*prometheus.Desc
	for _, reason := range reasons {
		gauges = append(gauges, prometheus.NewDesc("pgcordon_pinned_sessions",
			"Sessions that keep their connection to the upstream server between transactions, by the reason. A session can have several.",
			nil, prometheus.Labels{"reason": reason}))
	}
	o.registry.MustRegister(&reader{descs: gauges, read: func() []float64 {
		var values []float64
		for _, n := range state() {
			values = append(values, float64(n))
		}
		return values
	}})
}

// WatchPool registers the pool's metrics; state is called at each collection, and always tells the same reasons. To be called once.
func (o *Observer) WatchPool(state func() Pool) {
	counters := []*prometheus.Desc{
		desc("pgcordon_pool_waits_total", "Times that a session had to wait for a connection to the upstream server, ended."),
		desc("pgcordon_pool_wait_seconds_total", "Time that sessions have waited for a connection to the upstream server."),
		desc("pgcordon_pool_connects_total", "Connections to the upstream server that were made."),
		desc("pgcordon_pool_connect_failures_total", "Attempts to connect to the upstream server that failed."),
	}
	for _, c := range state().Closed {
		counters = append(counters, prometheus.NewDesc("pgcordon_pool_closed_connections_total",
			"Connections to the upstream server that ended, by the reason.", nil, prometheus.Labels{"reason": c.Reason}))
	}
	o.registry.MustRegister(&reader{
		counters: len(counters),
		descs: append(counters,
			desc("pgcordon_pool_open_connections", "Connections to the upstream server."),
			desc("pgcordon_pool_idle_connections", "Connections to the upstream server that nobody uses."),
			desc("pgcordon_pool_leased_connections", "Connections to the upstream server that a session uses."),
			desc("pgcordon_pool_connecting_connections", "Connections to the upstream server that are being made."),
			desc("pgcordon_pool_waiting_sessions", "Sessions that wait for a connection to the upstream server."),
			desc("pgcordon_pool_longest_wait_seconds", "How long the session that waits for longest has waited."),
			desc("pgcordon_pool_max_connections", "Connections to the upstream server that there may be."),
			desc("pgcordon_pool_adaptive_limit", "Connections to the upstream server that may be at work at once before tenants get no second one, as it was found."),
		),
		read: func() []float64 {
			p := state()
			values := []float64{float64(p.Waits), p.Waited.Seconds(), float64(p.Connects), float64(p.ConnectFailures)}
			for _, c := range p.Closed {
				values = append(values, float64(c.Count))
			}
			return append(values, float64(p.Open), float64(p.Idle), float64(p.InUse), float64(p.Connecting), float64(p.Waiting),
				p.LongestWait.Seconds(), float64(p.Max), float64(p.Limit))
		},
	})
}
