package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

const (
	denialSQLState = "42501"

	customersSQL = "SELECT id, name, country FROM customers ORDER BY id"

	joinSQL = `SELECT c.name AS customer, n.name AS country, sum(l.quantity * l.price) AS spent
FROM customers c
JOIN countries n ON n.code = c.country
JOIN orders o ON o.customer_id = c.id
LEFT JOIN order_lines l ON l.order_id = o.id
GROUP BY c.id, c.name, n.name ORDER BY spent DESC`
	// joinCheckSQL is the same question, asked with the tenant spelled out.
	joinCheckSQL = `SELECT c.name, n.name, sum(l.quantity * l.price) FROM customers c, countries n, orders o, order_lines l
WHERE n.code = c.country AND o.customer_id = c.id AND l.order_id = o.id
AND c.tenant_id = $1 AND o.tenant_id = $1 AND l.tenant_id = $1
GROUP BY c.id, c.name, n.name ORDER BY 3 DESC`

	viewSQL = "SELECT order_id, customer, total FROM order_totals ORDER BY total DESC, order_id LIMIT 3"

	insertSQL = `INSERT INTO customers (name, email, country)
VALUES ('Coyote Research', 'lab@coyote.example', 'US') RETURNING id, name`

	updateSQL = "UPDATE products SET price = round(price * 1.10, 2)"
)

func (t *tour) sameSelect(ctx context.Context) error {
	t.out.statement("acme, globex", customersSQL)
	seen := map[string]*answer{}
	for _, tenant := range []string{"acme", "globex"} {
		got, err := t.as(ctx, tenant, customersSQL)
		if err != nil {
			return fmt.Errorf("expected rows for %s, saw: %w", tenant, err)
		}
		want, err := t.truth(ctx, "SELECT id, name, country FROM customers WHERE tenant_id = $1 ORDER BY id", tenant)
		if err != nil {
			return err
		}
		if err := sameRows(tenant, got, want); err != nil {
			return err
		}
		seen[tenant] = got
	}
	t.out.sideBySide("acme sees", &seen["acme"].demoTable, "globex sees", &seen["globex"].demoTable)
	t.out.ok("each saw all of its own customers and nobody else's")
	return nil
}

func (t *tour) join(ctx context.Context) error {
	t.out.statement("globex", joinSQL)
	got, err := t.as(ctx, "globex", joinSQL)
	if err != nil {
		return fmt.Errorf("expected rows, saw: %w", err)
	}
	t.out.table(&got.demoTable)
	want, err := t.truth(ctx, joinCheckSQL, "globex")
	if err != nil {
		return err
	}
	if err := sameRows("globex", got, want); err != nil {
		return err
	}
	t.out.line("")
	t.out.statement("acme", viewSQL)
	if got, err = t.as(ctx, "acme", viewSQL); err != nil {
		return fmt.Errorf("expected rows, saw: %w", err)
	}
	t.out.table(&got.demoTable)
	if want, err = t.truth(ctx, strings.Replace(viewSQL, " ORDER BY", " WHERE tenant_id = $1 ORDER BY", 1), "acme"); err != nil {
		return err
	}
	if err := sameRows("acme", got, want); err != nil {
		return err
	}
	t.out.ok("the same as asking Postgres with the tenant spelled out for each table")
	return nil
}

func (t *tour) insert(ctx context.Context) error {
	t.out.statement("acme", insertSQL)
	var id string
	err := t.untouched(ctx, "acme", func() error {
		got, err := t.as(ctx, "acme", insertSQL)
		if err != nil {
			return fmt.Errorf("expected a row, saw: %w", err)
		}
		t.out.table(&got.demoTable)
		t.out.text(got.tag)
		if len(got.rows) != 1 || got.tag != "INSERT 0 1" {
			return fmt.Errorf("expected one row and INSERT 0 1, saw %d rows and %s", len(got.rows), got.tag)
		}
		id = got.rows[0][0]
		return nil
	})
	if err != nil {
		return err
	}
	stored, err := t.truth(ctx, "SELECT tenant_id FROM customers WHERE email = 'lab@coyote.example' AND id::text = $1", id)
	if err != nil {
		return err
	}
	if len(stored.rows) != 1 || stored.rows[0][0] != "acme" {
		return fmt.Errorf("expected customer %s to be stored with tenant_id acme, saw %v", id, stored.rows)
	}
	t.out.ok("the row is stored with tenant_id acme")
	return nil
}

