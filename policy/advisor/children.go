package advisor

import (
	"fmt"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// children finds partitions and inheriting tables whose own rule says something else of their rows than the rule of the table that they are
// part of. Whoever reads the one sees what the other hides.
func children(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if t.Scope == policy.ScopeDenied || t.Relation.Kind == catalog.View {
			continue
		}
		for _, parent := range b.Ancestors(t.Relation.OID) {
			f := Finding{Warning, "child-rule-differs", name(t.Relation), "", "give both the same rule, or deny the child: it is reached through its parent"}
			switch {
			case parent.Scope.HasTenant() && t.Scope == policy.ScopeGlobal:
				f.Severity = Error
				f.Message = fmt.Sprintf("everybody reads it by its own name, and through %s its rows belong to tenants", name(parent.Relation))
			case parent.Scope.HasTenant() && t.Scope.HasTenant() && parent.Scope != t.Scope:
				f.Message = fmt.Sprintf("its scope is %s, and that of %s, which it is part of, is %s", t.Scope, name(parent.Relation), parent.Scope)
			case parent.Scope != policy.ScopeDenied && mark(parent) != mark(t):
				f.Message = fmt.Sprintf("it and %s, which it is part of, do not mark deleted rows by the same column", name(parent.Relation))
			default:
				continue
			}
			out = append(out, f)
		}
	}
	return out
}

// mark is the column that marks deleted rows; empty for none.
func mark(t *policy.BoundTable) string {
	if t.SoftDelete == nil {
		return ""
	}
	return t.SoftDelete.Column
}

// markedKeys finds unique keys that a row keeps when DELETE marks it. A key that the database makes up itself is never asked for again.
func markedKeys(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if t.SoftDelete == nil || !t.SoftDelete.RewriteDelete || t.Relation.IsPartition {
			continue
		}
		for _, index := range t.Relation.Indexes {
			if !index.Unique || index.Partial || index.Primary || surrogate(t.Relation, index) {
				continue
			}
			out = append(out, Finding{Info, "soft-delete-key", name(t.Relation),
				fmt.Sprintf("a row that is marked as deleted keeps its key in %s: inserting it again is a unique violation", index.Name),
				fmt.Sprintf("if that is not meant, make it a unique index with a WHERE clause that tests %s", t.SoftDelete.Column)})
		}
	}
	return out
}
