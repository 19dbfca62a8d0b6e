package trial_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pgcordon/bench/load"
	"pgcordon/bench/report"
	"pgcordon/test/drivers/stack"
	"pgcordon/test/throwaway"
)

// TestQuick runs everything as a user would, small and short: every cell is measured, or says why not, and nothing fails.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the quick bench takes most of a minute")
	}
	dir := t.TempDir()
	program, err := stack.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "bench", "--quick", "-o", dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if bytes.Contains(stderr.Bytes(), []byte(throwaway.ErrNotInstalled.Error())) && os.Getenv("CI") != "true" {
			t.Skip(throwaway.ErrNotInstalled)
		}
		t.Fatalf("%v\n%s%s", err, stderr.Bytes(), stdout.Bytes())
	}
	files, err := filepath.Glob(filepath.Join(dir, "pgcordon-bench-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	results, err := report.Load(files[0])
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range results.Cells {
		seen[c.Workload] = true
		checkCell(t, c)
	}
	for _, w := range load.All(load.Quick) {
		if !seen[w.Name] {
			t.Errorf("%s is in no cell", w.Name)
		}
	}
	for _, ending := range []string{"html", "txt"} {
		if files, _ := filepath.Glob(filepath.Join(dir, "pgcordon-bench-*."+ending)); len(files) != 1 {
			t.Errorf("no %s", ending)
		}
	}
}

func checkCell(t *testing.T, c *report.Cell) {
	t.Helper()
	measured := 0
	for _, s := range c.Series {
		switch {
		case s.Failure != "":
			t.Errorf("%s, %s: %s", c.Name(), s.Target, s.Failure)
		case s.LeftOut != "":
		case len(s.Rounds) != 1:
			t.Errorf("%s, %s: %d rounds", c.Name(), s.Target, len(s.Rounds))
		default:
			measured++
			m, alone := s.Rounds[0], s.Target == report.Parser || s.Target == report.Planner
			if m.Transactions == 0 || (m.PerSecond == 0 || m.Latency.P50 == 0) && !alone || alone && m.CPU == 0 {
				t.Errorf("%s, %s: not filled: %+v", c.Name(), s.Target, m)
			}
		}
	}
	if measured == 0 {
		t.Errorf("%s: nothing was measured", c.Name())
	}
}
