package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// strength orders expressions by how firmly their text holds together. An operand weaker than its place asks for is written in parentheses.
type strength uint8

const (
	weakest  strength = iota // any expression
	weakAnd                  // AND
	weakNot                  // NOT
	operator                 // an operator, a test, a sub-select after an operator
	signed                   // a negative number
	cast                     // x::t
	primary                  // everything that is one piece: the grammar's c_expr
)

// strengthOf says how firmly n holds together when it is written.
func strengthOf(n *pg.Node) strength {
	switch v := n.GetNode().(type) {
	case *pg.Node_BoolExpr:
		switch v.BoolExpr.Boolop {
		case pg.BoolExprType_AND_EXPR:
			return weakAnd
		case pg.BoolExprType_NOT_EXPR:
			return weakNot
		}
		return weakest
	case *pg.Node_AExpr:
		if v.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return primary
		}
		return operator
	case *pg.Node_SubLink:
		switch v.SubLink.SubLinkType {
		case pg.SubLinkType_ANY_SUBLINK, pg.SubLinkType_ALL_SUBLINK:
			return operator
		}
		return primary
	case *pg.Node_FuncCall:
		if writtenAsOperator(v.FuncCall) {
			return operator
		}
		return primary
	case *pg.Node_XmlExpr:
		if v.XmlExpr.Op == pg.XmlExprOp_IS_DOCUMENT {
			return operator
		}
		return primary
	case *pg.Node_AConst:
		if negative(v.AConst) {
			return signed
		}
		return primary
	case *pg.Node_TypeCast:
		return cast
	case *pg.Node_NullTest, *pg.Node_BooleanTest, *pg.Node_CollateClause, *pg.Node_JsonIsPredicate, *pg.Node_SetToDefault, *pg.Node_CurrentOfExpr:
		return operator
	}
	return primary
}

func negative(c *pg.A_Const) bool {
	switch v := c.Val.(type) {
	case *pg.A_Const_Ival:
		return v.Ival.Ival < 0
	case *pg.A_Const_Fval:
		return len(v.Fval.Fval) > 0 && v.Fval.Fval[0] == '-'
	}
	return false
}

// number reports whether c is a number, which a minus sign before it would change.
func number(n *pg.Node) bool {
	switch n.GetAConst().GetVal().(type) {
	case *pg.A_Const_Ival, *pg.A_Const_Fval:
		return true
	}
	return false
}

// operand writes n, in parentheses when it is weaker than least.
func (p *printer) operand(n *pg.Node, least strength) {
	if strengthOf(n) < least {
		p.paren(n)
		return
	}
	p.expr(n)
}

func (p *printer) paren(n *pg.Node) {
	p.str("(")
	p.expr(n)
	p.str(")")
}

// exprs writes expressions separated by commas.
func (p *printer) exprs(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		p.expr(n)
	}
}

// expr writes one expression without parentheses around it. The switch is closed.
func (p *printer) expr(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		p.columnRef(v.ColumnRef)
	case *pg.Node_AConst:
		p.constant(v.AConst)
	case *pg.Node_ParamRef:
		p.param(v.ParamRef)
	case *pg.Node_AExpr:
		p.aExpr(v.AExpr)
	case *pg.Node_BoolExpr:
		p.boolExpr(v.BoolExpr)
	case *pg.Node_FuncCall:
		p.funcCall(v.FuncCall)
	case *pg.Node_TypeCast:
		p.operand(v.TypeCast.Arg, cast)
		p.at(v.TypeCast.Location)
		p.str("::")
		p.typeName(v.TypeCast.TypeName)
	case *pg.Node_SubLink:
		p.subLink(v.SubLink)
	case *pg.Node_NullTest:
		p.nullTest(v.NullTest)
	case *pg.Node_BooleanTest:
		p.booleanTest(v.BooleanTest)
	case *pg.Node_CaseExpr:
		p.caseExpr(v.CaseExpr)
	case *pg.Node_CoalesceExpr:
		p.call(v.CoalesceExpr.Location, "COALESCE(", v.CoalesceExpr.Args)
	case *pg.Node_MinMaxExpr:
		p.minMax(v.MinMaxExpr)
	case *pg.Node_CollateClause:
		p.operand(v.CollateClause.Arg, signed)
		p.str(" ")
		p.collate(v.CollateClause)
	case *pg.Node_AArrayExpr:
		p.call(v.AArrayExpr.Location, "ARRAY[", v.AArrayExpr.Elements)
	case *pg.Node_AIndirection:
		p.indirection(v.AIndirection)
	case *pg.Node_RowExpr:
		p.row(v.RowExpr)
	case *pg.Node_SqlvalueFunction:
		p.sqlValue(v.SqlvalueFunction)
	case *pg.Node_GroupingFunc:
		p.call(v.GroupingFunc.Location, "GROUPING(", v.GroupingFunc.Args)
	case *pg.Node_SetToDefault:
		p.at(v.SetToDefault.Location)
		p.str("DEFAULT")
	case *pg.Node_CurrentOfExpr:
		p.str("CURRENT OF ")
		p.ident(v.CurrentOfExpr.CursorName)
	default:
		p.documentExpr(n)
	}
}

