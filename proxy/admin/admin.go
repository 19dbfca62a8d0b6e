package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are a Server's. Gatherer, Status, Bound, Upstream and Draining must be given.
type Options struct {
	// Gatherer gives the metrics.
	Gatherer prometheus.Gatherer
	// Status gives what /statusz shows.
	Status func() Status
	// Bound tells whether there is a policy bound to a catalog. It must be fast.
	Bound func() bool
	// Draining tells whether new clients are turned away. It must be fast.
	Draining func() bool
	// Upstream tells whether the upstream server can be reached; it keeps to its context.
	Upstream func(context.Context) error
	// UpstreamTimeout bounds Upstream; 0: two seconds.
	UpstreamTimeout time.Duration
	// Logger gets what is found wrong; nil: nobody does.
	Logger *slog.Logger
}

// Status is what /statusz shows.
type Status struct {
	Version string
	Started time.Time
	// Epoch is the bound policy's.
	Epoch uint64
	// Tables counts the relations of each scope, by the scope's name.
	Tables map[string]int
	// Reload is the last one; nil when there was none.
	Reload *Reload
}

// Reload is the result of reloading the configuration.
type Reload struct {
	At time.Time
	// Problems is how many errors the new configuration had; 0: it is in force. Their text is in the log.
	Problems int
}

// Server serves the admin page.
type Server struct {
	opts  Options
	http  *http.Server
	ready *readiness
}

// New returns a server that does not serve yet.
func New(opts Options) *Server {
	if opts.UpstreamTimeout <= 0 {
		opts.UpstreamTimeout = 2 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: opts}
	s.ready = newReadiness(s.probeUpstream)
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(opts.Logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Serve answers requests on l until Shutdown; then it returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops listening and waits until the requests under way are answered; when ctx ends, they are cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	return err
}

// Handler returns what Serve serves.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux() // a pattern "GET /x" takes HEAD too and answers 405 to other methods
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: 4,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET /statusz", s.serveStatus)
	return mux
}

func (s *Server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	st := s.opts.Status()
	type reload struct {
		At       time.Time `json:"at"`
		OK       bool      `json:"ok"`
		Problems int       `json:"problems"`
	}
	page := struct {
		Version       string         `json:"version"`
		UptimeSeconds int64          `json:"uptime_seconds"`
		Epoch         uint64         `json:"epoch"`
		Tables        map[string]int `json:"tables"`
		LastReload    *reload        `json:"last_reload"`
	}{Version: st.Version, UptimeSeconds: int64(time.Since(st.Started) / time.Second), Epoch: st.Epoch, Tables: st.Tables}
	if r := st.Reload; r != nil {
		page.LastReload = &reload{At: r.At.UTC(), OK: r.Problems == 0, Problems: r.Problems}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(page) // a reader that has gone
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a reader that has gone
}
