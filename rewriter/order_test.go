package rewriter

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway/throwawaytest"
)

// orderRows gives acme harmless rows and globex rows on which the conditions below raise errors.
const orderRows = `
INSERT INTO customers (id, tenant_id, name, email) SELECT g, 'acme', '7', 'a' || g FROM generate_series(1, 50) g;
INSERT INTO customers (id, tenant_id, name, email) SELECT 1000 + g, 'globex', 'GLOBEX-SECRET', 'g' || g FROM generate_series(1, 50) g;
INSERT INTO orders (id, tenant_id, customer_id, total, qty, secret, doc, placed)
  SELECT g, 'acme', g, g, g, '1', '{"n": "1"}', '2024-01-01' FROM generate_series(1, 50) g;
INSERT INTO orders (id, tenant_id, customer_id, total, qty, secret, doc, placed)
  SELECT 1000 + g, 'globex', 1000 + g, 0, 0, 'GLOBEX-SECRET(\', '{"n": "x"}', 'infinity' FROM generate_series(1, 50) g;
CREATE INDEX ON orders (secret text_pattern_ops);
CREATE INDEX ON orders (qty);
CREATE INDEX ON customers (name);
ANALYZE orders; ANALYZE customers;`

// orderConditions fail on globex's rows and not on acme's. o is orders, without a join.
var orderConditions = []string{
	// one call, which Postgres could run before the tenant predicate
	"o.secret LIKE o.secret", "o.secret NOT LIKE o.secret OR true", "o.secret ILIKE o.secret", "o.secret ~ o.secret", "NOT (o.secret !~* o.secret)",
	"regexp_like(o.secret, o.secret)", "(o.secret ~ o.secret) IS TRUE", "(o.secret ~ o.secret) = true", "o.secret ~ o.secret IS NOT NULL",
	"(o.secret ~ o.secret AND o.qty > 0) OR (o.secret ~ o.secret AND o.qty < 0)", "o.secret ~ ANY (ARRAY[o.secret])", "o.secret::boolean",
	// more calls
	"o.secret::boolean IS NULL OR o.secret::int > 0", "o.secret::int = 7", "NOT (o.secret::int <> 7)", "o.secret::int IS NOT NULL",
	"(o.secret::int)::boolean", "(o.secret::int > 0) = true", "true = (o.secret::int > 0)", "((o.secret::int > 0) IS TRUE) IS NOT FALSE",
	"100 / o.total > 0", "100 / o.qty > 0", "o.qty % o.qty = 0", "1 / o.qty >= 0 AND o.secret = '1'", "sqrt(o.qty - 1) >= 0",
	"o.secret::int IN (7, 8)", "o.secret::int = ANY (ARRAY[7])", "o.secret::int BETWEEN 1 AND 9", "o.secret::int BETWEEN SYMMETRIC 9 AND 1",
	"(o.doc->>'n')::int = 1", "(o.doc->>'n')::int::boolean", "(o.secret, o.secret::int) = ('7', 7)", "ROW(o.secret::int) < ROW(8)",
	"CASE WHEN o.secret::int > 0 THEN true END", "COALESCE(o.secret::int > 0, false)", "NULLIF(o.secret::int, 1) = 7", "GREATEST(o.secret::int, 1) = 7",
	"o.secret::int IS DISTINCT FROM 8", "ln(o.total) >= 0", "o.secret LIKE 'GLOBEX-SECRET\\' OR o.secret = '1'",
	"'x' LIKE ('%' || o.secret) OR true", "o.secret = '1' AND '7' LIKE o.secret", "date '2024-01-01' + o.secret::int > '2020-01-01'", "to_number(o.secret, '9') = 7", "chr(o.qty) <> ''",
	"o.secret::int + 0 = 7 AND o.qty > 0", "(o.secret::int = 7 AND o.qty > 0) OR (o.secret::int = 7 AND o.qty < 100)",
	"EXISTS (SELECT 1 WHERE o.secret::int = 7)", "(SELECT o.secret::int) = 7", "o.id IN (SELECT c.id FROM customers c WHERE o.secret::int = 7)",
	"make_date(2024, o.qty % 12 / o.qty + 1, 1) IS NOT NULL", "o.qty / o.qty = 1", "width_bucket(o.total, 0, o.total, 3) > 0",
	"repeat(o.secret, (1 / o.qty)) IS NOT NULL", "o.total / o.total = 1", "substring(o.secret, 1, o.secret::int) = '7'", "lpad(o.secret, 3, 'x')::text <> (1 / o.qty)::text",
}

// conditionsFor are those of the conditions whose functions a server of that major has.
func conditionsFor(major int, conditions []string) []string {
	if major >= 15 {
		return conditions
	}
	return slices.DeleteFunc(slices.Clone(conditions), func(c string) bool { return strings.Contains(c, "regexp_like") })
}

