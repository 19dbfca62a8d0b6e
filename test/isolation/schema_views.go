package isolation

import (
	"slices"

	"pgcordon/policy"
)

// writableViews makes views through which Postgres writes: one of a table's columns and some of its rows, and one over that.
func (m *schemaMaker) writableViews() {
	var bases []*Table
	for _, t := range m.s.Tables {
		if t.Scope == policy.ScopeTenant && t.View == "" && t.PartitionOf == nil {
			bases = append(bases, t)
		}
	}
	below := m.writableView("some_rows", bases[m.IntN(len(bases))], []string{"", "qty < 30", "id > 0 AND qty IS NOT NULL"}[m.IntN(3)])
	if m.one(2) {
		m.writableView("fewer_rows", below, []string{"", "note IS NOT NULL"}[m.IntN(2)])
	}
}

// writableView makes a view that has its columns in an order of its own, and leaves out some that need no value.
func (m *schemaMaker) writableView(name string, below *Table, where string) *Table {
	v := &Table{Schema: "public", Name: name, Scope: policy.ScopeTenant, Over: below.stored(), below: below, where: where,
		Unique: below.Unique, SoftDelete: below.SoftDelete}
	uses := []Use{UseID, UseCode, UseMark, UseNote, UseDivisor, UseNumeral}
	for _, c := range below.Columns {
		if slices.Contains(uses, c.Use) || c.Name == "qty" || c.NotNull && c.Use != UseTenant || !m.one(4) {
			v.Columns = append(v.Columns, c)
		}
	}
	if v.by(UseTenant) == nil {
		v.Unique = nil
	}
	m.Shuffle(len(v.Columns), func(i, j int) { v.Columns[i], v.Columns[j] = v.Columns[j], v.Columns[i] })
	v.define()
	return m.add(v)
}

// define writes the query of a view that can be written.
func (t *Table) define() {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	t.View = "SELECT " + idents(names) + " FROM " + t.below.Full()
	if t.where != "" {
		t.View += " WHERE " + t.where
	}
}

// stored is the table that holds the rows: t itself, or the one below a view that can be written.
func (t *Table) stored() *Table {
	if t.Over != nil {
		return t.Over
	}
	return t
}

// conditional tells whether a view that can be written, or one below it, shows some of the rows only.
func (t *Table) conditional() bool {
	return t != nil && t.Over != nil && (t.where != "" || t.below.conditional())
}
