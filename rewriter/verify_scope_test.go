package rewriter

import (
	"strings"
	"testing"
)

// confinedScopes are outputs over default rows and marked rows that stay inside the tenant.
var confinedScopes = []string{
	"SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NULL",
	"SELECT * FROM public.templates WHERE (public.templates.tenant_id = $3 OR public.templates.tenant_id IS NULL) AND name = $1",
	"SELECT * FROM public.orders o LEFT JOIN public.templates t ON (t.tenant_id = $3 OR t.tenant_id IS NULL) AND t.id = o.id WHERE o.tenant_id = $3 FOR UPDATE OF o",
	"SELECT * FROM public.templates t WHERE (t.tenant_id = $3 OR t.tenant_id IS NULL) AND CASE WHEN t.tenant_id = $3 OR t.tenant_id IS NULL THEN t.name::boolean ELSE false END",
	"UPDATE public.templates t SET name = d.name FROM public.templates d WHERE t.tenant_id = $3 AND (d.tenant_id = $3 OR d.tenant_id IS NULL)",
	"DELETE FROM public.templates t WHERE t.tenant_id = $3 AND t.tenant_id IS NULL",
	"INSERT INTO public.templates AS t (id, tenant_id) VALUES (1, $3) ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE t.tenant_id = $3",
	"@keeper: SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NULL FOR SHARE",
	"SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND t.deleted_at IS NULL",
	"SELECT * FROM public.tasks t WHERE t.deleted_at IS NULL AND t.id = 1 AND t.tenant_id = $3 AND t.deleted_at IS NULL FOR UPDATE",
	"@undertaker: SELECT * FROM public.tasks t WHERE t.tenant_id = $3",
	"@undertaker: SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND t.deleted_at IS NULL",
	"@undertaker: SELECT * FROM public.regions",
	"UPDATE public.tasks SET deleted_at = pg_catalog.now() WHERE public.tasks.tenant_id = $3 AND public.tasks.deleted_at IS NULL",
	"DELETE FROM public.visits v WHERE v.tenant_id = $3 AND v.left_on IS NULL",
	"SELECT * FROM public.memos m WHERE (m.tenant_id = $3 OR m.tenant_id IS NULL) AND m.gone IS NOT TRUE",
	"SELECT * FROM public.regions r LEFT JOIN public.visits v ON v.tenant_id = $3 AND v.left_on IS NULL WHERE r.retired IS NULL",
	"MERGE INTO public.templates t USING (SELECT * FROM public.templates WHERE public.templates.tenant_id = $3 OR public.templates.tenant_id IS NULL) d ON t.tenant_id = $3 AND d.id = t.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (tenant_id) VALUES ($3)",
	"MERGE INTO public.tasks t USING (SELECT 1) d ON t.tenant_id = $3 AND t.deleted_at IS NULL WHEN MATCHED THEN UPDATE SET deleted_at = pg_catalog.now()",
	"SELECT * FROM (SELECT * FROM public.regions WHERE public.regions.retired IS NULL) r(a, b)",
}

