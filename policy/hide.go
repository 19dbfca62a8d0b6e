package policy

import "pgcordon/policy/catalog"

// hide marks a bound relation whose rule hides the tenant column. A view that does not show the column has nothing to hide.
func (p *Policy) hide(t *BoundTable, rule *TableRule) {
	column, _ := p.TenantColumn(rule)
	if rule.HideColumn && t.Scope != ScopeDenied && t.Relation.Column(column) != nil {
		t.Hidden, t.hidden = true, column
	}
}

// HiddenColumn is the name of the column that clients do not see; empty for none.
func (t *BoundTable) HiddenColumn() string { return t.hidden }

// VisibleColumns are the relation's columns as clients see them, in order: all of them, or all but the hidden one. A statement that means
// "all columns" without naming them (INSERT or COPY without a list, `*`) means these.
func (t *BoundTable) VisibleColumns() []catalog.Column {
	if !t.Hidden {
		return t.Relation.Columns
	}
	out := make([]catalog.Column, 0, len(t.Relation.Columns))
	for _, c := range t.Relation.Columns {
		if c.Name != t.hidden {
			out = append(out, c)
		}
	}
	return out
}
