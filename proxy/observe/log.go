package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"pgcordon/proxy"
)

// In each hitInterval one hit of a limit by a tenant is logged, and denialBurst denials of a tenant by one rule, and slowBurst slow statements of one: a client that
// repeats itself does not fill the log. What was not logged is counted in the next line.
const (
	hitInterval = 10 * time.Second
	denialBurst = 20
	slowBurst   = 20
)

// ruleSweep is the rule of the rewriter's independent check: a statement that it refuses was rewritten wrongly.
const ruleSweep = "sweep"

// hitLog remembers when something of a tenant's was logged. The zero value has logged nothing.
type hitLog struct {
	mu     sync.Mutex
	labels map[string]*hits // of a closed set
}

// hits are those of one label in the interval that began at began.
type hits struct {
	began    time.Time
	logged   int
	unlogged int
}

// hit tells whether a hit is to be logged now, of which burst are in each interval, and how many were not since the last that was.
func (h *hitLog) hit(label string, burst int, now time.Time) (log bool, unlogged int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.labels == nil {
		h.labels = make(map[string]*hits)
	}
	l := h.labels[label]
	if l == nil {
		l = &hits{began: now}
		h.labels[label] = l
	}
	if now.Sub(l.began) >= hitInterval {
		l.began, l.logged = now, 0
	}
	if l.logged >= burst {
		l.unlogged++
		return false, 0
	}
	l.logged++
	unlogged, l.unlogged = l.unlogged, 0
	return true, unlogged
}

func (o *Observer) logDenial(t *tenant, d proxy.Decision) {
	log, unlogged := t.denials.hit(d.Denial.Rule, denialBurst, o.now())
	if !log {
		return
	}
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
		slog.Int("position", d.Denial.Position),
		slog.Int("not_logged", unlogged))
}

func (o *Observer) logLimit(t *tenant, e proxy.Outcome) {
	log, unlogged := t.hits.hit(limitLabel(e.Limit), 1, o.now())
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

// maxSlowText bounds the text of a slow statement in the log, in bytes.
const maxSlowText = 4 << 10

// logSlow logs a statement that took long, by its text without values.
func (o *Observer) logSlow(t *tenant, e proxy.Outcome) {
	log, unlogged := t.slow.hit("", slowBurst, o.now())
	if !log {
		return
	}
	o.log.LogAttrs(context.Background(), slog.LevelWarn, "slow statement",
		slog.Uint64("session", e.Session),
		slog.String("tenant", e.Identity.Tenant.String()),
		slog.String("user", e.Identity.User),
		slog.Duration("elapsed", e.Elapsed),
		slog.Duration("waited", e.Waited),
		slog.Int64("rows", e.Rows),
		slog.Int64("bytes", e.Bytes),
		slog.String("sqlstate", e.SQLState),
		slog.String("fingerprint", e.Plan.Fingerprint),
		slog.String("statement", e.Plan.Normal(maxSlowText)),
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
	if e.Database != "" {
		attrs = append(attrs, slog.String("database", e.Database))
	}
	if e.SQLState != "" {
		attrs = append(attrs, slog.String("sqlstate", e.SQLState))
	}
	if e.Limit != "" {
		attrs = append(attrs, slog.String("limit", limitLabel(e.Limit)))
	}
	o.log.LogAttrs(context.Background(), level, text, attrs...)
}
