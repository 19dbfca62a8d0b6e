package rewriter

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgcordon/test/throwaway/throwawaytest"
)

// virtualConditions fail on globex's rows when the columns are virtual: one call, or none, is all that the client writes.
var virtualConditions = []string{
	"o.rate = 100", "o.rate <> 0", "o.rate IS NOT NULL", "NOT (o.rate IS NULL)", "o.rate IN (100, 50)", "o.rate BETWEEN 1 AND 100", "o.positive",
	"NOT (NOT o.positive)", "o.positive IS TRUE", "o.positive AND o.rate > 0", "coalesce(o.rate, 1) > 0", "o.positive = true", "c.id = o.rate OR o.positive",
}

var virtualShapes = []string{
	"SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE %s",
	"SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id AND (%s)",
	"SELECT c.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id AND (%s)",
	"SELECT c.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id WHERE %s",
	"SELECT c.id FROM orders o FULL JOIN customers c ON c.id = o.customer_id WHERE %s",
	"SELECT o.id FROM customers c, (SELECT * FROM orders) o WHERE %s",
	"WITH o AS (SELECT * FROM orders) SELECT o.id FROM o, customers c WHERE %s",
	"SELECT 1 FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND (%s))",
	"UPDATE orders o SET qty = qty FROM customers c WHERE %s",
	"DELETE FROM orders o USING customers c WHERE %s",
}

// TestVirtualColumns runs conditions on columns that are computed when they are read: none may be computed for rows of other tenants. Servers have
// such columns from 18 on; for others the catalog is made to say so, and the guards are looked for alone.
func TestVirtualColumns(t *testing.T) {
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	virtual := server.Major >= 18
	columns := "ALTER TABLE orders ADD rate int, ADD positive boolean;"
	if virtual {
		columns = "ALTER TABLE orders ADD rate int GENERATED ALWAYS AS (100 / qty) VIRTUAL, ADD positive boolean GENERATED ALWAYS AS (secret::boolean) VIRTUAL;"
	}
	conn := connectTo(t, server, "testdata/schema.sql", columns, orderRows)
	bound := boundTo(t, conn, "testdata")
	orders := bound.Catalog.Schemas["public"].Relations["orders"]
	for _, name := range []string{"rate", "positive"} {
		c := orders.Column(name)
		if virtual != (c.Generated == 'v') {
			t.Fatalf("column %s is loaded with %q", name, c.Generated)
		}
		c.Generated = 'v'
	}
	r := New(bound, Options{})
	for _, cond := range virtualConditions {
		for _, shape := range virtualShapes {
			sql := fmt.Sprintf(shape, cond)
			plan, err := r.Plan(Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}})
			if err != nil {
				t.Errorf("%s: %v", sql, err)
				continue
			}
			if !strings.Contains(plan.SQL, "CASE WHEN") && !strings.Contains(plan.SQL, "OFFSET 0") && !strings.Contains(plan.SQL, "MATERIALIZED") {
				t.Errorf("%s is not guarded: %s", sql, plan.SQL)
			}
			if !virtual {
				continue
			}
			for _, setting := range []string{"", "SET enable_hashjoin = off; SET enable_mergejoin = off"} {
				if err := inRollback(ctx, conn, setting, plan.Splice(tenant(t, "acme"))); err != nil {
					t.Errorf("%s (%s)\n  %s\n  %v", sql, setting, plan.SQL, err)
				}
			}
			if inRollback(ctx, conn, "", sql) == nil && shape == virtualShapes[0] {
				t.Errorf("%s does not fail without the rewriter", sql)
			}
		}
	}
}
