package admin

import (
	"context"
	"net/http"
	"time"
)

// probeLife is how long the result of a probe holds.
const probeLife = time.Second

// readiness remembers the last probe of the upstream server.
type readiness struct {
	probe func() error
	turn  chan struct{} // holds one token: who has it may probe, and touch what follows
	at    time.Time     // when the last probe ended; zero: never
	last  error
}

func newReadiness(probe func() error) *readiness {
	r := &readiness{probe: probe, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// check probes unless the last probe is fresh; who comes while another probes waits for that result, as long as ctx lives.
func (r *readiness) check(ctx context.Context) error {
	select {
	case <-r.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { r.turn <- struct{}{} }()
	if r.at.IsZero() || time.Since(r.at) >= probeLife {
		r.last = r.probe()
		r.at = time.Now()
	}
	return r.last
}

func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.opts.Draining():
		answer(w, http.StatusServiceUnavailable, "not ready: draining")
	case !s.opts.Bound():
		answer(w, http.StatusServiceUnavailable, "not ready: no policy is bound to the upstream's catalog")
	case s.ready.check(r.Context()) != nil:
		answer(w, http.StatusServiceUnavailable, "not ready: the upstream server cannot be reached")
	default:
		answer(w, http.StatusOK, "ready")
	}
}

// probeUpstream does not end with the request that asks for it: its result is for others too.
func (s *Server) probeUpstream() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.UpstreamTimeout)
	defer cancel()
	err := s.opts.Upstream(ctx)
	if err != nil {
		s.opts.Logger.Warn("not ready: the upstream server cannot be reached", "error", err)
	}
	return err
}
