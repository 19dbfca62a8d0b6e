package observe

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgcordon/policy"
	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

// logged returns the log lines that events make, as JSON objects.
func logged(t *testing.T, c *clock, events func(*Observer)) []map[string]any {
	t.Helper()
	var buf bytes.Buffer
	o := New(Options{Now: c.Now, Logger: slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	events(o)
	var lines []map[string]any
	for line := range strings.Lines(buf.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

func TestEachDenialIsLoggedWithoutSQL(t *testing.T) {
	lines := logged(t, newClock(), func(o *Observer) {
		for range 2 {
			o.Decided(proxy.Decision{Session: 7, Identity: identity(t, "acme"), Denial: &rewriter.Denial{
				SQLState: "42501", Rule: "relation-denied", Message: `relation "SECRET" is denied`, Hint: "not SECRET",
				Position: 15, Fingerprint: "0123456789abcdef"}})
		}
	})
	if len(lines) != 2 {
		t.Fatalf("%d lines for two denials", len(lines))
	}
	for key, want := range map[string]any{"level": "WARN", "session": 7.0, "tenant": "acme", "user": "acme_app", "rule": "relation-denied",
		"sqlstate": "42501", "fingerprint": "0123456789abcdef", "position": 15.0} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %v", key, lines[0][key], want)
		}
	}
	for key, value := range lines[0] {
		if s, ok := value.(string); ok && strings.Contains(s, "SECRET") {
			t.Errorf("%s quotes the client's text: %s", key, s)
		}
	}
}

func TestAFailedCheckIsABug(t *testing.T) {
	lines := logged(t, newClock(), func(o *Observer) {
		o.Decided(proxy.Decision{Identity: identity(t, "acme"), Denial: &rewriter.Denial{Rule: ruleSweep}})
	})
	if len(lines) != 1 || lines[0]["level"] != "ERROR" || !strings.Contains(lines[0]["msg"].(string), "bug") {
		t.Errorf("%v", lines)
	}
}

func TestLimitHitsAreLoggedOnceInAWhile(t *testing.T) {
	c := newClock()
	lines := logged(t, c, func(o *Observer) {
		hit := func(tenant, limit string) {
			o.Finished(proxy.Outcome{Identity: identity(t, tenant), SQLState: "53400", Limit: limit, Plan: planOf(rewriter.KindSelect)})
		}
		for range 100 {
			hit("acme", limit.RowsPerStatement)
		}
		hit("acme", limit.StatementsPerSecond)
		hit("globex", limit.RowsPerStatement)
		c.advance(hitInterval - time.Nanosecond)
		hit("acme", limit.RowsPerStatement)
		c.advance(time.Nanosecond)
		hit("acme", limit.RowsPerStatement)
	})
	if len(lines) != 4 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	last := lines[3]
	if last["tenant"] != "acme" || last["limit"] != "rows_per_statement" || last["not_logged"] != 100.0 || last["fingerprint"] != "0123456789abcdef" {
		t.Errorf("%v", last)
	}
}

func TestSessionsAreLogged(t *testing.T) {
	lines := logged(t, newClock(), func(o *Observer) {
		o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: identity(t, "acme"), Remote: "192.0.2.1:999"})
		o.Session(proxy.SessionEvent{Phase: proxy.SessionClosed, Identity: identity(t, "acme"), SQLState: "57P01"})
		o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, Identity: policy.Identity{User: "hunter2"}, SQLState: "28P01", Remote: "192.0.2.1:999"})
	})
	if len(lines) != 3 || lines[0]["level"] != "DEBUG" || lines[1]["level"] != "DEBUG" || lines[2]["level"] != "INFO" {
		t.Fatalf("%v", lines)
	}
	if lines[0]["tenant"] != "acme" || lines[0]["user"] != "acme_app" || lines[1]["sqlstate"] != "57P01" {
		t.Errorf("%v", lines)
	}
	if lines[2]["remote"] != "192.0.2.1:999" || lines[2]["sqlstate"] != "28P01" {
		t.Errorf("%v", lines[2])
	}
	if _, ok := lines[2]["user"]; ok {
		t.Error("what somebody typed as a user name is logged")
	}
}

func TestSlowStatementsAreLoggedWithoutValues(t *testing.T) {
	plan := planOf(rewriter.KindSelect)
	plan.SQL, plan.Fingerprint = "SELECT * FROM public.orders WHERE item = 'SECRET' AND tenant_id = $1", "0123456789abcdef"
	c := newClock()
	lines := logged(t, c, func(o *Observer) {
		slow := proxy.Outcome{Session: 7, Identity: identity(t, "acme"), Plan: plan, Elapsed: 2 * time.Second, Waited: time.Second, Rows: 3}
		o.Finished(slow) // nobody asks for it yet
		o.LogSlow(time.Second)
		for range slowBurst + 5 {
			o.Finished(slow)
		}
		o.Finished(proxy.Outcome{Identity: identity(t, "acme"), Plan: plan, Elapsed: 999 * time.Millisecond})
	})
	if len(lines) != slowBurst {
		t.Fatalf("%d lines", len(lines))
	}
	for key, want := range map[string]any{"level": "WARN", "session": 7.0, "tenant": "acme", "user": "acme_app", "elapsed": 2e9, "waited": 1e9, "rows": 3.0,
		"fingerprint": "0123456789abcdef", "statement": "SELECT * FROM public.orders WHERE item = ? AND tenant_id = $1"} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %v", key, lines[0][key], want)
		}
	}
}
