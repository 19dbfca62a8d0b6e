package admin

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// probeLife is how long the result of a probe holds.
const probeLife = time.Second

// readiness remembers the last probe of the upstream server.
type readiness struct {
	probe func() error

	mu   sync.Mutex // held while probing: who comes meanwhile takes the result
	at   time.Time  // when the last probe ended; zero: never
	last error
}

func (r *readiness) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) >= probeLife {
		r.last = r.probe()
		r.at = time.Now()
	}
	return r.last
}

func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	switch {
	case s.opts.Draining():
		answer(w, http.StatusServiceUnavailable, "not ready: draining")
	case !s.opts.Bound():
		answer(w, http.StatusServiceUnavailable, "not ready: no policy is bound to the upstream's catalog")
	case s.ready.check() != nil:
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
