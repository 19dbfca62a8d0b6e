package rewriter

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway/throwawaytest"
)

// strictRows are one tenant's: customers with an order and without, and NULLs where orders may have them.
const strictRows = `
INSERT INTO customers (id, tenant_id, name, email) SELECT g, 'acme', '7', 'a' || g FROM generate_series(1, 12) g;
INSERT INTO orders (id, tenant_id, customer_id, total, qty, secret, tags, doc, flag, feeling, placed) VALUES
  (1, 'acme', 1, 7, 7, '7', '{a,7}', '{"n": "1"}', true, 'ok', '2024-01-01'),
  (2, 'acme', 2, 8, 2, '1', '{}', '{"n": "2"}', false, 'sad', '2024-01-01'),
  (3, 'acme', 3, 1, NULL, NULL, NULL, NULL, NULL, NULL, '2024-01-01'),
  (4, 'acme', 4, 2, 1, '0', '{b,NULL}', '{}', false, 'happy', '2024-02-01');
INSERT INTO notes (tenant_id, body) VALUES ('acme', '7'), ('acme', 'x'), ('acme', NULL);`

// strictConditions are conditions on orders o that need it or not; those of orderConditions come to them.
var strictConditions = []string{
	"o.secret::int4 >= 2", "NOT (o.secret::int4 < 2)", "o.secret::int4 = 7 OR o.secret::boolean", "o.secret::int4 = 7 OR c.name::int = 7",
	"NOT (o.secret::int4 = 7 OR c.name::int = 8)", "NOT (o.secret::int4 = 7 AND c.name::int = 8)", "o.secret::int4 = 7 AND c.name::int = 7",
	"(o.secret::int4 = 7 AND c.name::int = 7) IS TRUE", "(o.secret::int4 = 7 AND o.qty > 0) IS FALSE", "(o.secret::int4 = 7) IS NOT UNKNOWN",
	"(o.secret::int4 = 7) IS NOT TRUE", "(o.secret::int4 = 7) IS NOT FALSE", "(o.secret::int4 = 7) IS UNKNOWN", "NOT ((o.secret::int4 = 7) IS UNKNOWN)",
	"NOT ((o.secret::int4 = 7) IS NOT TRUE)", "NOT ((o.secret::int4 = 7) IS FALSE)", "o.secret::int4 IS NULL", "NOT (o.secret::int4 IS NULL)",
	"NOT (o.secret::int4 IS NOT NULL)", "(o.secret::int4 IS NOT NULL) = false", "o.secret::int4 IN (7, 8)", "o.secret::int4 NOT IN (7, 8)",
	"o.secret::int4 IN (7, NULL)", "NOT (o.secret::int4 IN (7, 8))", "7 IN (o.secret::int4, o.qty)", "7 NOT IN (o.secret::int4, c.id)",
	"o.secret::int4 = ANY (ARRAY[7, 8])", "o.secret::int4 <> ALL (ARRAY[7, 8])", "o.secret::int4 <> ALL ('{}')",
	"NOT (o.secret::int4 = ANY ('{}'))", "(o.secret::int4 = ANY ('{}')) IS NOT TRUE", "o.secret ~ ANY (o.tags)", "o.secret !~ ALL (o.tags)",
	"NOT (o.secret ~ ANY (o.tags))", "c.name ~ ANY (o.tags)", "c.name ~ ALL (o.tags)", "o.secret::int4 BETWEEN 1 AND 9",
	"o.secret::int4 NOT BETWEEN 1 AND 6", "o.secret::int4 BETWEEN SYMMETRIC 9 AND 1", "NOT (o.secret::int4 BETWEEN SYMMETRIC 6 AND 1)",
	"c.id BETWEEN o.secret::int4 AND 9", "c.id NOT BETWEEN o.secret::int4 AND 9", "NOT (c.id BETWEEN o.secret::int4 AND 9)",
	"c.id BETWEEN SYMMETRIC o.secret::int4 AND 9", "(o.secret::int4, c.id) = (7, 1)", "(o.secret::int4, c.id) <> (7, 1)",
	"(o.secret::int4, o.qty) <> (1, 1)", "(o.secret::int4, c.id) < (8, 1)", "NOT ((o.secret::int4, c.id) = (8, 1))", "(o.secret::int4, c.id) IN ((7, 1), (1, 2))",
	"o.secret::int4 IS DISTINCT FROM 7", "o.secret::int4 IS NOT DISTINCT FROM 7", "coalesce(o.secret::int4, 7) = 7", "nullif(o.secret::int4, 8) = 7",
	"greatest(o.secret::int4, 7) = 7", "CASE WHEN o.secret::int4 = 7 THEN true END", "CASE o.secret::int4 WHEN 7 THEN true ELSE false END",
	"o.secret::int4 = NULL", "NULL::int = o.secret::int4", "o.secret::int4 IN (NULL)", "o.secret ~ NULL::text",
	"o.tags || 'x'::text = ARRAY['x'] OR o.secret::boolean", "o.secret || o.qty ~ '7' OR o.secret::boolean", "o.secret || 'x' ~ '7' OR o.secret::boolean",
	"(o.tags)[1] ~ '7'", "o.secret COLLATE \"C\" ~ '7'", "o.secret::varchar(5) ~ '7'", "o.secret::mood = 'ok' OR o.qty > 100", "o.feeling::text ~ 'ok'",
	"o.secret::email ~ '7' OR o.secret IS NULL", "o.secret::int4 IN (SELECT 7)", "o.secret::int4 NOT IN (SELECT 7)", "NOT (o.secret::int4 IN (SELECT 7))",
	"o.secret::int4 = ANY (SELECT 7 WHERE false)", "o.secret::int4 <> ALL (SELECT 7 WHERE false)", "(o.secret::int4, c.id) IN (SELECT 7, 1)",
	"o.secret::int4 = (SELECT 7)", "(SELECT o.secret::int4) = 7", "(o.secret::int4, c.id) = (SELECT 7, 1)", "EXISTS (SELECT 1 WHERE o.secret::int4 = 7)",
	"EXISTS (SELECT FROM orders x WHERE x.id = o.secret::int4)", "NOT EXISTS (SELECT FROM orders x WHERE x.id = o.secret::int4)",
	"EXISTS (SELECT FROM orders x WHERE x.secret ~ o.secret AND x.id = o.id)", "concat(o.secret, 'x') ~ 'x'", "format('%s', o.secret) ~ ''",
	"num_nulls(o.secret::int4) = 1", "regexp_like(o.secret, '7')", "make_date(2024, o.secret::int4 % 12 + 1, day => 1) IS NOT NULL",
	"o.secret SIMILAR TO '7%'", "o.secret LIKE '7' ESCAPE '#'", "o.secret LIKE o.secret", "(o.secret ~ '7') = true", "(o.secret ~ '7') <> true",
	"(o.secret::int4 IS NOT NULL AND o.qty = 7)", "o.qty = 7 AND (o.secret ~ '7') IS NOT TRUE", "o.secret ~ '7' AND c.name ~ '7'", "o IS NULL OR o.secret ~ '7'",
	"o.qty IS NULL OR o.secret ~ '7'", "o.secret::int4 NOT IN (7, NULL)", "(o.secret::int4 IN (7, NULL)) IS FALSE", "o.secret::int4 IN (NULL, 7, c.id)", "tags && ARRAY['a'] AND secret ~ '7'", "array_length(o.tags, o.secret::int4) IS NULL",
	"o.secret::citext = '7'", "o.secret::citext ~ '7' OR c.name ~ '7'", "o.secret OPERATOR(public.=) '7'::citext", "(o.secret::citext = 'x') IS NOT TRUE", "o.qty = 7 AND o.secret::citext::text ~ '7'",
	"o.secret ~ '7' AND (c.active AND o.secret ~ '7')", "c.active AND (o.secret ~ '7' AND c.name ~ '7') AND o.qty = 7",
}

