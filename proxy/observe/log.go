package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"pgcordon/proxy"
)

// hitInterval is how often, at most, hits of one limit by one tenant are logged.
const hitInterval = 10 * time.Second

// ruleSweep is the rule of the rewriter's independent check: a statement that it refuses was rewritten wrongly.
const ruleSweep = "sweep"

// hitLog remembers when a tenant's limit hits were logged. The zero value has logged none.
type hitLog struct {
	mu     sync.Mutex
	limits map[string]*hits // by limitLabel
}

type hits struct {
	logged time.Time
	since  int
}

// hit tells whether a hit is to be logged now, and how many were not since the last that was.
func (h *hitLog) hit(label string, now time.Time) (log bool, unlogged int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.limits == nil {
		h.limits = make(map[string]*hits)
	}
	l := h.limits[label]
	if l == nil {
		l = &hits{}
		h.limits[label] = l
	}
	if !l.logged.IsZero() && now.Sub(l.logged) < hitInterval {
		l.since++
		return false, 0
	}
	unlogged, l.logged, l.since = l.since, now, 0
	return true, unlogged
}

func (o *Observer) logDenial(d proxy.Decision) {
	level, text := slog.LevelWarn, "statement denied"
	if d.Denial.Rule == ruleSweep {
		level, text = slog.LevelError, "statement denied: its rewriting failed the independent check, which is a bug in pgcordon"
	}
	o.log.LogAttrs(context.Background(), level, text,
		slog.Uint64("session", d.Session),
		slog.String("tenant", d.Identity.Tenant.String()),
		slog.String("user", d.Identity.User),
		slog.String("rule", d.Denial.Rule),
		slog.String("sqlstate", d.Denial.SQLState),
		slog.String("fingerprint", d.Denial.Fingerprint),
		slog.Int("position", d.Denial.Position))
}

func (o *Observer) logLimit(t *tenant, e proxy.Outcome) {
	log, unlogged := t.hits.hit(limitLabel(e.Limit), o.now())
	if !log {
		return
	}
	fingerprint := ""
	if e.Plan != nil {
		fingerprint = e.Plan.Fingerprint
	}
	o.log.LogAttrs(context.Background(), slog.LevelWarn, "limit reached",
		slog.Uint64("session", e.Session),
		slog.String("tenant", e.Identity.Tenant.String()),
		slog.String("user", e.Identity.User),
		slog.String("limit", limitLabel(e.Limit)),
		slog.String("sqlstate", e.SQLState),
		slog.String("fingerprint", fingerprint),
		slog.Int64("rows", e.Rows),
		slog.Int("not_logged", unlogged))
}

func (o *Observer) logSession(e proxy.SessionEvent) {
	level, text := slog.LevelDebug, "session opened"
	switch e.Phase {
	case proxy.SessionOpened:
	case proxy.SessionClosed:
		text = "session closed"
	case proxy.SessionRefused:
		level, text = slog.LevelInfo, "login refused"
	}
	if !o.log.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{slog.Uint64("session", e.Session), slog.String("remote", e.Remote), slog.Duration("elapsed", e.Elapsed)}
	if e.Identity.Tenant.IsValid() { // else the user's name is what somebody typed
		attrs = append(attrs, slog.String("tenant", e.Identity.Tenant.String()), slog.String("user", e.Identity.User))
	}
	if e.SQLState != "" {
		attrs = append(attrs, slog.String("sqlstate", e.SQLState))
	}
	if e.Limit != "" {
		attrs = append(attrs, slog.String("limit", limitLabel(e.Limit)))
	}
	o.log.LogAttrs(context.Background(), level, text, attrs...)
}
