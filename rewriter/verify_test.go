package rewriter

import (
	"errors"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/test/throwaway/throwawaytest"
)

func sweepBound(t testing.TB) *policy.Bound {
	t.Helper()
	return boundTo(t, connectTo(t, throwawaytest.ForTest(t), "testdata/sweep/schema.sql"), "testdata/sweep")
}

// In all cases $1 and $2 are the client's; $3 is the tenant as text, $4 as uuid, $5 as int4, $6 as varchar.
func sweepCase(bound *policy.Bound, role string, sql string) (sweepInput, *pg.ParseResult, error) {
	in := sweepInput{bound: bound, clientParams: 2,
		tenants: map[int32]policy.ColumnType{3: policy.TypeText, 4: policy.TypeUUID, 5: policy.TypeInt4, 6: policy.TypeVarchar}}
	if role != "" {
		in.role = bound.Policy.Roles[role]
	}
	tree, err := pg.Parse(sql)
	if err == nil {
		in.statements = len(tree.Stmts)
	}
	return in, tree, err
}

// confined are outputs that stay inside the tenant, by role where it starts with one.
var confined = []string{
	"SELECT 1",
	"SELECT 1; SELECT 2",
	"VALUES (1, $1), (2, $2)",
	"SELECT id FROM public.orders WHERE public.orders.tenant_id = $3",
	"SELECT * FROM public.orders o WHERE o.tenant_id = $3 AND o.id = $1",
	"SELECT * FROM ONLY public.orders o WHERE o.tenant_id = $3",
	"SELECT * FROM public.orders o WHERE o.id = $1 AND (o.total > 3 AND o.tenant_id = $3)",
	"SELECT * FROM public.orders o WHERE o.tenant_id OPERATOR(pg_catalog.=) $3",
	"SELECT * FROM public.orders o, public.customers c WHERE o.tenant_id = $3 AND c.tenant_id = $3 AND c.id = o.id",
	"SELECT * FROM public.orders, billing.orders WHERE public.orders.tenant_id = $3 AND billing.orders.org_id = $4",
	"SELECT x.id FROM public.places x WHERE x.tenant_id = $3 ORDER BY LEAST(x.at <-> $1)",
	"SELECT * FROM public.seats s WHERE s.account = $5",
	"SELECT * FROM public.codes s WHERE s.tenant = $6",
	"SELECT * FROM public.events e WHERE e.tenant_id = $3",
	"SELECT * FROM public.totals t WHERE t.tenant_id = $3",
	"SELECT name FROM public.countries",
	"SELECT x.a FROM public.countries x(a, b)",
	"SELECT * FROM public.orders o JOIN public.customers c ON o.tenant_id = $3 AND c.tenant_id = $3 AND true",
	"SELECT * FROM public.orders o JOIN public.customers c ON true WHERE o.tenant_id = $3 AND c.tenant_id = $3",
	"SELECT * FROM public.orders o CROSS JOIN public.customers c WHERE o.tenant_id = $3 AND c.tenant_id = $3",
	"SELECT * FROM public.orders o JOIN public.customers c USING (id) AS j WHERE o.tenant_id = $3 AND c.tenant_id = $3",
	"SELECT * FROM public.orders o LEFT JOIN public.customers c ON c.tenant_id = $3 WHERE o.tenant_id = $3",
	"SELECT * FROM public.orders o RIGHT JOIN public.customers c ON o.tenant_id = $3 WHERE c.tenant_id = $3",
	"SELECT * FROM public.countries x LEFT JOIN (public.orders o JOIN public.customers c ON true) ON o.tenant_id = $3 AND c.tenant_id = $3",
	"SELECT * FROM public.countries x LEFT JOIN (public.orders o LEFT JOIN public.customers c ON c.tenant_id = $3) ON o.tenant_id = $3",
	"SELECT * FROM public.countries x FULL JOIN (SELECT * FROM public.orders o WHERE o.tenant_id = $3) o ON true",
	"SELECT * FROM (public.orders o JOIN public.countries x ON o.tenant_id = $3) FULL JOIN public.countries y ON true",
	"SELECT * FROM (public.orders o JOIN public.customers c ON o.tenant_id = $3 AND c.tenant_id = $3) AS j",
	"SELECT * FROM (public.orders o JOIN public.countries x ON o.tenant_id = $3) AS j, public.orders o WHERE o.tenant_id = $3",
	"SELECT * FROM (SELECT * FROM public.orders WHERE public.orders.tenant_id = $3) a(x, y)",
	"SELECT * FROM public.orders o, LATERAL (SELECT * FROM public.customers c WHERE c.tenant_id = $3 AND c.id = o.id) l WHERE o.tenant_id = $3",
	"SELECT * FROM public.orders o, pg_catalog.unnest(o.tags) t(tag) WHERE o.tenant_id = $3 AND t.tag = 'x'",
	"SELECT * FROM ROWS FROM (pg_catalog.generate_series(1, 3), pg_catalog.json_to_record('{}') AS (a int, b text)) WITH ORDINALITY",
	"SELECT * FROM pg_catalog.jsonb_to_recordset('[]') x(a int, b public.mood)",
	"SELECT (SELECT pg_catalog.max(c.id) FROM public.customers c WHERE c.tenant_id = $3 AND c.id = o.id) FROM public.orders o WHERE o.tenant_id = $3",
	"SELECT * FROM public.orders o WHERE o.tenant_id = $3 AND EXISTS (SELECT 1 FROM public.customers c WHERE c.tenant_id = $3)",
	"SELECT * FROM public.orders o WHERE o.tenant_id = $3 AND o.id IN (SELECT c.id FROM public.customers c WHERE c.tenant_id = $3)",
	"SELECT * FROM public.orders o WHERE o.tenant_id = $3 AND CASE WHEN o.tenant_id = $3 THEN o.secret ~ 'x' ELSE false END",
	"SELECT * FROM public.orders o LEFT JOIN public.customers c ON c.tenant_id = $3 WHERE o.tenant_id = $3 AND CASE WHEN (c.tenant_id = $3 OR c.tenant_id IS NULL) AND o.tenant_id = $3 THEN c.name ~ o.secret ELSE false END",
	"SELECT * FROM public.orders o WHERE o.tenant_id = $3 AND EXISTS (SELECT 1 FROM public.countries x WHERE CASE WHEN o.tenant_id = $3 THEN o.secret ~ x.name ELSE false END)",
	"WITH t AS (SELECT * FROM public.orders o WHERE o.tenant_id = $3) SELECT t.id FROM t",
	"WITH orders AS (SELECT * FROM public.orders WHERE public.orders.tenant_id = $3) SELECT * FROM orders",
	"WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, a x",
	"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t",
	"WITH RECURSIVE b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM b",
	"WITH RECURSIVE t AS (SELECT 1 AS id UNION ALL SELECT id FROM t) SEARCH DEPTH FIRST BY id SET o CYCLE id SET c USING p SELECT * FROM t",
	"WITH t AS (SELECT 1) SELECT (SELECT 1 FROM t) UNION SELECT * FROM t",
	"WITH t AS (SELECT 1) SELECT * FROM (SELECT * FROM t) x",
	"WITH t AS (DELETE FROM public.orders WHERE public.orders.tenant_id = $3 RETURNING *) SELECT * FROM t",
	"SELECT o.ctid, o.tableoid, public.orders.id FROM public.orders o, public.orders WHERE o.tenant_id = $3 AND public.orders.tenant_id = $3",
	"SELECT count FROM public.countries, pg_catalog.generate_series(1, 2) count",
	"SELECT id FROM public.orders o WHERE o.tenant_id = $3 UNION SELECT id FROM public.customers c WHERE c.tenant_id = $3 ORDER BY 1 LIMIT $1 OFFSET 2",
	"SELECT o.id FROM public.orders o WHERE o.tenant_id = $3 FOR UPDATE OF o NOWAIT",
	"SELECT DISTINCT ON (o.id) pg_catalog.row_number() OVER w, pg_catalog.sum(o.total) FILTER (WHERE o.total > 0) FROM public.orders o WHERE o.tenant_id = $3 GROUP BY GROUPING SETS ((o.id), ()) HAVING pg_catalog.count(*) > 1 WINDOW w AS (PARTITION BY o.id ORDER BY o.total ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY o.id USING <",
	"SELECT pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY o.total) FROM public.orders o WHERE o.tenant_id = $3",
	"SELECT CAST($1 AS int), 'x'::public.mood, 'a@b'::public.email, '{1}'::pg_catalog.int4[], NULL::public.orders, ROW(1, 2)::public.pair, interval '1 day'",
	"SELECT pg_catalog.to_tsvector('english'::regconfig, 'x')",
	"SELECT NULLIF(1, 2), COALESCE($1, $2), GREATEST(1, 2), CASE 1 WHEN 2 THEN 3 END, (ARRAY[1])[1], (ROW(1, 2)).f1, 'a' COLLATE \"C\", 'a' LIKE 'b' ESCAPE 'c', 1 BETWEEN 0 AND 2, 1 IN (1, 2), NOT true, 1 IS DISTINCT FROM 2, - 1, 1 = ANY ('{1}')",
	"SELECT current_date, current_user, EXTRACT(year FROM pg_catalog.now()), x.at AT TIME ZONE 'UTC' FROM (SELECT pg_catalog.now()) x(at) WHERE false AND $1 IS NULL",
	"SELECT xmlelement(name a, xmlattributes(1 AS b), 'c'), xmlserialize(content '<a/>' AS text)",
	"SELECT public.tax(1.5)",
	"INSERT INTO public.orders (id, tenant_id) VALUES (1, $3), ($1, $3::text), (3, $3), (4, $3)",
	"INSERT INTO public.seats (id, account) VALUES (1, $5), (2, $5::int), (3, $5::int4)",
	"INSERT INTO public.codes (id, tenant) VALUES (1, $6), (2, $6::text), (3, $6::varchar)",
	"INSERT INTO billing.invoices (id, org_id) VALUES (1, $4::uuid)",
	"INSERT INTO public.orders (total, tenant_id) SELECT o.total, $3::text FROM public.orders o WHERE o.tenant_id = $3",
	"INSERT INTO public.orders (tenant_id, id, total) SELECT $3, x.* FROM (SELECT 1, 2) x",
	"INSERT INTO public.customers (name, tenant_id) SELECT 'a', $3::text UNION ALL (SELECT 'b', $3 INTERSECT SELECT 'c', $3) ORDER BY 1",
	"WITH t AS (SELECT 1 AS id) INSERT INTO public.orders (id, tenant_id) SELECT t.id, $3 FROM t RETURNING id, (SELECT 1 FROM t)",
	"INSERT INTO public.customers AS c (id, tenant_id) VALUES (1, $3) ON CONFLICT (pg_catalog.lower(email)) WHERE true DO UPDATE SET name = excluded.name, tenant_id = $3 WHERE c.tenant_id = $3 AND c.name <> excluded.name RETURNING c.*",
	"INSERT INTO public.customers (id, tenant_id) VALUES (1, $3) ON CONFLICT DO NOTHING",
	"UPDATE public.orders SET total = $1 WHERE public.orders.tenant_id = $3",
	"UPDATE public.orders o SET total = DEFAULT, tags[1] = 'x', tenant_id = $3::pg_catalog.text FROM public.customers c LEFT JOIN public.seats s ON s.account = $5 WHERE o.tenant_id = $3 AND c.tenant_id = $3 RETURNING o.id",
	"UPDATE public.orders o SET (total, secret) = (SELECT 1, 'x') WHERE o.tenant_id = $3",
	"UPDATE public.orders o SET tenant_id = $3 WHERE o.tenant_id = $3",
	"WITH orders AS (SELECT 1) UPDATE public.orders SET total = 1 WHERE public.orders.tenant_id = $3",
	"DELETE FROM public.orders o USING public.customers c, (SELECT 1) x WHERE o.tenant_id = $3 AND c.tenant_id = $3",
	"@keeper: UPDATE public.countries SET name = 'x'",
	"@keeper: INSERT INTO public.countries DEFAULT VALUES",
	"@keeper: INSERT INTO public.countries (code) SELECT 'x' ON CONFLICT (code) DO UPDATE SET name = excluded.name",
	"@keeper: SELECT public.support_only(1), (1).support_only",
	"@reader: SELECT o.id FROM public.orders o WHERE o.tenant_id = $3",
	"BEGIN", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "COMMIT AND CHAIN", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "ROLLBACK TO a",
	"SET TRANSACTION READ ONLY", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET application_name TO 'x'", "SET LOCAL statement_timeout TO 10",
	"SET TIME ZONE interval '-08:00' hour to minute", "SET search_path TO billing, public", "RESET search_path", "RESET ALL", "SHOW timezone", "SHOW server_version",
	"COPY public.orders (tenant_id, id) FROM STDIN WHERE public.orders.tenant_id = $3",
	"COPY public.orders (id, tenant_id) FROM STDIN (FORMAT csv, HEADER match, NULL 'x', FORCE_NULL (id)) WHERE public.orders.tenant_id = $3 AND id > 0",
	"COPY (SELECT id FROM ONLY public.orders WHERE public.orders.tenant_id = $3) TO STDOUT (FORMAT csv, FORCE_QUOTE *)",
	"COPY (DELETE FROM public.orders WHERE public.orders.tenant_id = $3 RETURNING id) TO STDOUT",
	"SET standard_conforming_strings TO on", "SET client_encoding TO 'UTF8'", "SET datestyle TO DEFAULT",
}

