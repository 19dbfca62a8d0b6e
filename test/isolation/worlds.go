package isolation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway"
)

// Worlds are the databases of one round: the shared one, which the proxy serves, and each tenant's own.
type Worlds struct {
	pg     *throwaway.Postgres
	schema *Schema
	names  []string    // the databases: shared, then one per tenant
	admins []*pgx.Conn // superuser connections to them
	front  Front
	// twin is the tenant whose own world the first database is as well, when no proxy takes part; -1 when one does.
	twin int
	// marked are the rows of the shared database that were marked as deleted from the start, printed.
	marked []string
}

// Front is what stands before the shared database.
type Front interface {
	// DSN is how a tenant's client reaches a database through it.
	DSN(tenant int, database string) string
	// Rewritten returns what becomes of a statement, for reports.
	Rewritten(sql string) string
	Stop() error
}

// Shared says how the shared database is made and reached.
type Shared struct {
	// PlanSettings are settings of that database alone that make Postgres choose other plans; no answer may depend on them.
	PlanSettings []string
	// Front starts what stands before it.
	Front func(ctx context.Context, database string) (Front, error)
	// Twin, without a Front, is the tenant of whose own world it is a second copy: a check of the generator, since
	// two copies must answer alike.
	Twin int
}

var databases atomic.Int64

const sharedDB = 0

func ownDB(tenant int) int { return 1 + tenant }

