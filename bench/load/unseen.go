package load

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/bench/report"
	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/rewriter"
	"pgcordon/rewriter/grammar"
)

// author writes statements over the shop's tables. No two have the same shape: besides what chance puts together, each has aliases of its own.
type author struct {
	random *rand.Rand
	name   string
	n      int
}

var (
	orderColumns    = []string{"id", "status", "total", "placed_at", "customer_id"}
	customerColumns = []string{"name", "email", "created_at"}
)

// statement is as an ORM writes it, of about 300 bytes, and returns some rows that are found by key.
func (a *author) statement() string {
	a.n++
	alias := fmt.Sprintf("%s_%d", a.name, a.n)
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, c := range a.some(orderColumns) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `"o"."%s" AS "%s_%s"`, c, alias, c)
	}
	joined := a.random.IntN(2) == 0
	if joined {
		for _, c := range a.some(customerColumns) {
			fmt.Fprintf(&b, `, "c"."%s"`, c)
		}
	}
	b.WriteString(` FROM "shop_orders" AS "o"`)
	if joined {
		b.WriteString(` LEFT OUTER JOIN "shop_customers" AS "c" ON ("c"."id" = "o"."customer_id")`)
	}
	fmt.Fprintf(&b, ` WHERE "o"."id" IN (%d, %d)`, a.random.IntN(500)+1, a.random.IntN(500)+1)
	for range a.random.IntN(3) {
		fmt.Fprintf(&b, ` AND ("o"."status" = '%s' OR "o"."total" >= %d)`, []string{"new", "paid", "sent"}[a.random.IntN(3)], a.random.IntN(500))
	}
	if a.random.IntN(2) == 0 {
		b.WriteString(` ORDER BY "o"."placed_at" DESC, "o"."id" ASC LIMIT 10`)
	}
	return b.String()
}

// some picks at least one, in the order of the list.
func (a *author) some(of []string) (picked []string) {
	must := a.random.IntN(len(of))
	for i, c := range of {
		if i == must || a.random.IntN(2) == 0 {
			picked = append(picked, c)
		}
	}
	return picked
}

func runUnseen(ctx context.Context, j Job) (report.Measurement, error) {
	return drive(ctx, j, func(ctx context.Context, i int) (client, error) {
		conn, err := pgconn.Connect(ctx, j.Target.ConnString(0))
		if err != nil {
			return nil, err
		}
		a := &author{random: random(j, i), name: fmt.Sprintf("r%d_c%d", j.Round, i)}
		return &wire{conn: conn, run: func(ctx context.Context, conn *pgconn.PgConn) error {
			_, err := conn.Exec(ctx, a.statement()).ReadAll()
			return err
		}}, nil
	})
}

// InProcess measures, without a network, what libpg_query's parser spends on statements that were never seen, and what the rewriter does:
// user and system time of this process for each, garbage collection included, in microseconds. Nothing else may run in it.
func InProcess(ctx context.Context, j Job) (parse, plan report.Measurement, err error) {
	r, err := newRewriter(ctx, j)
	if err != nil {
		return parse, plan, err
	}
	a := &author{random: random(j, 0), name: fmt.Sprintf("p%d", j.Round)}
	texts := make([]string, j.Sizes.Texts)
	for i := range texts {
		texts[i] = a.statement()
	}
	if parse.CPU, err = cpuPer(texts, grammar.Parse); err != nil {
		return parse, plan, err
	}
	plan.CPU, err = cpuPer(texts, func(sql string) error {
		_, err := r.Plan(rewriter.Request{SQL: sql, Protocol: rewriter.Simple, SearchPath: []string{"public"}})
		return err
	})
	parse.Transactions, plan.Transactions = len(texts), len(texts)
	return parse, plan, err
}

// newRewriter makes one for the shop's tables.
func newRewriter(ctx context.Context, j Job) (*rewriter.Rewriter, error) {
	conn, err := pgx.Connect(ctx, j.Stand.Direct().ConnString(0))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	snapshot, err := catalog.Load(ctx, conn)
	if err != nil {
		return nil, err
	}
	p, err := policy.ParsePolicy("policy.yaml", []byte("tenant: {column: tenant_id, type: text}\ntables:\n  - {match: \"public.*\", scope: tenant}\n"))
	if err != nil {
		return nil, err
	}
	return rewriter.New(policy.Bind(p, snapshot), rewriter.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}), nil
}

// cpuPer does each text once and returns the microseconds of CPU that each took.
func cpuPer(texts []string, do func(string) error) (float64, error) {
	before, err := ownCPU()
	if err != nil {
		return 0, err
	}
	for _, sql := range texts {
		if err := do(sql); err != nil {
			return 0, fmt.Errorf("%s: %w", sql, err)
		}
	}
	after, err := ownCPU()
	return float64((after - before).Nanoseconds()) / 1000 / float64(len(texts)), err
}

// ownCPU is what this process has spent.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
