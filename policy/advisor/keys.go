package advisor

import (
	"cmp"
	"fmt"
	"slices"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// uniqueKeys finds unique keys that hold across tenants: an insert that fails on one tells that another tenant has the value.
// A key that the database makes up itself tells nothing.
func uniqueKeys(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if !isTenantTable(t) || t.Relation.IsPartition {
			continue
		}
		for _, index := range t.Relation.Indexes {
			if !index.Unique && !index.Exclusion || slices.Contains(index.Columns, t.Column) || surrogate(t.Relation, index) {
				continue
			}
			what := "unique index"
			switch {
			case index.Primary:
				what = "primary key"
			case index.Exclusion:
				what = "exclusion constraint"
			}
			out = append(out, Finding{Warning, "unique-across-tenants", name(t.Relation),
				fmt.Sprintf("the %s %s does not contain %s: a duplicate tells a tenant that another one has the value", what, index.Name, t.Column),
				fmt.Sprintf("put %s in front of its columns", t.Column)})
		}
	}
	return out
}

// surrogate reports whether a key is one column whose values come from the database.
func surrogate(r *catalog.Relation, index catalog.Index) bool {
	if len(index.Columns) != 1 {
		return false
	}
	c := r.Column(index.Columns[0])
	return c != nil && (c.Identity != 0 || c.HasDefault && c.Generated == 0)
}

// foreignKeys finds references to tenant tables that do not carry the tenant along: a row may refer to another
// tenant's, which tells that it exists, and which a cascade follows.
func foreignKeys(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if t.Scope == policy.ScopeDenied || t.Relation.IsPartition {
			continue
		}
		for _, key := range t.Relation.ForeignKeys {
			target := b.Table(key.Target)
			if target == nil || !isTenantTable(target) || carriesTenant(t, target, key) {
				continue
			}
			message := fmt.Sprintf("the foreign key %s to %s does not contain the tenant: a row can refer to another tenant's", key.Name, name(target.Relation))
			if key.OnDelete == 'c' || key.OnDelete == 'n' || key.OnDelete == 'd' || key.OnUpdate == 'c' {
				message += ", and is changed when that one is"
			}
			out = append(out, Finding{Warning, "foreign-key-across-tenants", name(t.Relation), message,
				fmt.Sprintf("make it (%s, …) REFERENCES %s (%s, …)", orTenant(t.Column), name(target.Relation), target.Column)})
		}
	}
	return out
}

func orTenant(column string) string {
	if column == "" {
		return "tenant"
	}
	return column
}

// carriesTenant reports whether the key pairs both tables' tenant columns.
func carriesTenant(from, to *policy.BoundTable, key catalog.ForeignKey) bool {
	for i := range key.Columns {
		if from.Column != "" && key.Columns[i] == from.Column && i < len(key.TargetCols) && key.TargetCols[i] == to.Column {
			return true
		}
	}
	return false
}

// tenantActions finds foreign keys whose action gives a row another tenant: SET NULL and SET DEFAULT of a key set the tenant column, too.
func tenantActions(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if !isTenantTable(t) || t.Relation.IsPartition {
			continue
		}
		for _, key := range t.Relation.ForeignKeys {
			target := b.Table(key.Target)
			if target == nil || target.Scope == policy.ScopeDenied || target.Scope == policy.ScopeGlobal || !slices.Contains(key.Columns, t.Column) {
				continue
			}
			set := setsTenant(t, key.OnUpdate)
			if len(key.DeleteSets) == 0 || slices.Contains(key.DeleteSets, t.Column) {
				set = cmp.Or(set, setsTenant(t, key.OnDelete))
			}
			if set != "" {
				out = append(out, Finding{Warning, "foreign-key-sets-tenant", name(t.Relation),
					fmt.Sprintf("the foreign key %s sets %s to %s when the row of %s that it refers to goes or changes: it leaves its tenant", key.Name, t.Column, set, name(target.Relation)),
					fmt.Sprintf("name the columns without %s, as in ON DELETE SET NULL (…), or take another action", t.Column)})
			}
		}
	}
	return out
}

// setsTenant tells what an action sets the tenant column to; empty for nothing, and where that always fails.
func setsTenant(t *policy.BoundTable, action byte) string {
	c := t.Relation.Column(t.Column)
	switch {
	case c == nil:
	case action == 'd' && c.HasDefault:
		return "its default"
	case (action == 'n' || action == 'd') && !c.NotNull:
		return "NULL"
	}
	return ""
}

// tenantIndexes finds tables in which a tenant's rows can only be found by reading everybody's.
func tenantIndexes(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		kind := t.Relation.Kind
		if !isTenantTable(t) || kind == catalog.ForeignTable {
			continue
		}
		leads := func(x catalog.Index) bool { return !x.Partial && len(x.Columns) > 0 && x.Columns[0] == t.Column }
		if !slices.ContainsFunc(t.Relation.Indexes, leads) {
			out = append(out, Finding{Info, "tenant-index", name(t.Relation),
				fmt.Sprintf("no index begins with %s: every statement of a tenant reads the rows of all", t.Column),
				fmt.Sprintf("CREATE INDEX ON %s (%s)", name(t.Relation), t.Column)})
		}
	}
	return out
}
