package rewriter

import (
	"fmt"
	"testing"

	"pgcordon/policy/catalog"
)

func TestAnalyseFunction(t *testing.T) {
	b := goldenBound(t)
	for _, c := range []struct {
		language, source string
		definer          bool
		want             string
	}{
		{"sql", "SELECT secret FROM orders WHERE id = $1", false, "[public.orders (tenant)] [] [] []"},
		{"sql", "SELECT amount * 0.2", true, "[] [] [] [security definer: it runs with its owner's rights]"},
		{"sql", "WITH c AS (DELETE FROM orders RETURNING *) INSERT INTO archive.orders SELECT id FROM c JOIN countries ON true", false,
			"[archive.orders (denied) public.countries (global) public.orders (tenant)] [archive.orders (denied) public.orders (tenant)] [] []"},
		{"sql", "BEGIN ATOMIC\n SELECT order_secret(o.id) FROM orders o;\n SELECT pg_sleep(1);\nEND", false,
			"[public.orders (tenant)] [] [pg_sleep (waits) public.order_secret] []"},
		{"sql", "RETURN (SELECT count(*) FROM secrets)", false, "[public.secrets (denied)] [] [] []"},
		{"sql", "SELECT query_to_xml('SELECT 1', true, true, ''); TRUNCATE nosuch", false,
			"[nosuch (not found)] [] [query_to_xml (runs SQL from text)] [it runs TRUNCATE]"},
		{"sql", "SELECT FROM WHERE", false, "[] [] [] [its text cannot be parsed]"},
		{"plpgsql", "DECLARE n int := (SELECT count(*) FROM countries); BEGIN n := nextval('invoice_seq'); UPDATE orders SET qty = n WHERE id = 1; RETURN; END", false,
			"[public.countries (global) public.orders (tenant)] [public.orders (tenant)] [nextval (sequence)] [plpgsql: the queries in its text were read]"},
		{"plpgsql", "BEGIN EXECUTE 'SELECT ' || x; FOR r IN SELECT * FROM secrets LOOP PERFORM tax(1); END LOOP; END", false, ""},
		{"plpgsql", "BEGIN EXECUTE 'SELECT 1'; PERFORM public.tax(1); END", false,
			"[] [] [public.tax] [it builds SQL when it runs, which cannot be analysed plpgsql: the queries in its text were read]"},
		{"plpgsql", "this is no block", false, "[] [] [] [its text cannot be parsed]"},
		{"c", "", false, "[] [] [] [language c cannot be analysed]"},
	} {
		r := AnalyseFunction(b, &catalog.Function{Language: c.language, Source: c.source, SecurityDefiner: c.definer})
		if got := fmt.Sprint(r.Reads, r.Writes, r.Calls, r.Notes); c.want != "" && got != c.want {
			t.Errorf("%s\n  got  %s\n  want %s", c.source, got, c.want)
		}
	}
}