var strictShapes = []string{
	"SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id WHERE %s",
	"SELECT c.id, o.id FROM orders o RIGHT JOIN customers c ON c.id = o.customer_id WHERE %s",
	"SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id AND (%s)",
	"SELECT c.id, o.id, d.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id JOIN customers d ON d.id = c.id AND (%s)",
	"SELECT c.id, o.id, d.id FROM customers d LEFT JOIN (customers c LEFT JOIN orders o ON c.id = o.customer_id) ON d.id = c.id AND (%s)",
	"SELECT c.id, o.id, d.id FROM (customers c LEFT JOIN orders o ON c.id = o.customer_id) LEFT JOIN customers d ON d.id = c.id AND (%s)",
	"SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id LEFT JOIN LATERAL (SELECT 1 WHERE %s) l ON true",
	"SELECT c.id, o.id FROM customers c FULL JOIN orders o ON c.id = o.customer_id WHERE %s",
	"SELECT c.id, o.id FROM customers c LEFT JOIN (SELECT * FROM orders) o ON c.id = o.customer_id WHERE %s",
	"SELECT c.id, o.id FROM (customers x LEFT JOIN orders y ON x.id = y.customer_id) AS o(cid, tenant, name, email, active, id, tenant2, customer_id, " +
		"total, qty, secret, tags, doc, flag, feeling, placed) JOIN customers c ON c.id = o.cid WHERE %s",
}

// TestStrict compares with a database that holds the tenant's rows alone: the same rows with each condition on an outer join's nullable side,
// and the same answer to the question whether that side may be locked, which shows whether Postgres made an inner join of it.
func TestStrict(t *testing.T) {
	server := throwawaytest.ForTest(t)
	conn := connectTo(t, server, "testdata/schema.sql", "CREATE EXTENSION citext; DROP OPERATOR odd.<> (bigint, bigint);", strictRows)
	r := New(boundTo(t, conn, "testdata"), Options{})
	outcome := map[string]int{}
	for _, shape := range strictShapes {
		for _, cond := range conditionsFor(server.Major, append(slices.Clone(strictConditions), orderConditions...)) {
			for _, lock := range []string{"", " FOR UPDATE"} {
				sql := fmt.Sprintf(shape, cond) + lock
				plan, err := r.Plan(Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}})
				if err != nil {
					t.Logf("%s: %v", sql, err)
					outcome["refused"]++
					continue
				}
				own, sent := strictAnswer(t, conn, sql), strictAnswer(t, conn, plan.Splice(tenant(t, "acme")))
				if !slices.Equal(own, sent) {
					t.Errorf("%s\n  %s\n  own:  %v\n  sent: %v", sql, plan.SQL, own, sent)
				}
				switch {
				case lock == "":
				case own[0] == "error 0A000":
					outcome["not to be locked"]++
				default:
					outcome["locked"]++
				}
			}
		}
	}
	t.Log(outcome)
	if outcome["locked"] < 100 || outcome["not to be locked"] < 100 || outcome["refused"] > 20 {
		t.Errorf("these statements show little: %v", outcome)
	}
}

// strictAnswer returns the rows in order, or the SQLSTATE.
func strictAnswer(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	results, err := conn.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		return []string{"error " + sqlState(err)}
	}
	rows := []string{"rows"}
	for _, row := range results[0].Rows {
		rows = append(rows, fmt.Sprintf("%s", row))
	}
	slices.Sort(rows[1:])
	return rows
}
