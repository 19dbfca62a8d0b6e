package rewriter

import (
	"strings"
	"testing"
)

// TestClientPosition follows a name from the sent text back to the client's, past characters of several bytes and tenants of any length.
func TestClientPosition(t *testing.T) {
	r := New(goldenBound(t), Options{})
	const sql = `SELECT 'ä€', o.nosuch, (nosuch4 * 2) FROM orders o LEFT JOIN customers c ON c.nosuch2 = 'ü' WHERE nosuch3 > 'ö'`
	plan, err := r.Plan(Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	position := func(text, name string) int { return len([]rune(text[:strings.Index(text, name)])) + 1 }
	for _, name := range []string{"o.nosuch", "c.nosuch2", "nosuch3", "nosuch4"} {
		want := position(sql, name)
		if got := plan.ClientPosition(position(plan.SQL, name)); got != want {
			t.Errorf("%s: at %d, want %d", name, got, want)
		}
		for _, id := range []string{"a", "acme", "a very long tenant's name"} {
			sent := plan.Splice(tenant(t, id))
			if got := plan.ClientPositionSpliced(position(sent, name), tenant(t, id)); got != want {
				t.Errorf("%s with %q: at %d, want %d", name, id, got, want)
			}
		}
	}
	if got := plan.ClientPosition(position(plan.SQL, "$1")); got != 0 {
		t.Errorf("the tenant parameter is at %d", got)
	}
	for _, beyond := range []int{0, -1, 100000} {
		if got := plan.ClientPosition(beyond); got != 0 {
			t.Errorf("position %d is at %d", beyond, got)
		}
	}
}
