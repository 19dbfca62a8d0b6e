package rewriter

import (
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestReference ties docs/sql.md to the golden corpus: each example is a case of it, with the verdict that the page states.
func TestReference(t *testing.T) {
	outcomes := map[string][]string{}
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			outcomes[d.Input] = append(outcomes[d.Input], d.Expected)
			return d.Expected
		})
	})
	page, err := os.ReadFile("../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(cells) != 6 || !strings.HasSuffix(strings.TrimSpace(cells[4]), "`") {
			continue
		}
		rows++
		example := strings.ReplaceAll(strings.Trim(strings.TrimSpace(cells[4]), "`"), "\x00", "|")
		verdict := strings.TrimSpace(cells[2])
		found := outcomes[example]
		if len(found) == 0 {
			t.Errorf("%s\n  is no case of the golden corpus", example)
			continue
		}
		if !verdictHolds(verdict, example, found) {
			t.Errorf("%s\n  is said to be %q, the golden corpus says %q", example, verdict, found)
		}
	}
	if rows < 200 {
		t.Errorf("docs/sql.md has %d rows", rows)
	}
}

// verdictHolds tells whether one of the outcomes is what the page says.
func verdictHolds(verdict, example string, outcomes []string) bool {
	for _, o := range outcomes {
		refused := strings.HasPrefix(o, "refused ")
		switch verdict {
		case "yes", "by policy":
			if !refused {
				return true
			}
		case "rewritten":
			if !refused && strings.SplitN(o, "\n", 2)[0] != example {
				return true
			}
		case "refused":
			if refused {
				return true
			}
		}
	}
	return false
}
