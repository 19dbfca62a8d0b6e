package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// tour holds what the steps use: a session through the proxy for each tenant, and two connections past it.
type tour struct {
	*stage
	out     *screen
	clients map[string]*pgx.Conn // by tenant
	// super reads the whole database, to check what the proxy did. bare is the proxy's own role on a connection without the proxy,
	// to show that an attempt would have worked there.
	super, bare *pgx.Conn
	counts      map[string]*tally // by tenant
}

// step is one station of the tour. It returns an error saying what was expected and what was seen.
type step struct {
	title string
	run   func(*tour, context.Context) error
}

var steps = []step{
	{"The same SELECT as two tenants", (*tour).sameSelect},
	{"A join, with a table that all tenants share, and a view", (*tour).join},
	{"INSERT without the tenant column", (*tour).insert},
	{"UPDATE without WHERE", (*tour).update},
	{"Four attempts to reach another tenant", (*tour).cross},
	{"A result that is too large", (*tour).rowLimit},
	{"Statements that come too fast", (*tour).rateLimit},
	{"What Postgres gets to see", (*tour).explain},
	{"What was counted", (*tour).metrics},
}

// runTour plays all steps, the later ones also after a failure, and returns an error if any failed.
func runTour(ctx context.Context, st *stage, out *screen) error {
	t := &tour{stage: st, out: out, clients: map[string]*pgx.Conn{}, counts: map[string]*tally{}}
	defer t.disconnect()
	if err := t.connect(ctx); err != nil {
		return err
	}
	var failed []string
	for i, s := range steps {
		out.heading(i+1, s.title)
		if err := s.run(t, ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			out.failed(err)
			failed = append(failed, fmt.Sprintf("%d (%s)", i+1, s.title))
		}
	}
	out.line("")
	if len(failed) > 0 {
		return fmt.Errorf("steps that did not do what they say: %s", strings.Join(failed, ", "))
	}
	out.line("%s", out.paint(green, fmt.Sprintf("All %d steps did what they say.", len(steps))))
	return nil
}

func (t *tour) connect(ctx context.Context) error {
	for _, u := range t.users {
		conn, err := pgx.Connect(ctx, t.dsn(u))
		if err != nil {
			return fmt.Errorf("logging in as %s through the proxy: %w", u.Name, err)
		}
		t.clients[u.Tenant], t.counts[u.Tenant] = conn, &tally{}
	}
	var err error
	if t.super, err = pgx.Connect(ctx, t.pg.DSN("", demoDatabase)); err != nil {
		return err
	}
	t.bare, err = pgx.Connect(ctx, t.pg.DSN(demoRole, demoDatabase))
	return err
}

func (t *tour) disconnect() {
	for _, conn := range t.clients {
		_ = conn.Close(context.Background()) // the sessions end either way
	}
	for _, conn := range []*pgx.Conn{t.super, t.bare} {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}
}

// answer is what a statement returned: rows as text, and the command tag.
type answer struct {
	demoTable
	tag string
}

// query runs sql in the extended protocol. On an error it returns the rows that came before it.
func query(ctx context.Context, conn *pgx.Conn, sql string, args ...any) (*answer, error) {
	rows, err := conn.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	if err != nil {
		return &answer{}, err
	}
	a := &answer{}
	for _, f := range rows.FieldDescriptions() {
		a.columns = append(a.columns, f.Name)
		switch f.DataTypeOID {
		case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID:
			a.numeric = append(a.numeric, true)
		default:
			a.numeric = append(a.numeric, false)
		}
	}
	for rows.Next() {
		var row []string
		for _, v := range rows.RawValues() {
			row = append(row, string(v))
		}
		a.rows = append(a.rows, row)
	}
	rows.Close()
	a.tag = rows.CommandTag().String()
	return a, rows.Err()
}

// as runs sql through the proxy as the tenant, and counts it.
func (t *tour) as(ctx context.Context, tenant, sql string) (*answer, error) {
	a, err := query(ctx, t.clients[tenant], sql)
	count := t.counts[tenant]
	count.rows += len(a.rows)
	var e *pgconn.PgError
	switch {
	case err == nil:
		count.ok++
	case errors.As(err, &e) && e.Code == limitSQLState:
		count.limited++
	case errors.As(err, &e) && e.Code == denialSQLState:
		count.denied++
	}
	return a, err
}

// truth runs sql as superuser, past the proxy, and returns its rows.
func (t *tour) truth(ctx context.Context, sql string, args ...any) (*answer, error) {
	a, err := query(ctx, t.super, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("checking directly: %w", err)
	}
	return a, nil
}

// withoutProxy runs sql as the proxy's own role without the proxy, and takes back what it did.
func (t *tour) withoutProxy(ctx context.Context, sql string) (*answer, error) {
	tx, err := t.bare.Begin(ctx)
	if err != nil {
		return nil, err
	}
	a, err := query(ctx, t.bare, sql)
	return a, errors.Join(err, tx.Rollback(ctx))
}

// sameRows compares what a tenant saw with what the database holds for it.
func sameRows(tenant string, got, want *answer) error {
	if len(want.rows) == 0 {
		return fmt.Errorf("expected the check to have rows for %s, saw none", tenant)
	}
	if slices.EqualFunc(got.rows, want.rows, slices.Equal[[]string]) {
		return nil
	}
	return fmt.Errorf("expected for %s:\n%s\nsaw:\n%s", tenant, strings.Join(want.lines(), "\n"), strings.Join(got.lines(), "\n"))
}

// others is a text that changes when a row of a tenant other than the given one does, in any table.
const others = `SELECT md5(string_agg(r, E'\n' ORDER BY r)) FROM (
	SELECT 'customers ' || c::text FROM customers c WHERE tenant_id <> $1
	UNION ALL SELECT 'products ' || p::text FROM products p WHERE tenant_id <> $1
	UNION ALL SELECT 'orders ' || o::text FROM orders o WHERE tenant_id <> $1
	UNION ALL SELECT 'order_lines ' || l::text FROM order_lines l WHERE tenant_id <> $1) AS rows (r)`

// untouched runs do and makes sure that no row of a tenant but the given one changed.
func (t *tour) untouched(ctx context.Context, tenant string, do func() error) error {
	before, err := t.truth(ctx, others, tenant)
	if err != nil {
		return err
	}
	doErr := do()
	after, err := t.truth(ctx, others, tenant)
	if err != nil {
		return errors.Join(doErr, err)
	}
	if !slices.Equal(before.rows[0], after.rows[0]) {
		return errors.Join(doErr, fmt.Errorf("expected the rows of all tenants but %s to stay as they were, saw them changed", tenant))
	}
	return doErr
}

// refusal prints the error as psql would and returns it as what Postgres's protocol makes of it; nil when it is another error.
func (t *tour) refusal(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	t.out.text(t.out.paint(red, e.Severity+":") + "  " + e.Message + "  (SQLSTATE " + e.Code + ")")
	if e.Detail != "" {
		t.out.text("DETAIL:  " + e.Detail)
	}
	if e.Hint != "" {
		t.out.text("HINT:  " + e.Hint)
	}
	return e
}