func TestSweepAccepts(t *testing.T) {
	bound := sweepBound(t)
	for _, sql := range confined {
		role, text := splitRole(sql)
		in, tree, err := sweepCase(bound, role, text)
		if err != nil {
			t.Errorf("%s\n  is no SQL: %v", sql, err)
			continue
		}
		if err := sweep(text, tree, in); err != nil {
			t.Errorf("%s\n  is refused: %v", sql, err)
		}
	}
}

// splitRole takes "@role: " off a case.
func splitRole(sql string) (role, text string) {
	if strings.HasPrefix(sql, "@") {
		if role, text, ok := strings.Cut(sql[1:], ": "); ok {
			return role, text
		}
	}
	return "", sql
}

func TestSweepRefuses(t *testing.T) {
	bound := sweepBound(t)
	for _, c := range escapes {
		role, text := splitRole(c.sql)
		in, tree, err := sweepCase(bound, role, text)
		if err != nil {
			t.Errorf("%s\n  is no SQL: %v", c.sql, err)
			continue
		}
		if err := sweep(text, tree, in); err == nil {
			t.Errorf("%s\n  is accepted, want %q", c.sql, c.why)
		} else if !strings.Contains(err.Error(), c.why) || errors.Is(err, errNotEqual) {
			t.Errorf("%s\n  is refused by %q, want %q", c.sql, err, c.why)
		}
	}
}

