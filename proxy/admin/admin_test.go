package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// state is what the page is asked about.
type state struct {
	unbound, draining bool
	upstream          func(context.Context) error
	status            Status
	log               bytes.Buffer
}

func (s *state) server() *Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sample", Help: "A sample."}, func() float64 { return 42 }))
	if s.upstream == nil {
		s.upstream = func(context.Context) error { return nil }
	}
	return New(Options{
		Gatherer: registry,
		Status:   func() Status { return s.status },
		Bound:    func() bool { return !s.unbound },
		Draining: func() bool { return s.draining },
		Upstream: s.upstream,
		Logger:   slog.New(slog.NewTextHandler(&s.log, nil)),
	})
}

func get(s *Server, method, path string) (int, string) {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func TestPages(t *testing.T) {
	s := (&state{}).server()
	for _, c := range []struct {
		method, path string
		code         int
		text         string
	}{
		{"GET", "/metrics", 200, "sample 42\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, "ready\n"},
		{"GET", "/statusz", 200, `"epoch"`},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/metrics", 405, ""},
		{"PUT", "/readyz", 405, ""},
		{"DELETE", "/statusz", 405, ""},
		{"GET", "/", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
		{"GET", "/debug/pprof/heap", 404, ""},
		{"GET", "/debug/vars", 404, ""},
	} {
		if code, text := get(s, c.method, c.path); code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, code, text, c.code, c.text)
		}
	}
}

func TestReadyTellsWhatIsMissing(t *testing.T) {
	secret := errors.New("dial db-7.internal: refused for role app_proxy")
	for text, st := range map[string]*state{
		"not ready: draining\n": {draining: true, unbound: true},
		"not ready: no policy is bound to the upstream's catalog\n": {unbound: true},
		"not ready: the upstream server cannot be reached\n":        {upstream: func(context.Context) error { return secret }},
	} {
		s := st.server()
		if code, got := get(s, "GET", "/readyz"); code != 503 || got != text {
			t.Errorf("%d %q, want 503 %q", code, got, text)
		}
		if code, _ := get(s, "GET", "/healthz"); code != 200 {
			t.Errorf("%q: the process is said to be unhealthy", text)
		}
		if inLog := strings.Contains(st.log.String(), secret.Error()); inLog != strings.Contains(text, "upstream server") {
			t.Errorf("%q: the log says %q", text, st.log.String())
		}
	}
}

func TestUnreachableUpstreamDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := (&state{upstream: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}).server()
		start := time.Now()
		if code, _ := get(s, "GET", "/readyz"); code != 503 {
			t.Errorf("status %d", code)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestProbesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes int
		down := false
		s := (&state{upstream: func(ctx context.Context) error {
			probes++
			<-time.After(100 * time.Millisecond)
			if down {
				return errors.New("down")
			}
			return nil
		}}).server()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if code, _ := get(s, "GET", "/readyz"); code != 200 {
					t.Errorf("status %d", code)
				}
			})
		}
		wg.Wait()
		if probes != 1 {
			t.Errorf("%d probes for 50 requests at once", probes)
		}
		down = true
		<-time.After(probeLife)
		if code, _ := get(s, "GET", "/readyz"); code != 503 || probes != 2 {
			t.Errorf("a second later: %d after %d probes", code, probes)
		}
	})
}

func TestStatus(t *testing.T) {
	st := &state{status: Status{Version: "v1.2.3", Started: time.Now().Add(-90 * time.Second), Epoch: 4, Tables: map[string]int{"tenant": 5, "denied": 2}}}
	var page struct {
		Version       string         `json:"version"`
		UptimeSeconds int            `json:"uptime_seconds"`
		Epoch         int            `json:"epoch"`
		Tables        map[string]int `json:"tables"`
		LastReload    *struct {
			At       time.Time
			OK       bool
			Problems int
		} `json:"last_reload"`
	}
	read := func() {
		t.Helper()
		_, text := get(st.server(), "GET", "/statusz")
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	read()
	if page.Version != "v1.2.3" || page.UptimeSeconds < 90 || page.Epoch != 4 || page.Tables["tenant"] != 5 || page.LastReload != nil {
		t.Errorf("%+v", page)
	}
	st.status.Reload = &Reload{At: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), Problems: 3}
	read()
	if r := page.LastReload; r == nil || r.OK || r.Problems != 3 || r.At.Year() != 2024 {
		t.Errorf("after a failed reload: %+v", r)
	}
	st.status.Reload.Problems = 0
	read()
	if !page.LastReload.OK {
		t.Error("a good reload is shown as failed")
	}
}

// A request under way is answered; then Serve returns nil and the port is closed.
func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	probing, proceed := make(chan struct{}), make(chan struct{})
	s := (&state{upstream: func(context.Context) error {
		close(probing)
		<-proceed
		return nil
	}}).server()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	type result struct {
		text string
		err  error
	}
	answered := make(chan result, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String() + "/readyz")
		if err != nil {
			answered <- result{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		answered <- result{string(text), err}
	}()
	<-probing
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	close(proceed)
	if r := <-answered; r.err != nil || r.text != "ready\n" {
		t.Errorf("the request under way got %q, %v", r.text, r.err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("still listening")
	}
}

func TestShutdownCutsOffAtItsDeadline(t *testing.T) {
	probing, proceed := make(chan struct{}), make(chan struct{})
	s := (&state{upstream: func(context.Context) error {
		close(probing)
		<-proceed
		return nil
	}}).server()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	cut := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String() + "/readyz")
		if err == nil {
			resp.Body.Close()
		}
		cut <- err
	}()
	<-probing
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-cut; err == nil {
		t.Error("the request got an answer from a server that was cut off")
	}
	close(proceed)
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Whoever sends half a request and waits is cut off. net/http does the work; this pins that it is told to.
func TestTimeoutsAreSet(t *testing.T) {
	h := (&state{}).server().http
	if h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.IdleTimeout <= 0 {
		t.Errorf("%v %v %v %v", h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout, h.IdleTimeout)
	}
}
