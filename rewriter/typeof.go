package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// pg_typeof returns a regtype, and numbers become one without a cast that could be seen: where CASE, UNION, ARRAY, an argument or a column of a temporary
// table gives both one type, the number of any type prints as its name. Those of other sessions' temporary tables are among them. So its result is text
// at once.

// call handles a call of any function.
func (p *pass) call(n *pg.Node, f *pg.FuncCall, sc *scope) {
	if !p.typeofCall(n, sc) && !p.nameLookup(n, sc) {
		p.funcCall(f, sc)
		p.callForm(n, f)
	}
}

// typeofCall rewrites a call of pg_typeof; false when n is none.
func (p *pass) typeofCall(n *pg.Node, sc *scope) bool {
	f := n.GetFuncCall()
	if !p.isTypeof(f) {
		return false
	}
	p.exprs(f.Args, sc)
	f.Funcname = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("pg_typeof")}
	if !omitted("name of a type as text") {
		castAgain(n, "text")
	}
	return true
}

// isTypeof tells whether a call is one of Postgres's pg_typeof.
func (p *pass) isTypeof(f *pg.FuncCall) bool {
	if f == nil || len(f.Args) != 1 || f.AggOrder != nil || f.AggFilter != nil || f.Over != nil || f.AggWithinGroup || f.AggStar || f.AggDistinct ||
		f.FuncVariadic || addedBuiltin(p.cat, "pg_typeof", 1) {
		return false
	}
	switch parts := f.Funcname; len(parts) {
	case 1:
		return parts[0].GetString_().GetSval() == "pg_typeof" && p.userFunctions("pg_typeof") == nil
	case 2:
		return parts[0].GetString_().GetSval() == "pg_catalog" && parts[1].GetString_().GetSval() == "pg_typeof"
	}
	return false
}
