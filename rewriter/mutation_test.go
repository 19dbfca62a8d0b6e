//go:build mutation

package rewriter

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// untold are the denials that no case of the golden corpus can show, or that are not issued by the pass: a fault of the rewriter's own, what the
// parser, the printer and the sweep find (which have tests of their own), what is compared at execution, views that no server
// would have stored (TestViewDefinitions).
var untold = []string{ruleInternal, ruleSweep, ruleTenantMismatch, ruleSyntax, rulePrint, ruleViewDefinition}

// TestEachRuleIsNoticed leaves out one rewriting rule after the other: for each the golden corpora must have a case that changes. The rules are
// those that the corpus itself comes by, and each kind of denial must be among them.
//
//	go test -tags mutation -run TestEachRuleIsNoticed -v ./rewriter
func TestEachRuleIsNoticed(t *testing.T) {
	if n := changedCases(t, ""); n > 0 {
		t.Fatalf("%d cases of the corpus fail with nothing left out", n)
	}
	var all []string
	places.Range(func(place, _ any) bool {
		all = append(all, place.(string))
		return true
	})
	slices.Sort(all)
	source, err := os.ReadFile("rules.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\trule\w+ += "([\w-]+)"`).FindAllStringSubmatch(string(source), -1) {
		if !slices.Contains(all, "rule "+m[1]) && !slices.Contains(untold, m[1]) {
			t.Errorf("no case of the golden corpus is refused by the rule %s", m[1])
		}
	}
	for _, place := range all {
		n := changedCases(t, place)
		t.Logf("%-60s %d cases change", place, n)
		if n == 0 {
			t.Errorf("%s: nothing notices when it is left out", place)
		}
	}
	if len(all) < 30 {
		t.Errorf("only %d rules", len(all))
	}
}

// TestSweepNotices leaves out rules that the sweep has counterparts of, with the sweep on: it must refuse what comes of it.
func TestSweepNotices(t *testing.T) {
	for place, least := range map[string]int{"": 0, "collations that differ": 5, "values that fail late": 5, "WHERE of the target": 20, "marked rows": 10,
		"schema of a relation": 100, "tenant column of INSERT": 20} {
		n := sweptCases(t, place)
		t.Logf("%-60s %d cases are refused by the sweep", place, n)
		if n < least || place == "" && n > 0 {
			t.Errorf("%q: the sweep refuses %d cases", place, n)
		}
	}
}

// sweptCases counts the golden cases that the sweep refuses when a rule is left out.
func sweptCases(t *testing.T, place string) int {
	Omit(place)
	Sweep(true)
	defer Omit("")
	defer Sweep(false)
	refused := 0
	r := New(goldenBound(t), Options{})
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if strings.Contains(golden(t, r, d), " "+ruleSweep+": ") {
				refused++
			}
			return d.Expected
		})
	})
	return refused
}

// changedCases counts the golden cases whose output changes when a rule is left out.
func changedCases(t *testing.T, place string) int {
	Omit(place)
	defer Omit("")
	changed := 0
	for _, dir := range []string{"testdata", "testdata/hidden", "testdata/extensions", "testdata/sequences"} {
		bound := boundIn(t, dir)
		bound.Catalog.Database = "shop"
		r := New(bound, Options{})
		datadriven.Walk(t, dir+"/golden", func(t *testing.T, path string) {
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				if got := golden(t, r, d); strings.TrimSpace(got) != strings.TrimSpace(d.Expected) {
					if changed++; place == "" {
						t.Errorf("%s: %s", d.Pos, got)
					}
				}
				return d.Expected
			})
		})
	}
	return changed
}
