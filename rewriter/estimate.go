package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
)

// Estimates. To guess how many rows a condition leaves, the planner runs its operator on values that ANALYZE has kept of all tenants' rows
// (mcv_selectivity and histogram_selectivity in selfuncs.c): of a column, an indexed expression, or one with extended statistics. It looks
// for them through sub-selects, OFFSET or not. An operator that fails on some values then fails before any row is read, whatever the order of
// conditions. It does not look into CASE and COALESCE: a condition whose own operator can fail must stand in one of them.
//
// Inside such a condition nothing is tried: of `lower(x) = 'a'` the planner compares kept values of lower(x), but calls no lower.

// tried tells whether the planner could run something that is not harmless to estimate a condition, whatever it makes of it beforehand.
func (p *pass) tried(n *pg.Node, sc *scope) bool {
	switch v := n.GetNode().(type) {
	case nil, *pg.Node_AConst, *pg.Node_ParamRef, *pg.Node_SqlvalueFunction, *pg.Node_NullTest, *pg.Node_RowExpr, *pg.Node_AArrayExpr:
		return false
	case *pg.Node_ColumnRef:
		return p.triedColumn(v.ColumnRef, sc)
	case *pg.Node_AExpr:
		return p.triedOperator(v.AExpr, sc)
	case *pg.Node_FuncCall:
		return p.triedFunction(v.FuncCall, sc)
	case *pg.Node_SubLink: // x ~~ ANY (SELECT 'a') can become x ~~ 'a'
		return len(v.SubLink.OperName) > 0 && !p.harmlessOp(v.SubLink.OperName) || p.weigh(n, sc).clash || p.rowType(v.SubLink.Testexpr, sc) || p.tried(v.SubLink.Testexpr, sc)
	case *pg.Node_BoolExpr:
		return p.triedAny(v.BoolExpr.Args, sc)
	case *pg.Node_BooleanTest:
		return p.tried(v.BooleanTest.Arg, sc)
	case *pg.Node_TypeCast:
		return p.tried(v.TypeCast.Arg, sc)
	case *pg.Node_CollateClause:
		return p.tried(v.CollateClause.Arg, sc)
	case *pg.Node_List:
		return p.triedAny(v.List.Items, sc)
	case *pg.Node_CoalesceExpr: // one that has a single argument left is that argument
		return p.triedAny(v.CoalesceExpr.Args, sc)
	case *pg.Node_MinMaxExpr:
		return p.triedAny(v.MinMaxExpr.Args, sc)
	case *pg.Node_CaseExpr:
		for _, c := range v.CaseExpr.Args {
			if p.tried(c.GetCaseWhen().GetResult(), sc) {
				return true
			}
		}
		return p.tried(v.CaseExpr.Defresult, sc)
	}
	return true
}

func (p *pass) triedAny(list []*pg.Node, sc *scope) bool {
	for _, n := range list {
		if p.tried(n, sc) {
			return true
		}
	}
	return false
}

func (p *pass) triedColumn(c *pg.ColumnRef, sc *scope) bool {
	name := c.Fields[len(c.Fields)-1].GetString_().GetSval()
	_, owners := p.resolve(c, sc)
	for _, it := range owners {
		if it.global && it.columns == nil { // a function's rows, of which there are no statistics
			continue
		}
		if col := it.column(name); col == nil || col.tried {
			return true
		}
	}
	return len(owners) == 0
}

// triedOperator: a comparison with a boolean constant is replaced by the other operand.
func (p *pass) triedOperator(e *pg.A_Expr, sc *scope) bool {
	if p.comparesRows(e, sc) || p.clashes(sc, e.Lexpr, e.Rexpr) {
		return true
	}
	operands := func() bool { return p.tried(e.Lexpr, sc) || p.tried(e.Rexpr, sc) }
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		folding := p.weigh(e.Lexpr, sc).and(p.weigh(e.Rexpr, sc)).folding && opName(e.Name) == "^@"
		if (folding || e.Lexpr == nil || !p.harmlessOp(e.Name)) && p.booleanOperator(opName(e.Name)) {
			return true
		}
		return foldsToOperand(e) && operands()
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		return p.weigh(e.Lexpr, sc).folding || !p.harmlessLike(e, sc)
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		return !p.harmlessOp(e.Name)
	case pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF:
		return !p.harmlessOp(e.Name) || !comparesValue(e) && operands()
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return !harmlessOperator("<=") || !harmlessOperator(">=")
	}
	return true
}

// comparesValue tells whether one side of IN or DISTINCT is surely no boolean, so that neither is.
func comparesValue(e *pg.A_Expr) bool {
	if notBoolean(e.Lexpr) || notBoolean(e.Rexpr) {
		return true
	}
	for _, n := range e.Rexpr.GetList().GetItems() {
		if notBoolean(n) {
			return true
		}
	}
	return false
}

// booleanOperator tells whether an operator of this name yields a boolean.
func (p *pass) booleanOperator(op string) bool {
	for _, s := range p.cat.Schemas {
		for _, o := range s.Operators[op] {
			if o.Result == oidBool {
				return true
			}
		}
	}
	return false
}

// triedFunction: some functions have estimates of their own, which run the operator that they stand for (textlike is ~~); one in SQL is
// replaced by its body.
func (p *pass) triedFunction(f *pg.FuncCall, sc *scope) bool {
	name := opName(f.Funcname)
	if p.clashes(sc, f.Args...) {
		return true
	}
	folding := false
	for _, a := range f.Args {
		folding = folding || p.weigh(a, sc).folding
	}
	if len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() == "pg_catalog" {
		return !(harmlessFunction(name, len(f.Args)) && !(folding && searches[name])) && couldBeBoolean(p.cat.Schemas["pg_catalog"], name)
	}
	for _, s := range p.cat.Schemas {
		if couldBeBoolean(s, name) {
			return true
		}
	}
	return false
}

func couldBeBoolean(s *catalog.Schema, name string) bool {
	if s == nil {
		return false
	}
	for _, o := range s.Functions[name] {
		switch o.Return {
		case oidBool, oidAnyElement, oidAnyCompatible:
			return true
		}
	}
	return false
}

// Type oids that Postgres fixes (pg_type.dat).
const oidAnyElement, oidAnyCompatible = 2283, 5077

// opaque keeps a condition from being estimated: `COALESCE(condition, false)`, which is the same for a condition that stands by itself.
func opaque(cond *pg.Node) *pg.Node {
	no := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Boolval{Boolval: &pg.Boolean{}}}}}
	return &pg.Node{Node: &pg.Node_CoalesceExpr{CoalesceExpr: &pg.CoalesceExpr{Args: []*pg.Node{cond, no}}}}
}
