package rewriter

import (
	"strings"
	"testing"
)

func TestNormal(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT * FROM orders WHERE id = $1 AND item = 'secret'":              "SELECT * FROM orders WHERE id = $1 AND item = ?",
		"SELECT 42, 1e5, .5, X'1F', B'1', E'a\\nb', U&'\\0061', $q$secret$q$": "SELECT ?, ?, ?, ?, ?, ?, ? , ?",
		"SELECT 1 /* secret */ -- secret\n FROM \"Orders\"":                   "SELECT ? FROM \"Orders\"",
		"SELECT 'a'\n  'b'":                   "SELECT ?",
		"SET x = 'secret'":                    "SET x = ?",
		"SELECT a.b::int[1]":                  "SELECT a.b::int[?]",
		"SELECT 'not closed":                  "",
		"INSERT INTO t\nVALUES\t(1,'secret')": "INSERT INTO t VALUES (?,?)",
	} {
		if got := (&Plan{SQL: sql}).Normal(1000); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
	long := (&Plan{SQL: "SELECT " + strings.Repeat("column, ", 1000) + "1"}).Normal(100)
	if len(long) > 110 || !strings.HasSuffix(long, "...") {
		t.Errorf("%d bytes: %s", len(long), long)
	}
}
