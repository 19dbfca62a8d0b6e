package rewriter

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// maxDepth bounds the recursion of the rewriter over the tree; the parser's guard bounds the text long before.
const maxDepth = 2000

// exprs walks a list of expressions.
func (p *pass) exprs(list []*pg.Node, sc *scope) {
	for _, n := range list {
		p.expr(n, sc)
	}
}

// expr walks an expression: every relation, function, operator and type in it is resolved and allowed, or the statement is denied.
// The switch is closed.
func (p *pass) expr(n *pg.Node, sc *scope) {
	if n == nil || p.denial != nil {
		return
	}
	if p.depth++; p.depth > maxDepth {
		p.deny(stateComplex, ruleExpression, "expression is nested too deeply", "")
	}
	defer func() { p.depth-- }()
	switch v := n.Node.(type) {
	case *pg.Node_AConst:
	case *pg.Node_ColumnRef:
		p.reference(n, v.ColumnRef, sc)
	case *pg.Node_ParamRef:
		p.paramRef(v.ParamRef)
	case *pg.Node_AExpr:
		p.operation(n, v.AExpr, sc)
	case *pg.Node_BoolExpr:
		p.exprs(v.BoolExpr.Args, sc)
	case *pg.Node_NullTest:
		p.expr(v.NullTest.Arg, sc)
	case *pg.Node_BooleanTest:
		p.expr(v.BooleanTest.Arg, sc)
	case *pg.Node_FuncCall:
		p.call(n, v.FuncCall, sc)
	case *pg.Node_SubLink:
		p.subLink(v.SubLink, sc)
	case *pg.Node_CaseExpr:
		if v.CaseExpr.Arg != nil {
			p.implied(v.CaseExpr.Location, "=")
		}
		p.expr(v.CaseExpr.Arg, sc)
		for _, w := range v.CaseExpr.Args {
			p.expr(w.GetCaseWhen().GetExpr(), sc)
			p.expr(w.GetCaseWhen().GetResult(), sc)
		}
		p.expr(v.CaseExpr.Defresult, sc)
	case *pg.Node_CoalesceExpr:
		p.exprs(v.CoalesceExpr.Args, sc)
	case *pg.Node_MinMaxExpr:
		p.exprs(v.MinMaxExpr.Args, sc)
	case *pg.Node_TypeCast:
		p.expr(v.TypeCast.Arg, sc)
		p.castType(v.TypeCast, sc)
	case *pg.Node_CollateClause:
		p.expr(v.CollateClause.Arg, sc)
		p.collation(v.CollateClause)
	case *pg.Node_AArrayExpr:
		p.exprs(v.AArrayExpr.Elements, sc)
	case *pg.Node_AIndirection:
		p.selection(n, v.AIndirection, sc)
	case *pg.Node_RowExpr:
		p.exprs(v.RowExpr.Args, sc)
	case *pg.Node_SqlvalueFunction:
		p.valueFunction(v.SqlvalueFunction)
	case *pg.Node_GroupingFunc:
		p.exprs(v.GroupingFunc.Args, sc)
	case *pg.Node_NamedArgExpr:
		p.expr(v.NamedArgExpr.Arg, sc)
	case *pg.Node_List:
		p.exprs(v.List.Items, sc)
	case *pg.Node_XmlExpr:
		p.exprs(v.XmlExpr.Args, sc)
		for _, a := range v.XmlExpr.NamedArgs {
			p.expr(a.GetResTarget().GetVal(), sc)
		}
	case *pg.Node_XmlSerialize:
		p.expr(v.XmlSerialize.Expr, sc)
		p.typeName(v.XmlSerialize.TypeName)
	case *pg.Node_SortBy:
		p.sortBy(v.SortBy, sc)
	case *pg.Node_GroupingSet:
		p.exprs(v.GroupingSet.Content, sc)
	case *pg.Node_CurrentOfExpr:
		p.deny(stateFeature, ruleStatementKind, "WHERE CURRENT OF is not supported", "")
	default:
		if !p.json(n, sc) {
			p.deny(stateFeature, ruleExpression, fmt.Sprintf("%s is not supported", nodeName(n)), "")
		}
	}
}

func (p *pass) paramRef(r *pg.ParamRef) {
	if p.req.Protocol == Simple && !p.genericPlan && !p.preparing || p.spliced && !p.preparing || p.inView > 0 || p.noParams {
		p.denyAt(r.Location, stateUndefinedParam, ruleParameter, fmt.Sprintf("there is no parameter $%d", r.Number), "")
		return
	}
	if r.Number < 1 || r.Number > maxParams {
		p.denyAt(r.Location, stateUndefinedParam, ruleParameter, fmt.Sprintf("there is no parameter $%d", r.Number), "")
		return
	}
	p.clientParams = max(p.clientParams, int(r.Number))
	p.paramUses[r.Number]++
}

// columnRef checks a reference that could be a function call in attribute notation: `o.f` means `f(o)` when o has no column f
// (Postgres manual, "Value Expressions", field selection and functional notation).
func (p *pass) columnRef(c *pg.ColumnRef, sc *scope) {
	switch {
	case len(c.Fields) < 2:
		return
	case len(c.Fields) == 4 && c.Fields[0].GetString_().GetSval() == p.cat.Database:
		c.Fields = c.Fields[1:]
	case len(c.Fields) == 4:
		p.denyAt(c.Location, stateFeature, ruleExpression, otherDatabase+dotted(c.Fields), "")
		return
	case len(c.Fields) > 4:
		p.denyAt(c.Location, stateSyntax, ruleExpression, tooManyNames+dotted(c.Fields), "")
		return
	}
	p.unqualifySystem(c, sc)
	last := c.Fields[len(c.Fields)-1]
	if last.GetAStar() != nil {
		return
	}
	name := last.GetString_().GetSval()
	var schema string
	if len(c.Fields) >= 3 {
		schema = c.Fields[len(c.Fields)-3].GetString_().GetSval()
	}
	it := sc.find(schema, c.Fields[len(c.Fields)-2].GetString_().GetSval())
	if it != nil && (it.column(name) != nil || systemColumn(name)) {
		return
	}
	p.notation(name, c.Location)
}

