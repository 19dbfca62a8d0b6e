package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway/throwawaytest"
)

func TestDemoTablesAreAligned(t *testing.T) {
	tb := demoTable{
		columns: []string{"id", "name"},
		numeric: []bool{true, false},
		rows:    [][]string{{"7", "Škoda"}, {"1201", "x"}},
	}
	want := []string{
		"   id | name",
		"------+-------",
		"    7 | Škoda",
		" 1201 | x",
		"(2 rows)",
	}
	if got := tb.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDemoTablesStandBesideEachOtherWhereTheyFit(t *testing.T) {
	left := &demoTable{columns: []string{"a"}, rows: [][]string{{"left"}}}
	right := &demoTable{columns: []string{"b"}, rows: [][]string{{"right"}, {"more"}}}
	for _, c := range []struct {
		width  int
		beside bool
	}{{80, true}, {20, false}} {
		var out bytes.Buffer
		(&screen{w: &out, width: c.width}).sideBySide("L", left, "R", right)
		beside := false
		for _, l := range strings.Split(out.String(), "\n") {
			beside = beside || strings.Contains(l, "left") && strings.Contains(l, "right")
			if len(l) > c.width {
				t.Errorf("width %d: a line of %d: %q", c.width, len(l), l)
			}
		}
		if beside != c.beside {
			t.Errorf("width %d: beside each other: %v, want %v\n%s", c.width, beside, c.beside, out.String())
		}
	}
}

func TestDemoFoldsLongLines(t *testing.T) {
	s := &screen{width: 30}
	long := "SELECT name FROM public.customers WHERE tenant_id = 'ä'"
	parts := s.fold(long)
	for _, p := range parts {
		if n := len([]rune(p)); n > s.width {
			t.Errorf("a line of %d: %q", n, p)
		}
	}
	if got := strings.Join(strings.Fields(strings.Join(parts, " ")), " "); got != long || len(parts) < 2 {
		t.Errorf("folded into %q", parts)
	}
	if word := strings.Repeat("x", 50); len(s.fold(word)) != 1 || s.fold(word)[0] != word {
		t.Errorf("a long word became %q", s.fold(word))
	}
}

func TestDemoPrintsNoColourToAFile(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	s.heading(1, "x")
	s.statement("acme", "SELECT 1")
	s.ok("fine")
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("escape sequences in %q", out.String())
	}
}

// The attempts to reach another tenant show something only if they work where no proxy is.
func TestDemoAttemptsWorkWithoutTheProxy(t *testing.T) {
	ctx := context.Background()
	pg := throwawaytest.ForTest(t)
	st := &stage{pg: pg}
	if err := st.load(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, sql := range []string{"DROP DATABASE " + demoDatabase + " WITH (FORCE)", "DROP ROLE " + demoRole} {
			if err := pg.Exec(ctx, "postgres", sql); err != nil {
				t.Error(err)
			}
		}
	})
	tour := &tour{stage: st}
	for _, c := range []struct {
		conn **pgx.Conn
		user string
	}{{&tour.super, ""}, {&tour.bare, demoRole}} {
		conn, err := pgx.Connect(ctx, pg.DSN(c.user, demoDatabase))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		*c.conn = conn
	}
	for _, a := range attempts {
		direct, err := tour.withoutProxy(ctx, a.sql)
		if err != nil {
			t.Errorf("%s: %v", a.title, err)
			continue
		}
		if what, ok := a.teeth(direct); !ok {
			t.Errorf("%s: harmless without the proxy: %s", a.title, what)
		}
		if !a.refused && a.harmless(direct) == nil {
			t.Errorf("%s: what it does without the proxy passes for harmless", a.title)
		}
	}
	lines, err := tour.truth(ctx, "SELECT 1 FROM order_lines WHERE tenant_id = 'initech'")
	if err != nil {
		t.Fatal(err)
	}
	if len(lines.rows) <= demoRowLimit {
		t.Errorf("initech has %d order lines, too few to trip its limit of %d rows", len(lines.rows), demoRowLimit)
	}
	err = tour.untouched(ctx, "acme", func() error {
		return pg.Exec(ctx, demoDatabase, "UPDATE products SET stock = stock + 1 WHERE id = 1201")
	})
	if err == nil || !strings.Contains(err.Error(), "saw them changed") {
		t.Errorf("a changed row of globex went unnoticed: %v", err)
	}
}
