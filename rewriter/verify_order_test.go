package rewriter

import (
	"strings"
	"testing"
)

// confinedOrder are outputs whose conditions can run on any row, or run on the tenant's alone.
var confinedOrder = []string{
	"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND CASE WHEN w.tenant_id = $3 THEN w.c = w.posix ELSE false END",
	"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND w.c = w.plain AND w.c = 'x' AND w.c = (w.posix COLLATE \"C\")",
	"SELECT w.c = w.posix, w.id > (SELECT 1) FROM public.words w WHERE w.tenant_id = $3",
	"SELECT * FROM public.posix_words p, public.posix_words q WHERE p.c = q.word",
	"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND w.id > LEAST((SELECT 1))",
	"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND w.id + (SELECT 1) > 2",
	"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND (SELECT true)",
	"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND w.id IN (SELECT 1) AND EXISTS (SELECT 1)",
	"SELECT * FROM public.posix_words p WHERE p.c = (SELECT 'x')",
	"COPY public.words (tenant_id, id, c, posix) FROM STDIN WHERE public.words.tenant_id = $3 AND c = posix",
	"INSERT INTO public.words AS w (id, tenant_id) VALUES (1, $3) ON CONFLICT (id) DO UPDATE SET c = 'x' WHERE w.tenant_id = $3 AND w.c = w.posix",
}

// escapingOrder are outputs with conditions that fail on rows of others.
var escapingOrder = []struct{ sql, why string }{
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND w.c = w.posix", "two collations"},
	{"SELECT id FROM public.words WHERE public.words.tenant_id = $3 AND (c < posix OR id = 1)", "two collations"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND NOT w.c IN ('x', w.posix)", "two collations"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND pg_catalog.starts_with(w.c, w.posix)", "two collations"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND COALESCE(w.c, w.posix) = 'x'", "two collations"},
	{"SELECT * FROM public.words w JOIN public.posix_words p ON w.c = p.word WHERE w.tenant_id = $3", "two collations"},
	{"SELECT * FROM public.words w JOIN public.posix_words p USING (c) WHERE w.tenant_id = $3", "two collations"},
	{"SELECT * FROM public.posix_words p NATURAL JOIN public.words w WHERE w.tenant_id = $3", "two collations"},
	{"UPDATE public.words w SET plain = 'x' WHERE w.tenant_id = $3 AND (w.c = w.posix) IS TRUE", "two collations"},
	{"DELETE FROM public.words w USING public.posix_words p WHERE w.tenant_id = $3 AND p.word = w.c", "two collations"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND w.id > (SELECT 1)", "for the first row"},
	{"SELECT id FROM public.words WHERE public.words.tenant_id = $3 AND (SELECT 1)::bigint = id", "for the first row"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND (w.id = 1 OR (SELECT true))", "for the first row"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND NOT w.id IN (1, (SELECT 2))", "for the first row"},
	{"SELECT * FROM public.words w WHERE w.tenant_id = $3 AND pg_catalog.length(w.c) = ANY (ARRAY(SELECT 1))", "for the first row"},
	{"UPDATE public.words w SET plain = 'x' WHERE w.tenant_id = $3 AND w.id = (SELECT 1)", "for the first row"},
}

func TestSweepOrder(t *testing.T) {
	bound := sweepBound(t)
	for _, sql := range confinedOrder {
		in, tree, err := sweepCase(bound, "", sql)
		if err == nil {
			err = sweep(sql, tree, in)
		}
		if err != nil {
			t.Errorf("%s\n  is refused: %v", sql, err)
		}
	}
	for _, c := range escapingOrder {
		in, tree, err := sweepCase(bound, "", c.sql)
		if err != nil {
			t.Errorf("%s\n  is no SQL: %v", c.sql, err)
			continue
		}
		if err := sweep(c.sql, tree, in); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s\n  gives %v, want %q", c.sql, err, c.why)
		}
	}
}
