package policy

import (
	"fmt"
	"slices"

	"pgcordon/policy/catalog"
)

// Reading a table reads its partitions and the tables that inherit from it. They have its columns, so that its predicates confine
// their rows as well, whatever the rules say of them by their own names. Two things cannot be carried out, and deny the parent: a
// parent that everybody reads over a child whose rows belong to tenants, and a child that names its tenant by another column.

// checkChildren denies the parents whose children's rows would be read under the wrong rule.
func (b *Bound) checkChildren() {
	problems := map[*BoundTable]string{}
	for oid, child := range b.tables {
		if !child.Scope.HasTenant() || child.Column == "" {
			continue
		}
		name := child.Relation.Schema + "." + child.Relation.Name
		for _, parent := range b.Ancestors(oid) {
			problem := ""
			switch {
			case parent.Scope == ScopeGlobal:
				problem = fmt.Sprintf("everybody would read it, and its child %s holds rows of tenants", name)
			case parent.Scope.HasTenant() && parent.Column != child.Column:
				problem = fmt.Sprintf("its tenant column is %q, and that of its child %s is %q", parent.Column, name, child.Column)
			}
			// Of several, the first by its text: two binds of one snapshot say the same.
			if had, ok := problems[parent]; problem != "" && (!ok || problem < had) {
				problems[parent] = problem
			}
		}
	}
	for t, problem := range problems {
		t.deny(problem)
	}
}

// deny makes a relation denied although its rule puts it in a scope.
func (t *BoundTable) deny(problem string) {
	t.Scope, t.Column, t.Type, t.SoftDelete, t.Problem = ScopeDenied, "", TypeAny, nil, problem
}

// Ancestors returns what a relation inherits from or is a partition of, directly or not.
func (b *Bound) Ancestors(oid uint32) []*BoundTable {
	var out []*BoundTable
	var walk func(r *catalog.Relation)
	walk = func(r *catalog.Relation) {
		for _, p := range r.Parents {
			if t := b.tables[p]; t != nil && !slices.Contains(out, t) {
				out = append(out, t)
				walk(t.Relation)
			}
		}
	}
	if t := b.tables[oid]; t != nil {
		walk(t.Relation)
	}
	return out
}
