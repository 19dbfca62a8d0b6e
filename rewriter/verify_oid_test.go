package rewriter

import (
	"strings"
	"testing"
)

// TestSweepLooksUpNumbers: a number that is given to a function which tells of any object is looked up, or comes from a catalog.
func TestSweepLooksUpNumbers(t *testing.T) {
	bound := goldenBound(t)
	r := New(bound, Options{})
	for _, c := range []struct{ sql, from, to string }{
		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c", "", ""}, // as it was made
		{"SELECT has_table_privilege('orders', 'select')", "", ""},
		{"SELECT has_table_privilege(relname, 'select') FROM pg_class", "", ""},
		{"SELECT pg_get_expr(adbin, 0) FROM pg_attrdef", "", ""},

		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c", "visible(c.oid)", "visible(16400)"},
		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c", "visible(c.oid)", "visible(c.relname::pg_catalog.text::pg_catalog.oid)"},
		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c", "visible(c.oid)", "visible(c.relnatts)"},
		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c", "visible(c.oid)", "visible(d.oid)"},
		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c, (SELECT 1 AS n) x", "visible(c.oid)", "visible(x.n)"},
		{"SELECT pg_table_is_visible(c.oid) FROM pg_class c, (SELECT 1 AS n) x", "visible(c.oid)", "visible(oid)"},
		{"SELECT pg_is_other_temp_schema(n.oid) FROM pg_namespace n", "schema(n.oid)", "schema($1)"},
		{"SELECT has_table_privilege(c.oid, 'select') FROM pg_class c", "(c.oid, ", "(16400, "},
		{"SELECT has_column_privilege(current_user, c.oid, 'a', 'select') FROM pg_class c", "c.oid, ", "16400, "},
		{"SELECT has_table_privilege('orders', 'select')", "'orders'", "$1"},
		{"SELECT has_table_privilege(relname, 'select') FROM pg_class", "relname::pg_catalog.text", "pg_catalog.length(relname)"},
		{"SELECT pg_get_expr(adbin, 0) FROM pg_attrdef", "adbin, 0", "adbin, 16400"},
		{"SELECT objid FROM pg_depend", "t.refclassid <> '1259' OR", "true OR"},
	} {
		plan, err := r.Plan(Request{SQL: c.sql, Protocol: Simple, SearchPath: []string{"public"}})
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if !strings.Contains(plan.SQL, c.from) {
			t.Errorf("%s: %q is not in %s", c.sql, c.from, plan.SQL)
		}
		changed := strings.ReplaceAll(plan.SQL, c.from, c.to)
		if c.from == "" {
			changed = plan.SQL
		}
		in, tree, err := sweepCase(bound, "", changed)
		if err != nil {
			t.Fatalf("%s: %v", changed, err)
		}
		if err := sweep(changed, tree, in); (err == nil) != (c.from == "") {
			t.Errorf("%s\n  changed to %q: %v", c.sql, c.to, err)
		}
	}
}