// selection walks an expression with subscripts or field selections behind it.
func (p *pass) selection(n *pg.Node, a *pg.A_Indirection, sc *scope) {
	if p.fieldOfTarget(n, a, sc) {
		p.expr(n, sc)
		return
	}
	p.expr(a.Arg, sc)
	p.indirection(a.Indirection, sc)
}

// reference walks a column reference, which can turn into something else.
func (p *pass) reference(n *pg.Node, c *pg.ColumnRef, sc *scope) {
	sc.withinSub(c)
	p.refuseColumn(c, sc)
	if p.formerRow(c, sc) {
		return
	}
	if p.throughReference(n, c, sc) {
		return
	}
	if !p.hiddenReference(n, c, sc) {
		p.columnRef(c, sc)
	}
}

// indirection walks subscripts and field selections; a selection may be a function call.
func (p *pass) indirection(list []*pg.Node, sc *scope) {
	for _, n := range list {
		switch v := n.Node.(type) {
		case *pg.Node_AIndices:
			p.expr(v.AIndices.Lidx, sc)
			p.expr(v.AIndices.Uidx, sc)
		case *pg.Node_String_:
			p.notation(v.String_.Sval, 0)
		case *pg.Node_AStar:
		default:
			p.deny(stateFeature, ruleExpression, fmt.Sprintf("%s is not supported", nodeName(n)), "")
		}
	}
}

func (p *pass) operatorExpr(e *pg.A_Expr, sc *scope) {
	namesOfArray(e)
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP, pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		p.operator(&e.Name, e.Lexpr == nil, e.Location)
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF, pg.A_Expr_Kind_AEXPR_IN,
		pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE, pg.A_Expr_Kind_AEXPR_SIMILAR:
		p.implied(e.Location, e.Name[len(e.Name)-1].GetString_().GetSval())
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		p.implied(e.Location, "<", "<=", ">", ">=")
	default:
		p.deny(stateFeature, ruleExpression, fmt.Sprintf("%s is not supported", e.Kind), "")
	}
	p.lesson.compared(p, e, sc)
	p.expr(e.Lexpr, sc)
	p.expr(e.Rexpr, sc)
}

func (p *pass) subLink(s *pg.SubLink, sc *scope) {
	p.expr(s.Testexpr, sc)
	if len(s.OperName) > 0 {
		p.operator(&s.OperName, false, s.Location)
	} else if s.Testexpr != nil {
		p.implied(s.Location, "=") // IN
	}
	sel := s.Subselect.GetSelectStmt()
	if sel == nil {
		p.deny(stateFeature, ruleExpression, "a sub-select must be a SELECT", "")
		return
	}
	p.selectStmt(sel, sc.ctes, sc)
}

func (p *pass) sortBy(s *pg.SortBy, sc *scope) {
	p.expr(s.Node, sc)
	if len(s.UseOp) > 0 {
		p.operator(&s.UseOp, false, s.Location)
	}
}

// valueFunction allows the SQL-standard functions without parentheses.
func (p *pass) valueFunction(f *pg.SQLValueFunction) {
	switch f.Op {
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE,
		pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME, pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N,
		pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP, pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N,
		pg.SQLValueFunctionOp_SVFOP_LOCALTIME, pg.SQLValueFunctionOp_SVFOP_LOCALTIME_N,
		pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP, pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N,
		pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE, pg.SQLValueFunctionOp_SVFOP_CURRENT_USER,
		pg.SQLValueFunctionOp_SVFOP_USER, pg.SQLValueFunctionOp_SVFOP_SESSION_USER,
		pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG, pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:
	default:
		p.denyAt(f.Location, stateFeature, ruleExpression, fmt.Sprintf("%s is not supported", f.Op), "")
	}
}

// window walks a window definition.
func (p *pass) window(w *pg.WindowDef, sc *scope) {
	if w == nil {
		return
	}
	p.exprs(w.PartitionClause, sc)
	p.exprs(w.OrderClause, sc)
	p.expr(w.StartOffset, sc)
	p.expr(w.EndOffset, sc)
}

// collation allows built-in collations and those of the snapshot's schemas by name only: a collation runs no user code.
func (p *pass) collation(c *pg.CollateClause) {
	for _, n := range c.Collname {
		if n.GetString_() == nil {
			p.denyAt(c.Location, stateFeature, ruleExpression, "a collation must be a name", "")
			return
		}
	}
	switch names := c.Collname; {
	case len(names) == 3 && names[0].GetString_().GetSval() == p.cat.Database:
		c.Collname = names[1:]
	case len(names) == 3:
		p.denyAt(c.Location, stateFeature, ruleExpression, otherDatabase+dotted(names), "")
	case len(names) > 3:
		p.denyAt(c.Location, stateSyntax, ruleExpression, tooManyNames+dotted(names), "")
	}
}

// What Postgres says of names of three parts and more, before the name.
const (
	otherDatabase = "cross-database references are not implemented: "
	tooManyNames  = "improper qualified name (too many dotted names): "
)

// dotted is a name as Postgres shows it in errors (NameListToString).
func dotted(names []*pg.Node) string {
	parts := make([]string, len(names))
	for i, n := range names {
		if parts[i] = n.GetString_().GetSval(); n.GetAStar() != nil {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}
