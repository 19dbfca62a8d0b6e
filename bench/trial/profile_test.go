package trial

import (
	"strings"
	"testing"
)

const straceTable = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.55    0.012000          12      1000        20 read
 38.45    0.007000          14       500           write
------ ----------- ----------- --------- --------- ----------------
100.00    0.019000          12      1500        20 total
`

func TestCallsPerTransaction(t *testing.T) {
	got := callsPer(straceTable, 250)
	for _, want := range []string{"  4.00  read\n", "  2.00  write\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "total") {
		t.Errorf("the sum is listed:\n%s", got)
	}
}

func TestPackageOf(t *testing.T) {
	for name, want := range map[string]string{
		"pgcordon/proxy/pgwire.(*Reader).Next": "pgcordon/proxy/pgwire", "runtime.mallocgc": "runtime", "base_yyparse": "C",
		"github.com/a/b/v5.F": "github.com/a/b/v5",
	} {
		if got := packageOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
