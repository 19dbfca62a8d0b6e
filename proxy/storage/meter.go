package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Count is what one tenant has stored. Bytes is 0 when they were not asked for.
type Count struct{ Rows, Bytes int64 }

// Task says what to count.
type Task struct {
	Bound    *policy.Bound
	Upstream *pgx.ConnConfig
	Tenants  []policy.TenantID
	// Bytes tells whether bytes are asked for, which takes longer.
	Bytes bool
	Every time.Duration
}

// Config is what a Meter needs.
type Config struct {
	// Task is asked before each count; one without tenants is nothing to do.
	Task func() Task
	// Counted gets each count, and the time of the next.
	Counted func(map[policy.TenantID]Count, time.Time)
	Log     *slog.Logger
}

// Meter counts what tenants have stored.
type Meter struct {
	cfg   Config
	again chan struct{}
}

// New returns a meter that does nothing until Run.
func New(cfg Config) *Meter { return &Meter{cfg: cfg, again: make(chan struct{}, 1)} }

// Again makes Run count now.
func (m *Meter) Again() {
	select {
	case m.again <- struct{}{}:
	default: // it has been told and not begun yet
	}
}

// Run counts until ctx ends.
func (m *Meter) Run(ctx context.Context) {
	for {
		task := m.cfg.Task()
		if len(task.Tenants) > 0 {
			began := time.Now()
			counts, err := task.count(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				m.cfg.Log.Warn("counting what tenants have stored failed", "error", err)
			default:
				m.cfg.Log.Debug("counted what tenants have stored", "tenants", len(counts), "elapsed", time.Since(began))
				m.cfg.Counted(counts, time.Now().Add(task.Every))
			}
		}
		timer := time.NewTimer(task.Every)
		select {
		case <-timer.C:
		case <-m.again:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// count reads every table once.
func (t *Task) count(ctx context.Context) (_ map[policy.TenantID]Count, err error) {
	conn, err := pgx.ConnectConfig(ctx, t.Upstream)
	if err != nil {
		return nil, fmt.Errorf("connecting to the upstream: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := conn.Exec(ctx, "SET default_transaction_read_only = on; SET statement_timeout = 0"); err != nil {
		return nil, err
	}
	out := make(map[policy.TenantID]Count, len(t.Tenants))
	names := make([]string, len(t.Tenants))
	for i, id := range t.Tenants {
		out[id], names[i] = Count{}, id.String()
	}
	for _, table := range t.tables() {
		if err := t.countTable(ctx, conn, table, names, out); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", table.Relation.Schema, table.Relation.Name, err)
		}
	}
	return out, nil
}

// tables are those whose rows are counted: with a tenant column, and not counted with a parent.
func (t *Task) tables() []*policy.BoundTable {
	var out []*policy.BoundTable
	for oid, r := range t.Bound.Catalog.ByOID {
		b := t.Bound.Table(oid)
		counted := func(b *policy.BoundTable) bool { return b.Scope.HasTenant() && b.Column != "" }
		if (r.Kind == catalog.Table || r.Kind == catalog.PartitionedTable) && counted(b) && !slices.ContainsFunc(t.Bound.Ancestors(oid), counted) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *policy.BoundTable) int {
		return strings.Compare(a.Relation.Schema+"."+a.Relation.Name, b.Relation.Schema+"."+b.Relation.Name)
	})
	return out
}

// rowBytes is what a row takes besides its values: its header and its pointer in the page (Postgres manual, "Database Page Layout").
const rowBytes = 28

func (t *Task) countTable(ctx context.Context, conn *pgx.Conn, table *policy.BoundTable, names []string, out map[policy.TenantID]Count) error {
	size := "0::pg_catalog.int8"
	if t.Bytes {
		parts := []string{fmt.Sprint(rowBytes)}
		for _, c := range table.Relation.Columns {
			if c.Generated != 'v' {
				parts = append(parts, "coalesce(pg_catalog.pg_column_size(t."+pgx.Identifier{c.Name}.Sanitize()+"), 0)")
			}
		}
		size = "pg_catalog.sum((" + strings.Join(parts, " + ") + ")::pg_catalog.int8)::pg_catalog.int8"
	}
	sql := fmt.Sprintf("SELECT i.id, pg_catalog.count(*), %s FROM pg_catalog.unnest($1::pg_catalog.text[]) AS i(id) JOIN %s AS t ON t.%s = i.id::pg_catalog.%s GROUP BY i.id",
		size, pgx.Identifier{table.Relation.Schema, table.Relation.Name}.Sanitize(), pgx.Identifier{table.Column}.Sanitize(), typeName(table.Type))
	rows, err := conn.Query(ctx, sql, names)
	if err != nil {
		return err
	}
	var name string
	var n, bytes int64
	_, err = pgx.ForEachRow(rows, []any{&name, &n, &bytes}, func() error {
		id, err := policy.NewTenantID(name)
		if err != nil {
			return err
		}
		c := out[id]
		out[id] = Count{c.Rows + n, c.Bytes + bytes}
		return nil
	})
	return err
}

// typeName is a type of tenant columns as Postgres has it.
func typeName(t policy.ColumnType) string {
	if t == policy.TypeVarchar {
		return "text" // as which it compares
	}
	return t.String()
}
