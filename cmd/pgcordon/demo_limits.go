package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	linesSQL = "SELECT order_id, line_no, quantity, price FROM order_lines ORDER BY order_id, line_no"
	countSQL = "SELECT count(*) FROM orders"

	limitSQLState = "53400"
	flood         = 200 // statements: many more than initech's burst
	recovery      = 20 * time.Second
)

func (t *tour) rowLimit(ctx context.Context) error {
	all, err := t.truth(ctx, "SELECT order_id FROM order_lines WHERE tenant_id = 'initech'")
	if err != nil {
		return err
	}
	t.out.text(fmt.Sprintf("initech may read %d rows with one statement; this one would return %d.", demoRowLimit, len(all.rows)))
	t.out.statement("initech", linesSQL)
	got, err := t.as(ctx, "initech", linesSQL)
	if err == nil {
		return fmt.Errorf("expected SQLSTATE %s after %d rows, saw all %d", limitSQLState, demoRowLimit, len(got.rows))
	}
	if len(got.columns) > 0 {
		t.out.table(&got.demoTable)
	}
	if e := t.refusal(err); e == nil || e.Code != limitSQLState {
		return fmt.Errorf("expected SQLSTATE %s, saw: %w", limitSQLState, err)
	}
	if len(got.rows) != demoRowLimit {
		return fmt.Errorf("expected %d rows before the error, saw %d", demoRowLimit, len(got.rows))
	}
	if err := t.goesOn(ctx); err != nil {
		return err
	}
	t.out.ok("cut off after %d rows; the session goes on", len(got.rows))
	return nil
}

func (t *tour) rateLimit(ctx context.Context) error {
	t.out.text("initech may run 5 statements a second, 10 in a burst. It now sends the same one as fast as it can.")
	t.out.statement("initech", countSQL)
	ran := 0
	for {
		_, err := t.as(ctx, "initech", countSQL)
		if err == nil {
			if ran++; ran == flood {
				return fmt.Errorf("expected SQLSTATE %s, saw %d statements run", limitSQLState, ran)
			}
			continue
		}
		t.out.text(fmt.Sprintf("after %d statements:", ran))
		if e := t.refusal(err); e == nil || e.Code != limitSQLState {
			return fmt.Errorf("expected SQLSTATE %s, saw: %w", limitSQLState, err)
		}
		break
	}
	// The neighbours have limits of their own.
	if _, err := t.as(ctx, "acme", countSQL); err != nil {
		return fmt.Errorf("expected acme not to notice, saw: %w", err)
	}
	if err := t.goesOn(ctx); err != nil {
		return err
	}
	t.out.ok("refused, acme did not notice, and initech's session goes on a moment later")
	return nil
}

// goesOn makes sure that initech's session runs statements again, as soon as its rate allows.
func (t *tour) goesOn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		_, err := t.as(ctx, "initech", countSQL)
		if err == nil {
			return nil
		}
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != limitSQLState {
			return fmt.Errorf("expected the session to go on, saw: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("expected the session to go on within %v, saw: %w", recovery, err)
		case <-retry.C:
		}
	}
}

// explain runs the verb that a user would.
func (t *tour) explain(ctx context.Context) error {
	sql := "SELECT c.name, count(o.id) AS orders FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.name"
	t.out.text(t.out.paint(dim, fmt.Sprintf("pgcordon explain --config %s --tenant acme \\\n  '%s'", t.configPath(), sql)))
	out, err := exec.CommandContext(ctx, t.program, "explain", "--config", t.configPath(), "--tenant", "acme", sql).CombinedOutput()
	t.out.text(strings.ReplaceAll(string(out), "\n\n", "\n"))
	if err != nil {
		return fmt.Errorf("expected pgcordon explain to end with exit code 0, saw: %w", err)
	}
	for _, relation := range []string{"customers", "orders"} {
		if !strings.Contains(string(out), relation) {
			return fmt.Errorf("expected a line about %s, saw none", relation)
		}
	}
	if n := strings.Count(string(out), "tenant_id = "); n < 2 {
		return fmt.Errorf("expected a tenant predicate for both relations, saw %d", n)
	}
	t.out.ok("each relation has its own tenant predicate")
	return nil
}
