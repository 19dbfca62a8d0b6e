package isolation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
)

// Slots of Rows behind those of the tenants.
const (
	defaultRows = Tenants     // of scope mixed, without a tenant: in every world
	markedRows  = Tenants + 1 // and on, by tenant: marked as deleted, in the shared world alone
	sharedMarks = markedRows + Tenants
	slots       = sharedMarks + 1
)

// defaults makes tables of scope mixed. In a tenant's own world row security keeps the default rows from being written.
func (m *schemaMaker) defaults() {
	m.mixed("templates")
	if m.one(3) {
		m.markDeleted(m.mixed("labels"))
	}
}

func (m *schemaMaker) mixed(name string) *Table {
	t := m.tenantTable("public", name, nil)
	t.Scope = policy.ScopeMixed
	tenant := t.by(UseTenant)
	tenant.NotNull = false
	t.PrimaryKey = []string{"id"}
	t.Unique = [][]string{{tenant.Name, "id"}, {tenant.Name, "code"}}
	return t
}

// marked makes tables whose rows are marked as deleted, a tenant's and a global one.
func (m *schemaMaker) marked() {
	m.markDeleted(m.tenantTable("public", "tasks", nil))
	m.add(&Table{Schema: "public", Name: "regions", Scope: policy.ScopeGlobal, NoWrites: true,
		SoftDelete: &policy.SoftDeleteRule{Column: "retired"}, Columns: []*Column{
			{Name: "code", Type: Text, Decl: "text", NotNull: true},
			{Name: "rank", Type: Int4, Decl: "int4"},
			{Name: "divisor", Type: Int4, Decl: "int4", Use: UseDivisor, Safe: [Tenants]bool{true, true, true}},
			{Name: "truth", Type: Text, Decl: "text", Use: UseTruth, Safe: [Tenants]bool{true, true, true}},
			{Name: "retired", Type: Date, Decl: "date", Use: UseMark},
		}})
}

// markDeleted makes a table mark its rows. Its keys hold among live rows, as they do where deleted rows are gone; and it refers to
// no table, because rows that only one of the worlds has could keep others from being deleted.
func (m *schemaMaker) markDeleted(t *Table) {
	mark := &Column{Name: "deleted_at", Type: Stamp, Decl: "timestamptz", Use: UseMark}
	if m.one(2) {
		mark = &Column{Name: "gone", Type: Bool, Decl: "bool", Use: UseMark}
	}
	t.SoftDelete = &policy.SoftDeleteRule{Column: mark.Name, RewriteDelete: !m.one(4)}
	at := m.IntN(len(t.Columns) + 1)
	t.Columns = slices.Insert(t.Columns, at, mark)
	tenant := t.by(UseTenant)
	t.PrimaryKey, t.Unique = nil, [][]string{{tenant.Name, "id"}, {tenant.Name, "code"}}
}

// live is the condition that a row is not marked as deleted.
func (t *Table) live() string {
	if t.by(UseMark).Type == Bool {
		return ident(t.SoftDelete.Column) + " IS NOT TRUE"
	}
	return ident(t.SoftDelete.Column) + " IS NULL"
}

// keepDefaults makes a tenant's own world keep the default rows as they are.
func (t *Table) keepDefaults() string {
	own := ident(t.by(UseTenant).Name) + " IS NOT NULL"
	var b strings.Builder
	fmt.Fprintf(&b, "ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\n", t.Full())
	fmt.Fprintf(&b, "CREATE POLICY r ON %s FOR SELECT USING (true);\n", t.Full())
	fmt.Fprintf(&b, "CREATE POLICY i ON %s FOR INSERT WITH CHECK (%s);\n", t.Full(), own)
	fmt.Fprintf(&b, "CREATE POLICY u ON %s FOR UPDATE USING (%s);\n", t.Full(), own)
	fmt.Fprintf(&b, "CREATE POLICY d ON %s FOR DELETE USING (%s);\n", t.Full(), own)
	return b.String()
}

