package main

import (
	"log/slog"
	"slices"

	"pgcordon/config"
	"pgcordon/proxy/observe"
	"pgcordon/proxy/pool"
)

func poolConfig(cfg *config.Config, log *slog.Logger) pool.Config {
	return pool.Config{
		Upstream:       &cfg.Upstream.Config,
		Log:            log,
		Size:           cfg.Pool.Size,
		MinSize:        cfg.Pool.MinSize,
		ReserveSize:    cfg.Pool.ReserveSize,
		ReserveTimeout: cfg.Pool.ReserveTimeout,
		MaxConnections: cfg.Pool.MaxConnections,
		WaitTimeout:    cfg.Pool.WaitTimeout,
		ConnectTimeout: cfg.Pool.ConnectTimeout,
		IdleTimeout:    cfg.Pool.IdleTimeout,
		Lifetime:       cfg.Pool.Lifetime,
		CheckDelay:     cfg.Pool.CheckDelay,
	}
}

// withPool returns what next is running with, and what has to be done once that is in force: the pool goes on, with the new sizes and times, unless
// the upstream is another one. Then a new pool takes its place, and the old one serves those who are still using it.
func (r *running) withPool(next *assembly, log *slog.Logger) (_ *running, adopt func()) {
	if sameUpstream(r.config, next.config) {
		return &running{assembly: next, pool: r.pool, former: r.former}, func() { r.pool.Configure(poolConfig(next.config, log)) }
	}
	former := append(slices.Clip(r.former), r.pool)
	return &running{assembly: next, pool: pool.New(poolConfig(next.config, log)), former: former}, r.pool.Retire
}

// sameUpstream reports whether the connections of one configuration serve the other.
func sameUpstream(a, b *config.Config) bool {
	return a.Upstream.ConnString() == b.Upstream.ConnString() && a.Upstream.Password == b.Upstream.Password
}

// poolState sums up what the pools do: the counters go on when a reload replaces the pool.
func (r *running) poolState() observe.Pool {
	out := observe.Pool{Max: r.pool.Stats().Max, Closed: make([]observe.Closed, pool.ReasonCount)}
	for _, p := range append([]*pool.Pool{r.pool}, r.former...) {
		s := p.Stats()
		out.Open += s.Idle + s.InUse
		out.Idle += s.Idle
		out.InUse += s.InUse
		out.Connecting += s.Connecting
		out.Waiting += s.Waiting
		out.LongestWait = max(out.LongestWait, s.LongestWait)
		out.Waits += s.Waits
		out.Waited += s.Waited
		out.Connects += s.Connects
		out.ConnectFailures += s.ConnectFailures
		for reason, n := range s.Closed {
			out.Closed[reason].Reason = pool.Reason(reason).String()
			out.Closed[reason].Count += n
		}
	}
	return out
}

// closePools waits until every connection has been given back.
func (r *running) closePools() {
	for _, p := range append([]*pool.Pool{r.pool}, r.former...) {
		p.Close()
	}
}