func (t *tour) update(ctx context.Context) error {
	direct, err := t.withoutProxy(ctx, updateSQL)
	if err != nil {
		return err
	}
	const sumSQL = "SELECT count(*), sum(round(price * 1.10, 2)) FROM products WHERE tenant_id = 'acme'"
	want, err := t.truth(ctx, sumSQL)
	if err != nil {
		return err
	}
	t.out.statement("acme", updateSQL)
	err = t.untouched(ctx, "acme", func() error {
		got, err := t.as(ctx, "acme", updateSQL)
		if err != nil {
			return fmt.Errorf("expected an update, saw: %w", err)
		}
		t.out.text(got.tag + t.out.paint(dim, "     without the proxy: "+direct.tag))
		if expected := "UPDATE " + want.rows[0][0]; got.tag != expected || got.tag == direct.tag {
			return fmt.Errorf("expected %s, saw %s", expected, got.tag)
		}
		return nil
	})
	if err != nil {
		return err
	}
	sum, err := t.truth(ctx, "SELECT count(*), sum(price) FROM products WHERE tenant_id = 'acme'")
	if err != nil {
		return err
	}
	if err := sameRows("acme", sum, want); err != nil {
		return err
	}
	t.out.ok("acme's %s prices rose by 10 %%; the rows of globex and initech are as they were", want.rows[0][0])
	return nil
}

// attempt is one try of acme's to reach globex.
type attempt struct {
	title, sql string
	// teeth says what the statement does without the proxy, so that the proxy's answer means something.
	teeth func(direct *answer) (what string, ok bool)
	// refused: the proxy must refuse the statement before it runs. Otherwise it may run, and harmless judges its answer.
	refused  bool
	harmless func(got *answer) error
	verdict  string
}

func returnsRows(direct *answer) (string, bool) {
	return "returns " + rowCount(len(direct.rows)), len(direct.rows) > 0
}

var attempts = []attempt{
	{
		title:    "Naming the other tenant",
		sql:      "SELECT id, name, email FROM customers WHERE tenant_id = 'globex'",
		teeth:    returnsRows,
		harmless: noRows,
		verdict:  "acme has no such rows",
	},
	{
		title: "A join with USING that pairs every tenant with itself",
		sql: `SELECT tenant_id, count(*) AS pairs FROM customers FULL JOIN orders USING (tenant_id)
GROUP BY tenant_id ORDER BY tenant_id`,
		teeth: returnsRows,
		harmless: func(got *answer) error {
			for _, row := range got.rows {
				if row[0] != "acme" {
					return fmt.Errorf("expected rows of acme alone, saw one of %q", row[0])
				}
			}
			if len(got.rows) != 1 {
				return fmt.Errorf("expected one row, saw %d", len(got.rows))
			}
			return nil
		},
		verdict: "acme's own rows, on both sides of the join",
	},
	{
		title:   "A function that runs SQL from a string",
		sql:     "SELECT query_to_xml('SELECT name, email FROM customers', true, true, '')",
		teeth:   returnsRows,
		refused: true,
		verdict: "refused before Postgres saw it",
	},
	{
		title: "Another tenant's id in ON CONFLICT DO UPDATE",
		sql: `INSERT INTO products (id, tenant_id, name, price) VALUES (1201, 'acme', 'Turbine blade', 0.01)
ON CONFLICT (id) DO UPDATE SET price = EXCLUDED.price`,
		teeth: func(direct *answer) (string, bool) { return direct.tag, direct.tag == "INSERT 0 1" },
		harmless: func(got *answer) error {
			if got.tag != "INSERT 0 0" {
				return fmt.Errorf("expected INSERT 0 0, saw %s", got.tag)
			}
			return nil
		},
		verdict: "globex's product 1201 keeps its price",
	},
}

func noRows(got *answer) error {
	if len(got.rows) > 0 {
		return fmt.Errorf("expected no rows, saw %d", len(got.rows))
	}
	return nil
}

func (t *tour) cross(ctx context.Context) error {
	for i, a := range attempts {
		if i > 0 {
			t.out.line("")
		}
		t.out.line("  %s", t.out.paint(bold, a.title))
		if err := t.untouched(ctx, "acme", func() error { return t.try(ctx, a) }); err != nil {
			return err
		}
		t.out.ok("%s", a.verdict)
	}
	return nil
}

func (t *tour) try(ctx context.Context, a attempt) error {
	direct, err := t.withoutProxy(ctx, a.sql)
	if err != nil {
		return fmt.Errorf("expected it to work without the proxy, saw: %w", err)
	}
	what, ok := a.teeth(direct)
	if !ok {
		return fmt.Errorf("expected it to do harm without the proxy, saw: %s", what)
	}
	t.out.statement("acme", a.sql)
	got, err := t.as(ctx, "acme", a.sql)
	if err != nil {
		e := t.refusal(err)
		switch {
		case e == nil || e.Code != denialSQLState:
			return fmt.Errorf("expected a refusal with SQLSTATE %s, saw: %w", denialSQLState, err)
		case e.Hint == "" || !strings.Contains(e.Detail, "rule"):
			return errors.New("expected the rule and a hint with the refusal, saw none")
		}
		t.out.text(t.out.paint(dim, "without the proxy: "+what))
		return nil
	}
	if len(got.columns) > 0 {
		t.out.table(&got.demoTable)
	} else {
		t.out.text(got.tag)
	}
	t.out.text(t.out.paint(dim, "without the proxy: "+what))
	if a.refused {
		return fmt.Errorf("expected a refusal, saw %s", got.tag)
	}
	return a.harmless(got)
}
