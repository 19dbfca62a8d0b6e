package rewriter

import (
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestHiddenColumnsGolden runs the golden cases of a schema whose tenant columns are hidden.
func TestHiddenColumnsGolden(t *testing.T) {
	r := New(boundIn(t, "testdata/hidden"), Options{})
	datadriven.Walk(t, "testdata/hidden/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "plan" {
				t.Fatalf("%s: unknown directive %s", d.Pos, d.Cmd)
			}
			return golden(t, r, d)
		})
	})
}
