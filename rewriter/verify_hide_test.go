package rewriter

import (
	"strings"
	"testing"
)

// TestSweepKeepsColumnsHidden: a table with a hidden column stands in the output with the list of the columns that are meant.
func TestSweepKeepsColumnsHidden(t *testing.T) {
	bound := sweepBound(t)
	for sql, why := range map[string]string{
		"SELECT v.id, v.name FROM public.veiled v WHERE v.tenant_id = $3":                                                          "",
		"SELECT kept FROM public.veiled kept WHERE kept.tenant_id = $3":                                                            "", // a column, not the row
		"SELECT v FROM (SELECT v.id, v.name FROM public.veiled v WHERE v.tenant_id = $3) v":                                        "",
		"SELECT v.*, o.* FROM (SELECT v.id FROM public.veiled v WHERE v.tenant_id = $3) v, public.orders o WHERE o.tenant_id = $3": "",
		"UPDATE public.veiled v SET name = (SELECT v FROM (SELECT v.id) v)::text WHERE v.tenant_id = $3":                           "",

		"SELECT * FROM public.veiled v WHERE v.tenant_id = $3":                                                                                             "* shows",
		"SELECT v.* FROM public.veiled v WHERE v.tenant_id = $3":                                                                                           "qualified * shows",
		"SELECT public.veiled.* FROM public.veiled WHERE public.veiled.tenant_id = $3":                                                                     "qualified * shows",
		"SELECT (SELECT v.id FROM (SELECT v.*) x) FROM public.veiled v WHERE v.tenant_id = $3":                                                             "qualified * shows",
		"SELECT v FROM public.veiled v WHERE v.tenant_id = $3":                                                                                             "whole row shows",
		"SELECT veiled FROM public.veiled WHERE public.veiled.tenant_id = $3":                                                                              "whole row shows",
		"SELECT pg_catalog.row_to_json(v.*) FROM public.veiled v WHERE v.tenant_id = $3":                                                                   "qualified * shows",
		"SELECT (v).id FROM public.veiled v WHERE v.tenant_id = $3":                                                                                        "whole row shows",
		"SELECT v.id FROM public.veiled v NATURAL JOIN public.orders o WHERE v.tenant_id = $3 AND o.tenant_id = $3":                                        "a join",
		"SELECT * FROM (public.veiled v JOIN public.countries c ON v.tenant_id = $3) j":                                                                    "a join",
		"DELETE FROM public.veiled v WHERE v.tenant_id = $3 RETURNING *":                                                                                   "* shows",
		"DELETE FROM public.veiled v WHERE v.tenant_id = $3 RETURNING v":                                                                                   "whole row shows",
		"INSERT INTO public.veiled (id, tenant_id) VALUES (1, $3) RETURNING *":                                                                             "* shows",
		"INSERT INTO public.veiled (id, tenant_id) VALUES (1, $3) ON CONFLICT (id) DO UPDATE SET name = excluded::text WHERE public.veiled.tenant_id = $3": "whole row shows",
		"DELETE FROM public.veiled v WHERE v.tenant_id = $3 RETURNING old.tenant_id":                                                                       "the row as it was shows",
		"DELETE FROM public.veiled v WHERE v.tenant_id = $3 RETURNING (old).id":                                                                            "the row as it was shows",
		"DELETE FROM public.veiled v WHERE v.tenant_id = $3 RETURNING new.*":                                                                               "the row as it was shows",
		"DELETE FROM public.veiled v WHERE v.tenant_id = $3 RETURNING (SELECT new)":                                                                        "the row as it was shows",
		"DELETE FROM public.veiled new WHERE new.tenant_id = $3 RETURNING new.id":                                                                          "",
		"SELECT NULL::public.veiled": "type",
	} {
		in, tree, err := sweepCase(bound, "", sql)
		if err != nil {
			t.Fatal(err)
		}
		switch err := sweep(sql, tree, in); {
		case why == "" && err != nil:
			t.Errorf("%s\n  is refused: %v", sql, err)
		case why != "" && err == nil:
			t.Errorf("%s\n  is accepted, want %q", sql, why)
		case why != "" && !strings.Contains(err.Error(), why):
			t.Errorf("%s\n  is refused by %q, want %q", sql, err, why)
		}
	}
}

// TestSweepKeepsColumnsHiddenInCatalogs changes what the rewriter makes of the catalogs of a schema with hidden columns.
func TestSweepKeepsColumnsHiddenInCatalogs(t *testing.T) {
	bound := boundIn(t, "testdata/hidden")
	r := New(bound, Options{})
	for _, c := range []struct{ sql, from, to string }{
		{"SELECT attname FROM pg_attribute", "ELSE true END AS attisdropped", "ELSE false END AS attisdropped"},
		{"SELECT attname FROM pg_attribute", "THEN t.atttypid ELSE '0' END", "THEN t.atttypid ELSE t.atttypid END"},
		{"SELECT attname FROM pg_attribute", "'tenant_id'", "'tenant_ix'"},
		{"SELECT conkey FROM pg_constraint", "t.conkey IS NULL OR", "true OR"},
		{"SELECT conkey FROM pg_constraint", "pg_catalog.array_agg(v.x ORDER BY v.n)", "pg_catalog.array_agg(v.x ORDER BY v.x)"},
		{"SELECT indkey FROM pg_index", "pg_catalog.unnest(t.indkey)", "pg_catalog.unnest(t.indoption)"},
		{"SELECT adnum FROM pg_attrdef", "pg_catalog.pg_attribute y", "public.orders y"},
		{"SELECT pg_get_constraintdef(123)", "'(', 'g')", "'(', 'i')"},
		{"SELECT pg_get_constraintdef(123)", "WHERE pgcordon.pgcordon = 123", "WHERE true"},
		{"SELECT pg_get_constraintdef(123)", "JOIN pg_catalog.pg_constraint k", "JOIN public.orders k"},
		{"SELECT pg_get_constraintdef(123, $1)", "$1::boolean", "(SELECT true FROM public.orders)"},
		{"SELECT pg_get_indexdef(123, 1, true)", "1::int", "pg_catalog.lo_creat(1)"},
		{"SELECT pg_get_partkeydef(123)", "", ""}, // as it was made
	} {
		plan, err := r.Plan(Request{SQL: c.sql, Protocol: Extended})
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if !strings.Contains(plan.SQL, c.from) {
			t.Errorf("%s: %q is not in %s", c.sql, c.from, plan.SQL)
		}
		changed := strings.ReplaceAll(plan.SQL, c.from, c.to)
		in, tree, err := sweepCase(bound, "", changed)
		if err != nil {
			t.Fatalf("%s: %v", changed, err)
		}
		if err := sweep(changed, tree, in); (err == nil) != (c.from == "") {
			t.Errorf("%s with %q: %v", c.sql, c.to, err)
		}
	}
}
