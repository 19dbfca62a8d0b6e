package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// callForm checks the sub-select that stands for a call of a function whose answer would show what tenants do not see; false when it is another one.
func (s *sweeper) callForm(x *pg.SubLink, e sweepEnv) bool {
	list := x.GetSubselect().GetSelectStmt().GetTargetList()
	if x.SubLinkType != pg.SubLinkType_EXPR_SUBLINK || len(list) != 1 {
		return false
	}
	c := systemCatalogs().calls[list[0].GetResTarget().GetName()]
	if c == nil {
		return false
	}
	n := &pg.Node{Node: &pg.Node_SubLink{SubLink: x}}
	for _, form := range c.forms {
		if s.fills(c, form, n, e) {
			return true
		}
	}
	for _, form := range c.hides {
		if s.hidesAny() && s.fills(c, form, n, e) {
			return true
		}
	}
	return false
}

// rowsForm checks the sub-select in FROM that stands for such a call there; false when it is another one.
func (s *sweeper) rowsForm(r *pg.RangeSubselect, e sweepEnv) bool {
	if !r.Lateral {
		return false
	}
	n := &pg.Node{Node: &pg.Node_SubLink{SubLink: &pg.SubLink{SubLinkType: pg.SubLinkType_EXPR_SUBLINK, Subselect: r.Subquery}}}
	for _, c := range systemCatalogs().calls {
		for _, form := range c.rows {
			if s.fills(c, form, n, e) {
				return true
			}
		}
	}
	return false
}

// fills says whether an expression is the table's with arguments in it, which are checked on their own.
func (s *sweeper) fills(c *systemCall, form, got *pg.Node, e sweepEnv) bool {
	given := map[int32]*pg.Node{}
	if !s.means(form, got, given) {
		return false
	}
	for number, a := range given {
		if int(number) == c.arg && c.forms[len(given)] == nil {
			s.guardedOID(a, c.of, c.key, e)
		} else {
			s.walk(a.ProtoReflect(), e)
		}
	}
	return true
}