// TestSweepComparesTrees: what is printed must be what was meant.
func TestSweepComparesTrees(t *testing.T) {
	bound := sweepBound(t)
	for _, c := range []struct{ printed, meant string }{
		{"SELECT 1", "SELECT 2"},
		{"SELECT 1", "SELECT '1'"},
		{"SELECT 1", "SELECT 1, 2"},
		{"SELECT 1, 2", "SELECT 1"},
		{"SELECT 1", "SELECT 1 AS a"},
		{"SELECT 1", "SELECT DISTINCT 1"},
		{"SELECT DISTINCT 1", "SELECT 1"},
		{"SELECT 1", "SELECT 1; SELECT 1"},
		{"SELECT 1; SELECT 1", "SELECT 1"},
		{"SELECT 1", ""},
		{"SELECT id FROM public.orders WHERE public.orders.tenant_id = $3 AND id = 0 OR true IS NOT NULL",
			"SELECT id FROM public.orders WHERE public.orders.tenant_id = $3 AND ((id = 0 OR true) IS NOT NULL)"},
		{"SELECT id FROM public.orders o LEFT JOIN public.customers c ON true", "SELECT id FROM public.orders o JOIN public.customers c ON true"},
		{"SELECT 1 FROM", "SELECT 1"},
		{"SELECT '\x00'", "SELECT ''"},
	} {
		in, tree, err := sweepCase(bound, "", c.meant)
		if err != nil {
			t.Fatal(err)
		}
		if err := sweep(c.printed, tree, in); !errors.Is(err, errNotEqual) {
			t.Errorf("%s\n  passes for %s: %v", c.printed, c.meant, err)
		}
	}
	in, tree, err := sweepCase(bound, "", "SELECT   1 /* x */ ,\n 2")
	if err != nil {
		t.Fatal(err)
	}
	if err := sweep("SELECT 1, 2", tree, in); err != nil {
		t.Errorf("positions count: %v", err)
	}
}

func BenchmarkSweep(b *testing.B) {
	bound := sweepBound(b)
	sql := "SELECT o.id, o.total, c.name FROM public.orders o JOIN public.customers c ON c.id = o.id WHERE o.tenant_id = $3 AND c.tenant_id = $3 AND o.id = $1"
	in, tree, err := sweepCase(bound, "", sql)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := pg.Parse(sql); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse and sweep", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := sweep(sql, tree, in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