// call writes what looks like a call or an array: open ends in the bracket that is closed after args.
func (p *printer) call(loc int32, open string, args []*pg.Node) {
	p.at(loc)
	p.str(open)
	p.exprs(args)
	if open[len(open)-1] == '[' {
		p.str("]")
	} else {
		p.str(")")
	}
}

func (p *printer) columnRef(c *pg.ColumnRef) {
	p.at(c.Location)
	for i, f := range c.Fields {
		if i > 0 {
			p.str(".")
		}
		switch v := f.GetNode().(type) {
		case *pg.Node_String_:
			p.ident(v.String_.Sval)
		case *pg.Node_AStar:
			p.str("*")
		default:
			p.unknown(f)
		}
	}
}

func (p *printer) param(r *pg.ParamRef) {
	if r.Number < 0 { // the lexer lets a number overflow
		p.fail("a parameter of negative number")
		return
	}
	p.at(r.Location)
	start := len(p.buf)
	p.str("$")
	p.int(int64(r.Number))
	for i := range p.tenants {
		if int32(p.tenants[i].Number) == r.Number {
			p.splices = append(p.splices, splice{start: start, end: len(p.buf), tenant: i})
		}
	}
}

func (p *printer) constant(c *pg.A_Const) {
	p.at(c.Location)
	start := len(p.buf)
	p.constantValue(c)
	p.lesson.printed(c, start, len(p.buf))
}

func (p *printer) constantValue(c *pg.A_Const) {
	if c.Isnull {
		p.str("NULL")
		return
	}
	switch v := c.Val.(type) {
	case *pg.A_Const_Ival:
		p.int(int64(v.Ival.Ival))
	case *pg.A_Const_Fval:
		p.float(v.Fval.Fval)
	case *pg.A_Const_Boolval:
		if v.Boolval.Boolval {
			p.str("true")
		} else {
			p.str("false")
		}
	case *pg.A_Const_Sval:
		p.literal(v.Sval.Sval)
	case *pg.A_Const_Bsval:
		p.bits(v.Bsval.Bsval)
	default:
		p.fail("a constant without a value")
	}
}

// float writes a number as the lexer kept it: its digits, not its value.
func (p *printer) float(s string) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '_', c == '+':
		case c == '-' && (i == 0 || s[i-1] == 'e' || s[i-1] == 'E'):
		default:
			p.fail("the number " + s)
			return
		}
	}
	p.str(s)
}

// bits writes a bit string. Its quotes cannot hold a quote.
func (p *printer) bits(s string) {
	if s == "" || s[0] != 'b' && s[0] != 'x' {
		p.fail("the bit string " + s)
		return
	}
	for i := 1; i < len(s); i++ {
		if s[i] == '\'' {
			p.fail("the bit string " + s)
			return
		}
	}
	p.buf = append(p.buf, s[0], '\'')
	p.buf = append(append(p.buf, s[1:]...), '\'')
}

func (p *printer) boolExpr(b *pg.BoolExpr) {
	word := " AND "
	switch b.Boolop {
	case pg.BoolExprType_NOT_EXPR:
		if len(b.Args) != 1 {
			p.fail("NOT of several")
			return
		}
		p.at(b.Location)
		p.str("NOT ")
		p.operand(b.Args[0], weakNot)
		return
	case pg.BoolExprType_OR_EXPR:
		word = " OR "
	case pg.BoolExprType_AND_EXPR:
	default:
		p.fail(b.Boolop.String())
		return
	}
	for i, a := range b.Args {
		if i > 0 {
			p.str(" ")
			if i == 1 {
				p.at(b.Location)
			}
			p.str(word[1:])
		}
		p.operand(a, weakNot)
	}
}

func (p *printer) nullTest(t *pg.NullTest) {
	p.operand(t.Arg, signed)
	p.str(" ")
	p.at(t.Location)
	switch t.Nulltesttype {
	case pg.NullTestType_IS_NULL:
		p.str("IS NULL")
	case pg.NullTestType_IS_NOT_NULL:
		p.str("IS NOT NULL")
	default:
		p.fail(t.Nulltesttype.String())
	}
}

var booleanTests = map[pg.BoolTestType]string{
	pg.BoolTestType_IS_TRUE: "IS TRUE", pg.BoolTestType_IS_NOT_TRUE: "IS NOT TRUE",
	pg.BoolTestType_IS_FALSE: "IS FALSE", pg.BoolTestType_IS_NOT_FALSE: "IS NOT FALSE",
	pg.BoolTestType_IS_UNKNOWN: "IS UNKNOWN", pg.BoolTestType_IS_NOT_UNKNOWN: "IS NOT UNKNOWN",
}

