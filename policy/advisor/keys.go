package advisor

import (
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
