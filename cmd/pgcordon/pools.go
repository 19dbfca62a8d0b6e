package main

import (
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/config"
	"pgcordon/proxy"
	"pgcordon/proxy/observe"
	"pgcordon/proxy/pool"
)

func poolConfig(cfg *config.Config, log *slog.Logger) pool.Config {
	c := poolOf(&cfg.Upstream.Config, cfg.Pool, log)
	c.Backend = proxy.NewBackend(log, cfg.Pool.MaxPrepared)
	return c
}

func poolOf(upstream *pgconn.Config, p config.Pool, log *slog.Logger) pool.Config {
	return pool.Config{
		Upstream:       upstream,
		Log:            log,
		Size:           p.Size,
		MinSize:        p.MinSize,
		ReserveSize:    p.ReserveSize,
		ReserveTimeout: p.ReserveTimeout,
		MaxConnections: p.MaxConnections,
		Adaptive:       p.Adaptive,
		AdaptiveLeast:  p.AdaptiveLeast,
		WaitTimeout:    p.WaitTimeout,
		ConnectTimeout: p.ConnectTimeout,
		IdleTimeout:    p.IdleTimeout,
		Lifetime:       p.Lifetime,
		CheckDelay:     p.CheckDelay,
	}
}

// withPool returns what next is running with, and what has to be done once that is in force: the pool goes on, with the new sizes and times, unless
// the upstream is another one. Then a new pool takes its place, and the old one serves those who are still using it.
func (r *running) withPool(next *assembly, log *slog.Logger) (_ *running, adopt func()) {
	if r.pool != nil && sameUpstream(r.config, next.config) {
		return &running{assembly: next, pool: r.pool, former: r.former, tenants: r.tenants}, func() { r.pool.Configure(poolConfig(next.config, log)) }
	}
	former, adopt := r.former, func() {}
	if r.pool != nil {
		former, adopt = append(slices.Clip(r.former), r.pool), r.pool.Retire
	}
	taking := newPool(next.config, log)
	if taking != nil && r.pool != nil && r.pool.Paused() {
		taking.Hold()
	}
	return &running{assembly: next, pool: taking, former: former, tenants: r.tenants}, adopt
}

// newPool makes the pool of the database that tenants share; nil when there is none.
func newPool(cfg *config.Config, log *slog.Logger) *pool.Pool {
	if cfg.Upstream == nil {
		return nil
	}
	return pool.New(poolConfig(cfg, log))
}

// shared are the pools of databases that tenants share.
func (r *running) shared() []*pool.Pool {
	if r.pool == nil {
		return r.former
	}
	return append([]*pool.Pool{r.pool}, r.former...)
}

// sameUpstream reports whether the connections of one configuration serve the other.
func sameUpstream(a, b *config.Config) bool {
	return b.Upstream != nil && a.Upstream.ConnString() == b.Upstream.ConnString() && a.Upstream.Password == b.Upstream.Password
}

// poolState sums up what the pools do: the counters go on when a reload replaces the pool.
func (r *running) poolState() observe.Pool {
	out := observe.Pool{Closed: make([]observe.Closed, pool.ReasonCount)}
	all := r.tenants.stats()
	for _, p := range r.shared() {
		all = append(all, p.Stats())
	}
	if r.pool != nil {
		s := r.pool.Stats()
		out.Max, out.Limit = s.Max, s.Limit
	}
	for _, s := range all {
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
	for _, p := range r.shared() {
		p.Close()
	}
}