// NewWorlds makes the databases of a schema.
func NewWorlds(ctx context.Context, pg *throwaway.Postgres, s *Schema, shared Shared) (*Worlds, error) {
	w := &Worlds{pg: pg, schema: s, twin: -1}
	first := -1
	if shared.Front == nil {
		w.twin, first = shared.Twin, shared.Twin
	}
	if err := w.create(ctx, first, shared.PlanSettings); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	for t := range Tenants {
		if err := w.create(ctx, t, nil); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if shared.Front != nil {
		var err error
		if w.front, err = shared.Front(ctx, w.names[sharedDB]); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

func (w *Worlds) create(ctx context.Context, own int, planSettings []string) error {
	name := fmt.Sprintf("world_%d", databases.Add(1))
	sql := fmt.Sprintf("CREATE DATABASE %s", name)
	if err := w.pg.Exec(ctx, "postgres", sql); err != nil {
		return err
	}
	w.names = append(w.names, name)
	settings := []string{"search_path = " + idents(w.schema.Path), "statement_timeout = '20s'", "lock_timeout = '10s'"}
	settings = append(settings, planSettings...)
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "ALTER ROLE %s IN DATABASE %s SET %s;\n", appRole, name, s)
	}
	if err := w.pg.Exec(ctx, "postgres", b.String()); err != nil {
		return err
	}
	admin, err := pgx.Connect(ctx, w.pg.DSN("", name))
	if err != nil {
		return err
	}
	w.admins = append(w.admins, admin)
	if _, err := admin.PgConn().Exec(ctx, w.schema.DDL(own)).ReadAll(); err != nil {
		return fmt.Errorf("%w in:\n%s", err, w.schema.DDL(own))
	}
	return nil
}

// Close stops the proxy and drops the databases.
func (w *Worlds) Close() error {
	ctx := context.Background()
	var errs []error
	if w.front != nil {
		errs = append(errs, w.front.Stop())
	}
	for _, a := range w.admins {
		errs = append(errs, a.Close(ctx))
	}
	for _, name := range w.names {
		errs = append(errs, w.pg.Exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"))
	}
	return errors.Join(errs...)
}

// load puts the batch's first rows into every world.
func (w *Worlds) load(ctx context.Context, rows Rows) error {
	for i, admin := range w.admins {
		sql := w.schema.LoadSQL(rows, w.tenantOf(i))
		if _, err := admin.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("loading rows: %w", err)
		}
	}
	var err error
	w.marked, err = w.markedRows(ctx)
	return err
}

// setSequence makes the next value of a sequence the same in the shared world and in the tenant's own.
func (w *Worlds) setSequence(ctx context.Context, tenant int, sequence string, value int) error {
	for _, i := range []int{sharedDB, ownDB(tenant)} {
		if _, err := w.admins[i].Exec(ctx, "SELECT setval($1::text::regclass, $2)", sequence, value); err != nil {
			return err
		}
	}
	return nil
}

// tenantOf returns whose world a database is; -1 for the shared one.
func (w *Worlds) tenantOf(world int) int {
	if world == sharedDB {
		return w.twin
	}
	return world - 1
}

// content is every row of a world, printed, by owner: the tenant's id, or empty for tables without one.
type content map[string][]string

func (w *Worlds) content(ctx context.Context, world int) (content, error) {
	var parts []string
	for _, t := range w.schema.Tables {
		if t.View != "" || t.PartitionOf != nil {
			continue
		}
		only, owner := "ONLY ", "''"
		if t.PartitionBy != "" {
			only = ""
		}
		own := w.tenantOf(world)
		if c := t.in(own).by(UseTenant); c != nil {
			owner = "coalesce(r." + ident(c.Name) + "::text, '')"
		} else if t.Shared != nil {
			owner = quote(w.schema.IDs[own])
		}
		where := ""
		if t.SoftDelete != nil {
			where = " WHERE " + t.live()
		}
		parts = append(parts, fmt.Sprintf("SELECT %s, %s || %s FROM %s%s r%s", owner, quote(t.Full()+" "), t.printedRow(), only, t.Full(), where))
	}
	rows, err := w.admins[world].Query(ctx, strings.Join(parts, " UNION ALL ")+" ORDER BY 1, 2", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	out := content{}
	var owner, row string
	_, err = pgx.ForEachRow(rows, []any{&owner, &row}, func() error {
		out[owner] = append(out[owner], row)
		return nil
	})
	return out, err
}

// checkContent compares each tenant's rows in the shared world with those of its own, which only its own statements have
// changed, and what nobody may write with what was loaded. The text says what differs; empty for nothing.
func (w *Worlds) checkContent(ctx context.Context) (string, error) {
	shared, err := w.content(ctx, sharedDB)
	if err != nil {
		return "", err
	}
	marked, err := w.markedRows(ctx)
	if err != nil {
		return "", err
	}
	if d := firstDifference(marked, w.marked); d != "" {
		return "rows that were marked as deleted have changed: " + strings.NewReplacer("shared", "now", "own", "before").Replace(d), nil
	}
	for t, id := range w.schema.IDs {
		if w.twin >= 0 && w.twin != t {
			continue
		}
		own, err := w.content(ctx, ownDB(t))
		if err != nil {
			return "", err
		}
		for owner, rows := range own {
			if d := firstDifference(shared[owner], rows); d != "" {
				return fmt.Sprintf("rows of %q, compared with tenant %d's own world: %s", owner, t, d), nil
			}
		}
		if len(own[id]) == 0 && len(shared[id]) > 0 {
			return fmt.Sprintf("tenant %d has rows in the shared world and none in its own: %s", t, shared[id][0]), nil
		}
	}
	for owner := range shared {
		if owner != "" && owner != w.schema.IDs[0] && owner != w.schema.IDs[1] && owner != w.schema.IDs[2] {
			return fmt.Sprintf("rows of nobody's: tenant %q", owner), nil
		}
	}
	return "", nil
}

func firstDifference(shared, own []string) string {
	for i := range max(len(shared), len(own)) {
		s, o := "(none)", "(none)"
		if i < len(shared) {
			s = shared[i]
		}
		if i < len(own) {
			o = own[i]
		}
		if s != o {
			return fmt.Sprintf("shared %s, own %s", s, o)
		}
	}
	return ""
}

// sharedDSN is how a tenant reaches the shared world.
func (w *Worlds) sharedDSN(tenant int) string {
	if w.front == nil {
		return w.pg.DSN(appRole, w.names[sharedDB])
	}
	return w.front.DSN(tenant, w.names[sharedDB])
}