// escapingScopes are outputs that let rows through that the session may not see or write, each with a part of the reason.
var escapingScopes = []struct{ sql, why string }{
	{"SELECT * FROM public.templates t", "not compared"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id IS NULL", "not compared"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3", "confines no table"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NOT NULL", "tenant parameter $3 outside"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.name IS NULL", "tenant parameter $3 outside"},
	{"SELECT * FROM public.templates t, public.templates u WHERE (t.tenant_id = $3 OR t.tenant_id IS NULL) AND (u.tenant_id = $3 OR t.tenant_id IS NULL)", "tenant parameter $3 outside"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR tenant_id IS NULL", "tenant parameter $3 outside"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NULL OR true", "tenant parameter $3 outside"},
	{"SELECT * FROM public.templates t WHERE NOT (t.tenant_id = $3 OR t.tenant_id IS NULL)", "tenant parameter $3 outside"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3 AND t.tenant_id IS NULL", "confines no table"},
	{"SELECT * FROM public.orders o WHERE o.tenant_id = $3 OR o.tenant_id IS NULL", "confines no table"},
	{"SELECT * FROM public.templates t (a, b) WHERE t.tenant_id = $3 OR t.tenant_id IS NULL", "renamed"},
	{"UPDATE public.templates t SET name = 'x' WHERE t.tenant_id = $3 OR t.tenant_id IS NULL", "confines no table"},
	{"DELETE FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NULL", "confines no table"},
	{"DELETE FROM public.templates t WHERE t.tenant_id IS NULL", "not compared"},
	{"INSERT INTO public.templates AS t (id, tenant_id) VALUES (1, $3) ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE t.tenant_id = $3 OR t.tenant_id IS NULL", "confines no table"},
	{"INSERT INTO public.templates AS t (id, tenant_id) VALUES (1, NULL)", "another value where the tenant belongs"},
	{"INSERT INTO public.templates AS t (id) VALUES (1)", "not in the column list"},
	{"INSERT INTO public.templates DEFAULT VALUES", "not in the column list"},
	{"UPDATE public.templates t SET tenant_id = NULL WHERE t.tenant_id = $3", "tenant column tenant_id is set"},
	{"SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NULL FOR UPDATE", "confines no table"},
	{"SELECT * FROM (SELECT * FROM public.templates t WHERE t.tenant_id = $3 OR t.tenant_id IS NULL) s FOR SHARE OF s", "are locked"},
	{"SELECT * FROM (public.templates t JOIN public.orders o ON o.tenant_id = $3 AND (t.tenant_id = $3 OR t.tenant_id IS NULL)) j FOR SHARE", "are locked"},
	{"SELECT * FROM public.countries FOR KEY SHARE", "are locked"},
	{"SELECT * FROM public.tasks t WHERE t.tenant_id = $3", "marked as deleted"},
	{"SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND deleted_at IS NULL", "marked as deleted"},
	{"SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND t.deleted_at IS NOT NULL", "marked as deleted"},
	{"SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND (t.deleted_at IS NULL OR true)", "marked as deleted"},
	{"SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND t.title IS NULL", "marked as deleted"},
	{"SELECT * FROM public.tasks t WHERE t.tenant_id = $3 AND t.done IS NOT TRUE", "marked as deleted"},
	{"SELECT * FROM public.tasks t WHERE t.deleted_at IS NULL", "not compared"},
	{"SELECT * FROM public.orders o LEFT JOIN public.tasks t ON t.tenant_id = $3 WHERE o.tenant_id = $3 AND t.deleted_at IS NULL", "marked as deleted"},
	{"SELECT * FROM public.orders o FULL JOIN public.regions r ON r.retired IS NULL WHERE o.tenant_id = $3", "not compared"},
	{"SELECT * FROM public.memos m WHERE (m.tenant_id = $3 OR m.tenant_id IS NULL) AND m.gone IS NULL", "marked as deleted"},
	{"SELECT * FROM public.memos m WHERE (m.tenant_id = $3 OR m.tenant_id IS NULL) AND m.gone IS NOT FALSE", "marked as deleted"},
	{"SELECT * FROM public.regions", "marked as deleted"},
	{"SELECT * FROM public.regions r (a, b) WHERE r.retired IS NULL", "renamed"},
	{"UPDATE public.tasks t SET title = 'x' WHERE t.tenant_id = $3", "marked as deleted"},
	{"DELETE FROM public.tasks t WHERE t.tenant_id = $3 AND t.deleted_at IS NULL", "are removed that should be marked"},
	{"@undertaker: DELETE FROM public.tasks t WHERE t.tenant_id = $3", "are removed that should be marked"},
	{"WITH d AS (DELETE FROM public.tasks t WHERE t.tenant_id = $3 AND t.deleted_at IS NULL RETURNING 1) SELECT * FROM d", "are removed that should be marked"},
	{"DELETE FROM public.visits v WHERE v.tenant_id = $3", "marked as deleted"},
	{"INSERT INTO public.tasks AS t (id, tenant_id) VALUES (1, $3) ON CONFLICT (id) DO UPDATE SET title = 'x' WHERE t.tenant_id = $3", "marked as deleted"},
	{"MERGE INTO public.templates t USING (SELECT 1) d ON t.tenant_id = $3 OR t.tenant_id IS NULL WHEN MATCHED THEN DELETE", "confines no table"},
	{"MERGE INTO public.templates t USING (SELECT 1) d ON t.tenant_id = $3 WHEN NOT MATCHED THEN INSERT (id) VALUES (1)", "not in the column list"},
	{"MERGE INTO public.tasks t USING (SELECT 1) d ON t.tenant_id = $3 WHEN MATCHED THEN DO NOTHING", "marked as deleted"},
	{"MERGE INTO public.tasks t USING (SELECT 1) d ON t.tenant_id = $3 AND t.deleted_at IS NULL WHEN MATCHED THEN DELETE", "are removed that should be marked"},
	{"MERGE INTO public.orders o USING public.templates t ON o.tenant_id = $3 AND (t.tenant_id = $3 OR t.tenant_id IS NULL) WHEN MATCHED THEN DELETE", "not compared"},
	{"@undertaker: SELECT * FROM public.tasks t", "not compared"},
}

func TestSweepScopes(t *testing.T) {
	bound := sweepBound(t)
	for _, sql := range confinedScopes {
		role, text := splitRole(sql)
		in, tree, err := sweepCase(bound, role, text)
		if err == nil {
			err = sweep(text, tree, in)
		}
		if err != nil {
			t.Errorf("%s\n  is refused: %v", sql, err)
		}
	}
	for _, c := range escapingScopes {
		role, text := splitRole(c.sql)
		in, tree, err := sweepCase(bound, role, text)
		if err != nil {
			t.Errorf("%s\n  is no SQL: %v", c.sql, err)
			continue
		}
		if err := sweep(text, tree, in); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s\n  gives %v, want %q", c.sql, err, c.why)
		}
	}
}
