package drivers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/throwaway"
)

// patience is how long one client may take for one case.
const patience = 60 * time.Second

// worlds is nil when the machine has no Postgres; then every test is skipped.
var worlds *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	worlds, err = stack.Start(ctx, string(schema))
	switch {
	case errors.Is(err, throwaway.ErrNotInstalled) && os.Getenv("CI") != "true":
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	default:
		defer worlds.Stop()
	}
	return m.Run()
}

// needs skips the test, or fails it when CI=true, because something is not installed.
func needs(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s: not on this machine", what)
}

// proxied returns the endpoint behind pgcordon, for what Postgres cannot be asked.
func proxied(t *testing.T) stack.Endpoint {
	t.Helper()
	if worlds == nil {
		needs(t, "Postgres")
	}
	return worlds.Proxied
}

// report is what a client saw, line by line.
type report struct {
	lines []string
}

func (r *report) say(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// sameInBothWorlds runs a case in each world and fails when the reports differ.
func sameInBothWorlds(t *testing.T, run func(t *testing.T, e stack.Endpoint, r *report)) {
	t.Helper()
	through := proxied(t)
	reports := [2]report{}
	for i, e := range []stack.Endpoint{worlds.Direct, through} {
		ok := t.Run(e.Name, func(t *testing.T) { run(t, e, &reports[i]) })
		if !ok {
			return
		}
		if len(reports[i].lines) == 0 {
			t.Fatalf("%s: the case reported nothing", e.Name)
		}
	}
	direct, proxied := reports[0].lines, reports[1].lines
	for i := range max(len(direct), len(proxied)) {
		if at(direct, i) != at(proxied, i) {
			t.Errorf("line %d differs:\ndirect:   %s\npgcordon: %s\nwhole report through pgcordon:\n%s",
				i+1, at(direct, i), at(proxied, i), strings.Join(proxied, "\n"))
			return
		}
	}
}

// positions are dropped from Postgres's errors where pgcordon cannot translate them; test/conformance lists that.
var positions = regexp.MustCompile(` at character \d+`)

func withoutPositions(text []byte) string { return positions.ReplaceAllString(string(text), "") }

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
