package rewriter

import (
	"errors"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// TestNewNumbers: servers before 16 read such a number as another one with a name behind it, so they do not get it.
func TestNewNumbers(t *testing.T) {
	for sql, refused := range map[string]bool{
		"SELECT 99999999999_9": true, "SELECT 1_000.5": true, "SELECT 0xFFFFFFFFFF": true, "SELECT 1_0e1_0": true, "SELECT id FROM orders WHERE total < 1_0.0": true,
		"SELECT 0x1F, 1_000": false, "SELECT '1_000.5', 2.5 AS a1_0x": false, "SELECT 1e10, 99999999999": false,
	} {
		tree, err := pg.Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		if got := newNumbers(150000, sql, tree); got != refused {
			t.Errorf("%s: %v", sql, got)
		}
		if newNumbers(160000, sql, tree) {
			t.Errorf("%s: a server of 16 reads it", sql)
		}
	}
	r := New(goldenBound(t), Options{})
	if r.bound.Catalog.ServerVersion >= 160000 {
		t.Fatal("the golden catalog is of a newer server")
	}
	_, err := r.Plan(Request{SQL: "SELECT 1_000.5", Protocol: Simple, SearchPath: []string{"public"}})
	var d *Denial
	if !errors.As(err, &d) || d.SQLState != stateSyntax {
		t.Errorf("%v", err)
	}
}
