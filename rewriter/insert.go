package rewriter

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// insert rewrites an INSERT and returns the columns of RETURNING.
func (p *pass) insert(s *pg.InsertStmt, ctes *cteEnv, parent *scope) []column {
	ctes = p.with(s.WithClause, ctes, parent)
	p.adding(s.Relation)
	t, it := p.target(s.Relation)
	if t == nil {
		return nil
	}
	sc := &scope{parent: parent, ctes: ctes, items: []*item{it}}
	for _, c := range s.Cols {
		p.indirection(c.GetResTarget().GetIndirection(), sc)
	}
	sel := s.SelectStmt.GetSelectStmt()
	if s.SelectStmt != nil && sel == nil {
		p.deny(stateFeature, ruleClause, "the source of an INSERT must be a SELECT or VALUES", "")
		return nil
	}
	width := -1
	if sel != nil {
		width = p.insertSource(sel, t, s, ctes, parent)
	}
	p.insertThrough(s, width, it)
	if p.denial != nil {
		return nil
	}
	if t.Scope.HasTenant() {
		p.note(t, it.name, nil, "INSERT: the tenant column is filled in or checked")
		if !omitted("tenant column of INSERT") {
			p.fillTenant(s, sel, width, t)
		}
	}
	p.lesson.storedRows(s.Cols, sel, t.Relation)
	p.onConflict(s.OnConflictClause, t, it, sc)
	s.ReturningList = p.expandStars(s.ReturningList, sc)
	restore := p.keepNames(s.ReturningList)
	p.exprs(targets(s.ReturningList), sc)
	restore()
	if p.denial != nil {
		return nil
	}
	return p.outputColumns(s.ReturningList, sc)
}

// insertSource walks the source of an INSERT and returns how many columns it has; -1 when that cannot be told.
func (p *pass) insertSource(sel *pg.SelectStmt, t *policy.BoundTable, s *pg.InsertStmt, ctes *cteEnv, parent *scope) int {
	if !plainValues(sel) {
		cols := p.selectStmt(sel, ctes, parent)
		if cols == nil {
			return -1
		}
		return len(cols)
	}
	// VALUES may hold DEFAULT, and constants for the tenant column.
	sc := &scope{parent: parent, ctes: ctes}
	width := -1
	for _, row := range sel.ValuesLists {
		items := row.GetList().GetItems()
		if width >= 0 && len(items) != width {
			p.deny(stateSyntax, ruleInsertColumns, "VALUES lists must all be the same length", "")
			return -1
		}
		width = len(items)
		for _, v := range items {
			if v.GetSetToDefault() == nil {
				p.expr(v, sc)
			}
		}
	}
	return width
}

// plainValues tells whether a source is a VALUES list with nothing around it.
func plainValues(s *pg.SelectStmt) bool {
	return len(s.ValuesLists) > 0 && s.WithClause == nil && len(s.SortClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil && len(s.LockingClause) == 0
}

// fillTenant makes sure that every row carries the tenant: the column is added with the tenant parameter, or, when the client
// gives it, checked.
func (p *pass) fillTenant(s *pg.InsertStmt, sel *pg.SelectStmt, width int, t *policy.BoundTable) {
	if sel == nil { // DEFAULT VALUES
		s.Cols = []*pg.Node{resTarget(t.Column, nil)}
		s.SelectStmt = &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
			ValuesLists: []*pg.Node{pg.MakeListNode([]*pg.Node{p.value(t)})},
			LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
		}}}
		return
	}
	named := len(s.Cols) > 0
	if !named {
		if width < 0 {
			p.deny(stateFeature, ruleInsertColumns, "how many columns this INSERT gives cannot be told", "Name the columns after the table.")
			return
		}
		columns := t.Relation.Columns
		if p.hidesColumn(t) {
			columns = t.VisibleColumns()
		}
		if width > len(columns) {
			p.deny(stateSyntax, ruleInsertColumns, "INSERT has more expressions than target columns", "")
			return
		}
		for _, c := range columns[:width] {
			s.Cols = append(s.Cols, resTarget(c.Name, nil))
		}
	} else if width > len(s.Cols) {
		p.deny(stateSyntax, ruleInsertColumns, "INSERT has more expressions than target columns", "")
		return
	} else if width >= 0 && width < len(s.Cols) {
		p.deny(stateSyntax, ruleInsertColumns, "INSERT has more target columns than expressions", "")
		return
	}
	at := p.tenantAmong(s.Cols, t, named)
	if p.denial != nil {
		return
	}
	given := len(s.Cols)
	if at < 0 {
		s.Cols = append(s.Cols, resTarget(t.Column, nil))
	}
	if s.Override == pg.OverridingKind_OVERRIDING_USER_VALUE && t.Relation.Column(t.Column) != nil && t.Relation.Column(t.Column).Identity != 0 {
		p.denyTenantValue(t, -1)
		return
	}
	p.fillSource(sel, at, given, t)
}

