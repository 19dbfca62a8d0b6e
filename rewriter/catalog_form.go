package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// Some functions of the catalogs answer with what tenants do not see, whatever they are asked about: the name of a hidden column in a definition, the
// partitions of a table, what a number stands for. A sub-select of catalogs.txt stands for such a call.

// callForm puts the sub-select in the place of a call in an expression.
func (p *pass) callForm(n *pg.Node, f *pg.FuncCall) {
	c, args := p.formedCall(f)
	if p.denial != nil || c == nil {
		return
	}
	form := c.forms[args]
	switch {
	case c.rows[args] != nil:
		p.denyFunction(f, c.name, "it can be called in FROM alone")
		return
	case form == nil && p.hidesAny():
		form = c.hides[args]
	}
	if form != nil {
		n.Node = p.formOf(form, f).Node
	}
}

// rowsForm is the sub-select that stands for a call in FROM; nil for another one.
func (p *pass) rowsForm(r *pg.RangeFunction, f *pg.FuncCall) *pg.Node {
	c, args := p.formedCall(f)
	switch {
	case p.denial != nil || c == nil:
		return nil
	case c.forms[args] != nil:
		p.denyAt(f.Location, stateFeature, ruleClause, c.name+" in FROM is not supported", "Call it in the list of SELECT.")
		return nil
	case c.rows[args] == nil:
		return nil
	case r.Ordinality || len(r.Functions) > 1 || len(r.Coldeflist) > 0:
		p.denyAt(f.Location, stateFeature, ruleClause, c.name+" is not supported together with others, with an ordinality or a list of columns", "")
		return nil
	}
	alias := r.Alias
	if alias == nil {
		alias = &pg.Alias{Aliasname: c.name}
	}
	sel := p.formOf(c.rows[args], f).GetSubLink().Subselect.GetSelectStmt()
	out := rangeSubselect(sel, alias)
	out.GetRangeSubselect().Lateral = true
	return out
}

// formedCall finds what catalogs.txt says of a call; nil for one that is not of pg_catalog.
func (p *pass) formedCall(f *pg.FuncCall) (*systemCall, int) {
	if f == nil || len(f.Funcname) != 2 || f.Funcname[0].GetString_().GetSval() != "pg_catalog" {
		return nil, 0
	}
	return systemCatalogs().calls[f.Funcname[1].GetString_().GetSval()], len(f.Args)
}

// formOf fills the arguments of a call into the sub-select.
func (p *pass) formOf(form *pg.Node, f *pg.FuncCall) *pg.Node {
	out := p.systemCondition(again(form))
	eachNode(out.ProtoReflect(), func(n *pg.Node) bool {
		param := n.GetParamRef()
		if param != nil {
			n.Node = f.Args[param.Number-1].Node
		}
		return param != nil
	})
	return out
}
