package isolation

import (
	"fmt"
	"slices"
	"strings"

	"pgcordon/policy"
)

// A schema of hidden columns (hide_column): the shared database has a tenant column in every tenant table, and the tenants' own worlds have none at all,
// nor has anything that the generator knows of. Keys are composite in the shared database alone.

// hide turns a schema into one of hidden columns.
func (s *Schema) hide() {
	s.Hidden = true
	for _, t := range s.Tables {
		tenant := t.by(UseTenant)
		if t.Scope != policy.ScopeTenant || tenant == nil {
			continue
		}
		shared := *t
		t.Shared = &shared
		others := func(names []string) []string {
			return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == tenant.Name })
		}
		t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c *Column) bool { return c == tenant })
		t.PrimaryKey, t.Unique, t.Indexes = others(t.PrimaryKey), slices.Clone(t.Unique), slices.Clone(t.Indexes)
		for i := range t.Unique {
			t.Unique[i] = others(t.Unique[i])
		}
		for i := range t.Indexes {
			t.Indexes[i] = strings.TrimPrefix(t.Indexes[i], ident(tenant.Name)+", ")
		}
		switch {
		case t.Over != nil:
			t.define()
		case t.View != "":
			t.View = strings.Replace(t.View, ", o."+ident(tenant.Name), "", 1)
			before, after, _ := strings.Cut(t.View, " ON ")
			_, after, _ = strings.Cut(after, " AND ")
			t.View = before + " ON " + after
		}
	}
}

// in returns the table as it is in the shared database (own < 0) or in a tenant's own world.
func (t *Table) in(own int) *Table {
	if own < 0 && t.Shared != nil {
		return t.Shared
	}
	return t
}

// tenantColumn is the tenant column in the shared database; nil for none.
func (t *Table) tenantColumn() *Column { return t.in(-1).by(UseTenant) }

// printedRow is an expression that prints the columns of row r that every world has.
func (t *Table) printedRow() string {
	if t.Shared == nil {
		return "r::text"
	}
	var cols []string
	for _, c := range t.Columns {
		cols = append(cols, "r."+ident(c.Name))
	}
	return fmt.Sprintf("ROW(%s)::text", strings.Join(cols, ", "))
}