func (p *printer) booleanTest(t *pg.BooleanTest) {
	p.operand(t.Arg, signed)
	p.str(" ")
	p.at(t.Location)
	word(p, booleanTests, t.Booltesttype)
}

// word writes what a grammar's enumeration stands for; a value without text is refused.
func word[K interface {
	comparable
	String() string
}](p *printer, words map[K]string, k K) {
	s, ok := words[k]
	if !ok {
		p.fail(k.String())
	}
	p.str(s)
}

func (p *printer) caseExpr(c *pg.CaseExpr) {
	p.at(c.Location)
	p.str("CASE")
	if c.Arg != nil {
		p.str(" ")
		p.expr(c.Arg)
	}
	for _, n := range c.Args {
		w := n.GetCaseWhen()
		if w == nil {
			p.unknown(n)
			return
		}
		p.str(" ")
		p.at(w.Location)
		p.str("WHEN ")
		p.expr(w.Expr)
		p.str(" THEN ")
		p.expr(w.Result)
	}
	if c.Defresult != nil {
		p.str(" ELSE ")
		p.expr(c.Defresult)
	}
	p.str(" END")
}

func (p *printer) minMax(m *pg.MinMaxExpr) {
	switch m.Op {
	case pg.MinMaxOp_IS_GREATEST:
		p.call(m.Location, "GREATEST(", m.Args)
	case pg.MinMaxOp_IS_LEAST:
		p.call(m.Location, "LEAST(", m.Args)
	default:
		p.fail(m.Op.String())
	}
}

func (p *printer) collate(c *pg.CollateClause) {
	p.at(c.Location)
	p.str("COLLATE ")
	p.names(c.Collname)
}

// row writes a row. One in bare parentheses needs two members.
func (p *printer) row(r *pg.RowExpr) {
	switch {
	case r.RowFormat == pg.CoercionForm_COERCE_EXPLICIT_CALL:
		p.call(r.Location, "ROW(", r.Args)
	case r.RowFormat == pg.CoercionForm_COERCE_IMPLICIT_CAST && len(r.Args) > 1:
		p.call(r.Location, "(", r.Args)
	default:
		p.fail("a row in parentheses with one member")
	}
}

// indirection writes what is taken out of a value: subscripts, fields, a star.
func (p *printer) indirection(a *pg.A_Indirection) {
	switch v := a.Arg.GetNode().(type) {
	case *pg.Node_ColumnRef:
		// A field directly after a column's name would be read as part of the name, and a star ends a name.
		if len(a.Indirection) > 0 && a.Indirection[0].GetAIndices() != nil && v.ColumnRef.Fields[len(v.ColumnRef.Fields)-1].GetString_() != nil {
			p.expr(a.Arg)
		} else {
			p.paren(a.Arg)
		}
	case *pg.Node_SubLink:
		if v.SubLink.SubLinkType == pg.SubLinkType_EXPR_SUBLINK {
			p.expr(a.Arg)
		} else {
			p.paren(a.Arg)
		}
	default:
		p.paren(a.Arg)
	}
	p.taken(a.Indirection)
}

func (p *printer) taken(list []*pg.Node) {
	for _, n := range list {
		switch v := n.GetNode().(type) {
		case *pg.Node_String_:
			p.str(".")
			p.ident(v.String_.Sval)
		case *pg.Node_AStar:
			p.str(".*")
		case *pg.Node_AIndices:
			p.subscript(v.AIndices)
		default:
			p.unknown(n)
		}
	}
}

func (p *printer) subscript(i *pg.A_Indices) {
	p.str("[")
	if i.Lidx != nil {
		p.operand(i.Lidx, signed)
	}
	if i.IsSlice {
		p.str(":")
	}
	if i.Uidx != nil {
		p.operand(i.Uidx, signed)
	}
	p.str("]")
}

var sqlValues = map[pg.SQLValueFunctionOp]string{
	pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE: "CURRENT_DATE",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME: "CURRENT_TIME", pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N: "CURRENT_TIME",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP: "CURRENT_TIMESTAMP", pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N: "CURRENT_TIMESTAMP",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIME: "LOCALTIME", pg.SQLValueFunctionOp_SVFOP_LOCALTIME_N: "LOCALTIME",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP: "LOCALTIMESTAMP", pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N: "LOCALTIMESTAMP",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE: "CURRENT_ROLE", pg.SQLValueFunctionOp_SVFOP_CURRENT_USER: "CURRENT_USER",
	pg.SQLValueFunctionOp_SVFOP_USER: "USER", pg.SQLValueFunctionOp_SVFOP_SESSION_USER: "SESSION_USER",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG: "CURRENT_CATALOG", pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA: "CURRENT_SCHEMA",
}

func (p *printer) sqlValue(f *pg.SQLValueFunction) {
	p.at(f.Location)
	word(p, sqlValues, f.Op)
	switch f.Op {
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N, pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N,
		pg.SQLValueFunctionOp_SVFOP_LOCALTIME_N, pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N:
		p.str("(")
		p.int(int64(f.Typmod))
		p.str(")")
	}
}
