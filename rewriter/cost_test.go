package rewriter

import (
	"fmt"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/rewriter/lexer"
)

// costTexts are what the budget of costs in bench/README.md is measured on. %d makes a text that was not seen before: of the same shape, and in
// the alias of another one.
var costTexts = []struct{ name, sql, shape string }{
	{"short", "SELECT total FROM orders WHERE id = %d", "SELECT total AS a%d FROM orders WHERE id = 1"},
	{"orm", `SELECT "orders"."id", "orders"."total", "customers"."name" FROM "orders" INNER JOIN "customers" ON ("orders"."id" = "customers"."id") ` +
		`WHERE ("orders"."total" >= %d AND "orders"."id" IN (1, 2, 3)) ORDER BY "orders"."id" DESC LIMIT 20 OFFSET 40`,
		`SELECT "orders"."id" AS "a%d", "orders"."total", "customers"."name" FROM "orders" INNER JOIN "customers" ON ("orders"."id" = "customers"."id") ` +
			`WHERE ("orders"."total" >= 5 AND "orders"."id" IN (1, 2, 3)) ORDER BY "orders"."id" DESC LIMIT 20 OFFSET 40`},
	{"report", `SELECT c.name, count(*) AS orders, sum(o.total) AS total FROM customers c LEFT JOIN orders o ON o.id = c.id AND o.total > %d ` +
		`LEFT JOIN (SELECT t.id, max(t.title) AS title FROM tasks t WHERE t.done GROUP BY t.id) t ON t.id = o.id ` +
		`WHERE c.id IN (SELECT e.id FROM memos e WHERE NOT e.gone) GROUP BY c.name HAVING count(*) > 1 ORDER BY total DESC NULLS LAST LIMIT 10`,
		`SELECT c.name AS a%d, count(*) AS orders, sum(o.total) AS total FROM customers c LEFT JOIN orders o ON o.id = c.id AND o.total > 5 ` +
			`LEFT JOIN (SELECT t.id, max(t.title) AS title FROM tasks t WHERE t.done GROUP BY t.id) t ON t.id = o.id ` +
			`WHERE c.id IN (SELECT e.id FROM memos e WHERE NOT e.gone) GROUP BY c.name HAVING count(*) > 1 ORDER BY total DESC NULLS LAST LIMIT 10`},
}

// planAll plans what next returns, again and again.
func planAll(b *testing.B, r *Rewriter, next func() string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Plan(Request{SQL: next(), Protocol: Simple, SearchPath: []string{"public"}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCost measures what the rewriter spends on a statement: seen before, of a shape that was seen before with other literals, and never
// seen; and of the last what the parser and the sweep take.
func BenchmarkCost(b *testing.B) {
	bound := sweepBound(b)
	n := 0
	for _, text := range costTexts {
		fresh := func(form string) func() string {
			return func() string { n++; return fmt.Sprintf(form, n) }
		}
		once := fmt.Sprintf(text.sql, 7)
		b.Run("hit/"+text.name, func(b *testing.B) { planAll(b, New(bound, Options{}), func() string { return once }) })
		b.Run("literal/"+text.name, func(b *testing.B) { planAll(b, New(bound, Options{}), fresh(text.sql)) })
		b.Run("miss/"+text.name, func(b *testing.B) { planAll(b, New(bound, Options{}), fresh(text.shape)) })
		b.Run("parse/"+text.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pg.Parse(once); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("lexer/"+text.name, func(b *testing.B) {
			b.ReportAllocs()
			var key []byte
			var literals []lexer.Literal
			for b.Loop() {
				var ok bool
				if key, literals, ok = lexer.Skeleton(once, key[:0], literals[:0]); !ok {
					b.Fatal("no skeleton")
				}
			}
		})
	}
	const printed = "SELECT public.orders.total FROM public.orders WHERE public.orders.tenant_id = $3 AND public.orders.id = $1"
	in, tree, err := sweepCase(bound, "", printed)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sweep/short", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := sweep(printed, tree, in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
