package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// What a condition that no CASE guards may not do, because the planner can run it on rows that the tenant's predicate would leave out. Of what could
// be noticed there the sweep looks for two forms that show in the text, with columns of tables that stand in the same FROM:
//
//	a = b                   columns of two collations: the comparison fails on the first rows, whoever's they are
//	a > (SELECT ...)        runs the sub-select when the first row asks for it: LEAST((SELECT ...)) costs more than the predicate and comes later

// sweptColumn is a column of a table in FROM.
type sweptColumn struct {
	table  *policy.BoundTable
	column *catalog.Column
}

// early checks a condition that could run before the tenant's predicate.
func (s *sweeper) early(n *pg.Node, e sweepEnv) {
	switch x := n.GetNode().(type) {
	case *pg.Node_BoolExpr:
		s.lateBeside(x.BoolExpr.Args, e)
		for _, arg := range x.BoolExpr.Args {
			s.early(arg, e)
		}
	case *pg.Node_BooleanTest:
		s.early(x.BooleanTest.Arg, e)
	case *pg.Node_FuncCall:
		s.collationsOf(x.FuncCall.Args, e)
	case *pg.Node_AExpr:
		operands := []*pg.Node{x.AExpr.Lexpr, x.AExpr.Rexpr}
		if list := x.AExpr.Rexpr.GetList(); list != nil {
			operands = append([]*pg.Node{x.AExpr.Lexpr}, list.Items...)
		}
		s.lateBeside(operands, e)
		s.collationsOf(operands, e)
	}
}

// collationsOf fails when two of the operands are columns of two collations.
func (s *sweeper) collationsOf(operands []*pg.Node, e sweepEnv) {
	var columns []*sweptColumn
	for _, n := range operands {
		each := []*pg.Node{n}
		if c := n.GetCoalesceExpr(); c != nil {
			each = c.Args
		}
		for _, n := range each {
			if c := s.columnHere(n, e); c != nil && c.column.Collation != 0 {
				columns = append(columns, c)
			}
		}
	}
	for i, a := range columns {
		for _, b := range columns[:i] {
			if (a.table.Scope.HasTenant() || b.table.Scope.HasTenant()) && differ(a.column, b.column) {
				s.fail("%s and %s have two collations, and are compared on rows of others", a.column.Name, b.column.Name)
			}
		}
	}
}

// lateBeside fails when one of the operands is a sub-select that runs when its value is asked for, and another has a column of a tenant's table.
func (s *sweeper) lateBeside(operands []*pg.Node, e sweepEnv) {
	for i, n := range operands {
		if !late(n) {
			continue
		}
		for j, o := range operands {
			if i != j && s.others(o, e) {
				s.fail("a sub-select is needed for the first row, whoever's that is")
			}
		}
	}
}

// late tells whether an operand is such a sub-select, or a cast of one.
func late(n *pg.Node) bool {
	for c := n.GetTypeCast(); c != nil; c = n.GetTypeCast() {
		n = c.Arg
	}
	t := n.GetSubLink().GetSubLinkType()
	return t == pg.SubLinkType_EXPR_SUBLINK || t == pg.SubLinkType_ARRAY_SUBLINK
}

// others tells whether an expression has a column of a table with rows of others.
func (s *sweeper) others(n *pg.Node, e sweepEnv) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		c := s.columnHere(n, e)
		return c != nil && c.table.Scope.HasTenant()
	case *pg.Node_AExpr:
		return s.others(x.AExpr.Lexpr, e) || s.others(x.AExpr.Rexpr, e)
	case *pg.Node_TypeCast:
		return s.others(x.TypeCast.Arg, e)
	case *pg.Node_NullTest:
		return s.others(x.NullTest.Arg, e)
	case *pg.Node_FuncCall:
		return slices.ContainsFunc(x.FuncCall.Args, func(a *pg.Node) bool { return s.others(a, e) })
	}
	return false
}

func differ(a, b *catalog.Column) bool {
	return a.Collation != 0 && b.Collation != 0 && a.Collation != b.Collation
}

// columnHere is the column that an expression is, if it belongs to a table of the innermost FROM; nil where that is not plain.
func (s *sweeper) columnHere(n *pg.Node, e sweepEnv) *sweptColumn {
	fields := n.GetColumnRef().GetFields()
	names := stringsOf(fields)
	if len(names) == 0 || len(names) > 3 || e.names == nil {
		return nil
	}
	var found *sweptColumn
	for i := range e.names.names {
		f := &e.names.names[i]
		switch {
		case len(names) == 3 && (f.schema != names[0] || f.name != names[1]), len(names) == 2 && f.name != names[0]:
			continue
		case f.table == nil: // its columns are not known
			return nil
		}
		if c := f.table.Relation.Column(names[len(names)-1]); c != nil {
			if found != nil {
				return nil
			}
			found = &sweptColumn{f.table, c}
		}
	}
	return found
}

// merged checks the columns that USING and NATURAL make one of two: there no guard has a place.
func (s *sweeper) merged(j *pg.JoinExpr, left, right []fromName) {
	for _, l := range left {
		for _, r := range right {
			if l.table == nil || r.table == nil {
				continue
			}
			for i := range l.table.Relation.Columns {
				a := &l.table.Relation.Columns[i]
				used := j.IsNatural || slices.ContainsFunc(j.UsingClause, func(n *pg.Node) bool { return n.GetString_().GetSval() == a.Name })
				if b := r.table.Relation.Column(a.Name); used && b != nil && differ(a, b) {
					s.fail("%s has two collations, and is compared on rows of others", a.Name)
				}
			}
		}
	}
}
