package main

import (
	"context"
	"time"

	"pgcordon/config"
	"pgcordon/policy"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/limit/budget"
	"pgcordon/proxy/storage"
)

// measure has what tenants store counted, until stop.
func (s *service) measure() {
	ctx, cancel := context.WithCancel(context.Background())
	s.endMeter = cancel
	s.meter = storage.New(storage.Config{Log: s.log,
		Task: func() storage.Task {
			r := s.current()
			tenants, bytes := r.config.Limits.Storing(r.config.Users)
			if r.config.Upstream == nil { // there is no shared database
				tenants = nil
			}
			return storage.Task{Bound: r.bound, Upstream: r.config.Upstream, Tenants: tenants, Bytes: bytes, Every: r.config.Limits.StorageInterval}
		},
		Counted: func(counts map[policy.TenantID]storage.Count, next time.Time) {
			stored := make(map[policy.TenantID]limit.Stored, len(counts))
			for id, c := range counts {
				stored[id] = limit.Stored(c)
			}
			s.gate.SetStored(stored, next)
		}})
	s.serving.Go(func() { s.meter.Run(ctx) })
}

// share keeps limits in common with other proxies, until endSharing. Nil shares none.
func (s *service) share(cfg *config.Shared) {
	if cfg == nil {
		s.endSharing = func() {}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.endSharing = cancel
	broker := budget.New(budget.Options{Redis: cfg.Redis, Closed: cfg.Closed, Proxies: cfg.Proxies, Log: s.log})
	s.gate.Share(broker)
	s.serving.Go(func() {
		broker.Run(ctx, s.gate)
		if err := broker.Close(); err != nil {
			s.log.Warn("closing the connections to Redis", "error", err)
		}
	})
}