// fillSource adds the tenant to every row of a source, or checks it at index at. A set operation has it in every arm,
// each of which has as many columns as the client has given.
func (p *pass) fillSource(sel *pg.SelectStmt, at, given int, t *policy.BoundTable) {
	if p.denial != nil {
		return
	}
	if sel.Op != pg.SetOperation_SETOP_NONE {
		p.fillSource(sel.Larg, at, given, t)
		p.fillSource(sel.Rarg, at, given, t)
		return
	}
	if len(sel.ValuesLists) > 0 {
		inner := !plainValues(sel)
		for _, row := range sel.ValuesLists {
			l := row.GetList()
			if len(l.GetItems()) != given {
				p.deny(stateSyntax, ruleInsertColumns, "each UNION query must have the same number of columns", "")
				return
			}
			if at < 0 {
				l.Items = append(l.Items, p.value(t))
			} else if inner {
				p.denyTenantValue(t, -1)
				return
			} else {
				l.Items[at] = p.tenantValue(l.Items[at], t, inValues)
			}
		}
		return
	}
	if !slices.ContainsFunc(sel.TargetList, func(n *pg.Node) bool { return isStar(n.GetResTarget().GetVal()) }) && len(sel.TargetList) != given {
		p.deny(stateSyntax, ruleInsertColumns, "each UNION query must have the same number of columns", "")
		return
	}
	if at < 0 {
		sel.TargetList = append(sel.TargetList, resTarget("", p.value(t)))
		return
	}
	sel.TargetList = withoutStarTargets(sel.TargetList, p.levels[sel])
	for i := 0; i <= at; i++ {
		if i >= len(sel.TargetList) || isStar(sel.TargetList[i].GetResTarget().GetVal()) {
			p.denyTenantValue(t, -1)
			return
		}
	}
	r := sel.TargetList[at].GetResTarget()
	if p.isTenant(r.Val, p.levels[sel]) {
		r.Val = p.value(t)
		return
	}
	r.Val = p.tenantValue(r.Val, t, inSelect)
}

// withoutStarTargets writes out the stars of a select list, as far as their columns can be named.
func withoutStarTargets(list []*pg.Node, sc *scope) []*pg.Node {
	out := make([]*pg.Node, 0, len(list))
	for _, n := range list {
		cols := starReferences(n.GetResTarget().GetVal().GetColumnRef(), sc)
		if cols == nil {
			out = append(out, n)
		}
		for _, c := range cols {
			out = append(out, resTarget("", c))
		}
	}
	return out
}

func isStar(n *pg.Node) bool {
	if c := n.GetColumnRef(); c != nil {
		return c.Fields[len(c.Fields)-1].GetAStar() != nil
	}
	if i := n.GetAIndirection(); i != nil && len(i.Indirection) > 0 {
		return i.Indirection[len(i.Indirection)-1].GetAStar() != nil
	}
	return false
}

// onConflict rewrites ON CONFLICT. DO UPDATE may touch the tenant's row only: its WHERE starts with the tenant predicate,
// and Postgres evaluates it in written order before the SET list.
func (p *pass) onConflict(c *pg.OnConflictClause, t *policy.BoundTable, it *item, sc *scope) {
	if c == nil || p.denial != nil {
		return
	}
	if inf := c.Infer; inf != nil {
		plain := *sc
		plain.plain = true
		for _, n := range inf.IndexElems {
			e := n.GetIndexElem()
			if e == nil {
				p.deny(stateFeature, ruleClause, nodeName(n)+" in ON CONFLICT is not supported", "")
				return
			}
			p.expr(e.Expr, &plain)
			if len(e.Opclass) > 0 || len(e.Opclassopts) > 0 {
				p.deny(stateFeature, ruleClause, "operator classes in ON CONFLICT are not supported", "")
				return
			}
		}
		p.expr(inf.WhereClause, &plain)
		p.inferTenant(inf, t)
	}
	switch c.Action {
	case pg.OnConflictAction_ONCONFLICT_NOTHING:
	case pg.OnConflictAction_ONCONFLICT_UPDATE:
		excluded := &item{name: "excluded", columns: it.columns, hidden: it.hidden, through: it.through, global: true}
		inner := &scope{parent: sc.parent, ctes: sc.ctes, items: append(sc.items[:len(sc.items):len(sc.items)], excluded)}
		p.assignments(c.TargetList, t, inner)
		p.expr(c.WhereClause, inner)
		if p.denial == nil && p.confined(t) && !omitted("WHERE of ON CONFLICT DO UPDATE") {
			c.WhereClause = and([]*pg.Node{p.targetPredicate(it.ref, t)}, c.WhereClause)
			p.noteTarget(t, it.name, it.ref, "WHERE of ON CONFLICT DO UPDATE")
		}
	default:
		p.deny(stateFeature, ruleClause, fmt.Sprintf("%s is not supported", c.Action), "")
	}
}
