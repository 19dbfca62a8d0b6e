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