// orderShapes put a condition into a statement.
var orderShapes = []string{
	"SELECT o.id FROM orders o WHERE %s",
	"SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE %s",
	"SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id AND (%s)",
	"SELECT c.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id AND (%s)",
	"SELECT c.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id WHERE %s",
	"SELECT c.id FROM orders o RIGHT JOIN customers c ON c.id = o.customer_id AND (%s)",
	"SELECT c.id FROM orders o FULL JOIN customers c ON c.id = o.customer_id WHERE %s",
	"SELECT c.id FROM customers c JOIN orders o USING (id) WHERE %s",
	"SELECT o.id FROM (SELECT * FROM orders) o WHERE %s",
	"SELECT o.id FROM (SELECT id, qty, total, secret, doc, placed, customer_id FROM orders UNION ALL SELECT id, qty, total, secret, doc, placed, customer_id FROM orders) o WHERE %s",
	"WITH o AS (SELECT * FROM orders) SELECT o.id FROM o WHERE %s",
	"SELECT 1 FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND (%s))",
	"SELECT 1 FROM customers c WHERE c.id IN (SELECT o.customer_id FROM orders o WHERE %s)",
	"SELECT o.id FROM orders o GROUP BY o.id HAVING %s",
	"SELECT count(*) FILTER (WHERE %s) FROM orders o",
	"SELECT o.id FROM customers c CROSS JOIN LATERAL (SELECT * FROM orders o WHERE o.customer_id = c.id) o WHERE %s",
	"SELECT DISTINCT o.secret FROM (SELECT DISTINCT secret, qty, total, doc, placed, id FROM orders) o WHERE %s",
	"UPDATE orders o SET qty = qty WHERE %s",
	"DELETE FROM orders o WHERE %s",
	"UPDATE customers c SET name = c.name FROM orders o WHERE o.customer_id = c.id AND (%s)",
}

// TestEvaluationOrder runs conditions that fail on another tenant's rows, in many shapes and under several kinds of plans:
// none may fail, and each must fail without the rewriter.
func TestEvaluationOrder(t *testing.T) {
	schema, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	db := throwawaytest.Database(t, server, string(schema)+orderRows)
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	r := New(goldenBound(t), Options{})
	refused, ran, failing := 0, 0, 0
	for _, setting := range []string{"", "SET enable_seqscan = off", "SET enable_hashjoin = off; SET enable_mergejoin = off", "SET enable_nestloop = off; SET enable_hashjoin = off"} {
		for _, cond := range conditionsFor(server.Major, orderConditions) {
			for _, shape := range orderShapes {
				sql := fmt.Sprintf(shape, cond)
				plan, err := r.Plan(Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}})
				if err != nil {
					refused++
					t.Logf("%s: %v", sql, err)
					continue
				}
				ran++
				if err := inRollback(ctx, conn, setting, plan.Splice(tenant(t, "acme"))); err != nil {
					t.Errorf("%s (%s)\n  %s\n  %v", sql, setting, plan.SQL, err)
				}
				if setting == "" && shape == orderShapes[0] && inRollback(ctx, conn, setting, sql) != nil {
					failing++
				}
			}
		}
	}
	if refused*50 > ran {
		t.Errorf("%d statements ran, %d were refused", ran, refused)
	}
	if failing < len(orderConditions)*3/4 {
		t.Errorf("only %d of %d conditions fail without the rewriter", failing, len(orderConditions))
	}
}

func inRollback(ctx context.Context, conn *pgx.Conn, setting, sql string) error {
	results, err := conn.PgConn().Exec(ctx, strings.Join([]string{"BEGIN", setting, sql}, "; ")).ReadAll()
	_ = results
	if _, rollback := conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll(); rollback != nil {
		return rollback
	}
	return err
}

// TestFilterOrder reads how Postgres will evaluate the conditions: in a Filter line, which is in order of evaluation, the tenant's
// predicate stands before the first column of the client's.
func TestFilterOrder(t *testing.T) {
	schema, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	db := throwawaytest.Database(t, server, string(schema)+orderRows)
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	r := New(goldenBound(t), Options{})
	filters, early := 0, 0
	for _, cond := range conditionsFor(server.Major, orderConditions) {
		sql := "SELECT o.id FROM orders o WHERE " + cond
		plan, err := r.Plan(Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range explain(t, conn, plan.Splice(tenant(t, "acme"))) {
			filter, ok := strings.CutPrefix(strings.TrimSpace(line), "Filter: ")
			if !ok || !strings.Contains(filter, "tenant_id") {
				continue
			}
			filters++
			filter = strings.Replace(filter, "(qty > 0) AND ", "", 1) // harmless: it may run on any row
			if first := firstColumn(filter); first < strings.Index(filter, "tenant_id = 'acme'") {
				t.Errorf("%s: %s", cond, filter)
			}
		}
		// The same condition beside a plain predicate, as a naive rewriter would write it.
		for _, line := range explain(t, conn, "SELECT o.id FROM orders o WHERE o.tenant_id = 'acme' AND ("+cond+")") {
			filter, ok := strings.CutPrefix(strings.TrimSpace(line), "Filter: ")
			if ok && strings.Contains(filter, "tenant_id") && firstColumn(filter) < strings.Index(filter, "tenant_id = 'acme'") {
				early++
			}
		}
	}
	if filters < len(orderConditions)*3/4 {
		t.Errorf("only %d filters were seen", filters)
	}
	if early == 0 {
		t.Error("no condition runs early even without a guard: this test proves nothing on this server")
	}
}

func explain(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	results, err := conn.PgConn().Exec(context.Background(), "EXPLAIN (COSTS OFF) "+sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, row := range results[0].Rows {
		lines = append(lines, string(row[0]))
	}
	return lines
}

// firstColumn is where the first column of the client's stands in a filter; past its end for none.
func firstColumn(filter string) int {
	first := len(filter)
	for _, c := range []string{"secret", "total", "qty", "doc", "placed"} {
		if i := strings.Index(filter, c); i >= 0 && i < first {
			first = i
		}
	}
	return first
}
