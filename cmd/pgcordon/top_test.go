package main

import (
	"strings"
	"testing"
	"time"
)

func topTenants(rows ...string) map[string]adminRow {
	tenants := map[string]adminRow{}
	for _, r := range rows {
		f := strings.Fields(r)
		tenants[f[0]] = adminRow{"tenant": f[0], "connections": f[1], "waiting": f[2], "statements": f[3], "time_us": f[4], "rows": f[5], "denials": f[6]}
	}
	return tenants
}

// Rates come from two looks; what was counted anew between them begins at zero.
func TestTopCompares(t *testing.T) {
	start := time.Unix(1000, 0)
	before := &topSample{at: start, tenants: topTenants("acme 3 0 100 5000000 1000 0", "globex 1 0 50 0 0 7", "gone 1 0 5 5 5 5", "anew 1 0 500 900000 3 0")}
	now := &topSample{at: start.Add(2 * time.Second), tenants: topTenants("acme 3 1 140 6000000 1200 0", "globex 1 0 50 0 0 9", "anew 1 0 20 20000 4 0", "fresh 1 0 10 0 0 0")}
	byTime, _ := topOrderNamed("time")
	v := compareTop(before, now, byTime)
	order := func(v topView) string {
		var names []string
		for _, t := range v.tenants {
			names = append(names, t.name)
		}
		return strings.Join(names, " ")
	}
	if got := order(v); got != "acme anew fresh globex" {
		t.Errorf("by time: %s", got)
	}
	acme := v.tenants[0]
	if acme.statements != 20 || acme.busy != 0.5 || acme.rows != 100 || acme.average() != 25*time.Millisecond || acme.waiting != 1 || acme.connections != 3 {
		t.Errorf("acme: %+v", acme)
	}
	if anew := v.tenants[1]; anew.statements != 10 || anew.busy != 0.01 {
		t.Errorf("a tenant that was counted anew: %+v", anew)
	}
	if v.all.statements != 20+10+5 || v.all.connections != 6 {
		t.Errorf("all: %+v", v.all)
	}
	for key, want := range map[byte]string{'d': "globex acme anew fresh", 'w': "acme anew fresh globex", 's': "acme anew fresh globex"} {
		o, ok := topOrderOf(key)
		if got := order(compareTop(before, now, o)); !ok || got != want {
			t.Errorf("by %c: %s", key, got)
		}
	}
	if v := compareTop(nil, now, byTime); v.tenants[0].statements != 0 || len(v.tenants) != 4 {
		t.Errorf("with one look: %+v", v.tenants[0])
	}
}

// The screen's size holds, and no name moves the cursor.
func TestTopFitsTheScreen(t *testing.T) {
	evil := "a\x1b[2J\nb"
	now := &topSample{at: time.Unix(1000, 0), version: "pgcordon 1", pool: adminRow{"database": "shop"}, data: adminRow{"paused": "1", "pool_size": "5", "reserve_pool_size": "2"},
		tenants: map[string]adminRow{}}
	for _, name := range []string{evil, "a-tenant-with-a-very-long-name", "b", "c", "d", "e", "f", "g"} {
		now.tenants[name] = adminRow{"tenant": name, "connections": "1"}
	}
	for range 9 {
		now.denials = append(now.denials, adminRow{"tenant": evil, "user": evil, "count": "3", "kind": "denial", "rule": "relation-denied", "fingerprint": "0123456789abcdef"})
	}
	byTime, _ := topOrderNamed("time")
	for _, size := range [][2]int{{200, 60}, {80, 24}, {40, 12}, {20, 5}, {1, 1}} {
		lines := topLines(compareTop(nil, now, byTime), size[0], size[1])
		if len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			if len([]rune(l.text)) > size[0] || strings.ContainsAny(l.text, "\x1b\n\r") {
				t.Errorf("%v: %q", size, l.text)
			}
		}
	}
	text := ""
	for _, l := range topLines(compareTop(nil, now, byTime), 200, 60) {
		text += l.text + "\n"
	}
	for _, want := range []string{"PAUSED", "7 at most", "all 8 tenants", "a-tenant-with-a-ver…", "relation-denied", "a?[2J?b"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown in\n%s", want, text)
		}
	}
}

func TestTopNumbersAreShort(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 0.04: "0.0", 3.14: "3.1", 42: "42", 9999: "9999", 12345: "12.3k", 1.5e6: "1.5M", 2e9: "2.0G"} {
		if got := amount(n); got != want {
			t.Errorf("%v: %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0", 20 * time.Microsecond: "20us", 1500 * time.Microsecond: "1.5ms", 2 * time.Second: "2.0s", 90 * time.Second: "1m30s"} {
		if got := short(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
