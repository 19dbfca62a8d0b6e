package rewriter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// goldenInputs returns the client texts of the golden corpus.
func goldenInputs(t testing.TB) []string { return goldenInputsIn(t, "testdata") }

func goldenInputsIn(t testing.TB, dir string) []string {
	files, err := filepath.Glob(dir + "/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	var out []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split(string(b), "\n\n") {
			_, rest, _ := strings.Cut(c, "\n")
			sql, _, ok := strings.Cut(rest, "\n----")
			if ok {
				out = append(out, sql)
			}
		}
	}
	return out
}

// FuzzPlan gives any text to the rewriter. The sweep, which shares no code with it, must accept whatever it makes; the
// text with the tenant spliced in must still be as many statements; and nothing may panic.
func FuzzPlan(f *testing.F) {
	for _, sql := range goldenInputs(f) {
		f.Add(sql, false)
		f.Add(sql, true)
	}
	r := New(goldenBound(f), Options{CacheBytes: 1 << 20, MaxStatementBytes: 8 << 10})
	id := tenant(f, `o'hara \ $1 "x"`)
	f.Fuzz(func(t *testing.T, sql string, simple bool) {
		req := Request{SQL: sql, Protocol: Extended, SearchPath: []string{"public", "billing"}}
		if simple {
			req.Protocol = Simple
		}
		plan, err := r.Plan(req)
		if err != nil {
			var d *Denial
			if !errors.As(err, &d) || d.SQLState == "" || d.Rule == "" {
				t.Fatalf("not a denial: %v", err)
			}
			if d.Rule == ruleSweep || d.Rule == rulePrint || d.Rule == ruleInternal {
				t.Fatalf("%q: %v", sql, d)
			}
			return
		}
		if len(plan.Statements) == 0 {
			return
		}
		text := plan.Splice(id)
		tree, err := pg.Parse(text)
		if err != nil || len(tree.Stmts) != len(plan.Statements) {
			t.Fatalf("%q became %q: %v", sql, text, err)
		}
	})
}