// addSpecialRows draws default rows, whose hazards are harmless, and marked rows, whose hazards mostly are not.
func addSpecialRows(r *rand.Rand, s *Schema, rows Rows) {
	next := 0
	for ti, t := range s.Tables {
		if t.Scope == policy.ScopeMixed {
			for i := range r.IntN(4) {
				rows[ti][defaultRows] = append(rows[ti][defaultRows], specialRow(r, s, t, defaultRows, 500+next+i, i))
			}
		}
		if t.SoftDelete == nil {
			next += 10
			continue
		}
		if t.PartitionOf != nil || t.View != "" {
			continue
		}
		if t.tenantColumn() == nil {
			rows[ti][sharedMarks] = sharedMarked()
			continue
		}
		for tenant := range Tenants {
			for i := range r.IntN(3) {
				rows[ti][markedRows+tenant] = append(rows[ti][markedRows+tenant], specialRow(r, s, t, markedRows+tenant, 500+next+i, i))
			}
		}
		next += 10
	}
}

func specialRow(r *rand.Rand, s *Schema, t *Table, slot, id, n int) Row {
	row := make(Row, len(t.Columns))
	marked := slot >= markedRows && slot < sharedMarks
	for ci, c := range t.Columns {
		var v string
		switch {
		case c.Use == UseTenant && !marked, c.Use == UseParent, c.Generated != "", c.Use == UseMark && !marked:
			continue
		case c.Use == UseTenant:
			v = s.IDs[slot-markedRows]
		case c.Use == UseMark:
			v = "true"
			if c.Type != Bool {
				v = "2020-12-31"
			}
		case c.Use == UseID:
			v = fmt.Sprint(firstID(slot, id))
		case c.Use == UseCode && marked:
			v = fmt.Sprintf("c%d", n+1) // as a live row may have
		case c.Use == UseCode:
			v = fmt.Sprintf("d%d", n+1)
		default:
			v = sample(r, c.Type, c.Use, slot, !marked)
		}
		row[ci] = &v
	}
	return row
}

// hiddenID is the tenant of a slot's rows in a table that does not hold it; empty for others.
func (s *Schema) hiddenID(t *Table, slot int) string {
	switch {
	case t.Shared == nil:
	case slot < Tenants:
		return s.IDs[slot]
	case slot >= markedRows && slot < sharedMarks:
		return s.IDs[slot-markedRows]
	}
	return ""
}

func sharedLive() []Row {
	rows := []Row{text("n", "1", "2", "t", ""), text("s", "2", "5", "yes", ""), text("w", "3", "-4", "off", "")}
	for _, row := range rows {
		row[len(row)-1] = nil
	}
	return rows
}

func sharedMarked() []Row {
	return []Row{text("e", "4", "0", "perhaps", "2020-12-31"), text("n", "5", "0", "perhaps", "2021-12-31")}
}

// withoutMark is the scope of a DELETE's RETURNING: where it marks the row, the row has the mark.
func withoutMark(sc *scope) *scope {
	src := sc.sources[0]
	if src.table.SoftDelete == nil || !src.table.SoftDelete.RewriteDelete {
		return sc
	}
	bare := *src
	bare.noRow = true
	bare.cols = slices.DeleteFunc(slices.Clone(src.cols), func(c *col) bool { return c.use == UseMark })
	return &scope{sources: []*source{&bare}, outer: sc.outer}
}

// markedRows are the rows of the shared database that were marked when it was loaded: their ids are nobody's.
func (w *Worlds) markedRows(ctx context.Context) ([]string, error) {
	var parts []string
	for _, t := range w.schema.Tables {
		if t.SoftDelete != nil && t.by(UseID) != nil && t.View == "" {
			parts = append(parts, fmt.Sprintf("SELECT %s || r::text FROM %s r WHERE id >= %d", quote(t.Full()+" "), t.Full(), firstID(markedRows, 0)))
		}
	}
	if parts == nil {
		return nil, nil
	}
	rows, err := w.admins[sharedDB].Query(ctx, strings.Join(parts, " UNION ALL ")+" ORDER BY 1", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
