package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// aExpr writes an operator or one of the grammar's forms that become operators.
func (p *printer) aExpr(a *pg.A_Expr) {
	switch a.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		p.opExpr(a)
	case pg.A_Expr_Kind_AEXPR_OP_ANY:
		p.overArray(a, " ANY(")
	case pg.A_Expr_Kind_AEXPR_OP_ALL:
		p.overArray(a, " ALL(")
	case pg.A_Expr_Kind_AEXPR_DISTINCT:
		p.named(a, "=", "IS DISTINCT FROM ")
		p.operand(a.Rexpr, signed)
	case pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		p.named(a, "=", "IS NOT DISTINCT FROM ")
		p.operand(a.Rexpr, signed)
	case pg.A_Expr_Kind_AEXPR_NULLIF:
		p.nullIf(a)
	case pg.A_Expr_Kind_AEXPR_IN:
		p.in(a)
	case pg.A_Expr_Kind_AEXPR_LIKE:
		p.like(a, "~~", "LIKE ", "like_escape")
	case pg.A_Expr_Kind_AEXPR_ILIKE:
		p.like(a, "~~*", "ILIKE ", "like_escape")
	case pg.A_Expr_Kind_AEXPR_SIMILAR:
		p.like(a, "~", "SIMILAR TO ", "similar_to_escape")
	case pg.A_Expr_Kind_AEXPR_BETWEEN:
		p.between(a, "BETWEEN", "BETWEEN ")
	case pg.A_Expr_Kind_AEXPR_NOT_BETWEEN:
		p.between(a, "NOT BETWEEN", "NOT BETWEEN ")
	case pg.A_Expr_Kind_AEXPR_BETWEEN_SYM:
		p.between(a, "BETWEEN SYMMETRIC", "BETWEEN SYMMETRIC ")
	case pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		p.between(a, "NOT BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC ")
	default:
		p.fail(a.Kind.String())
	}
}

func (p *printer) opExpr(a *pg.A_Expr) {
	if a.Lexpr == nil {
		p.at(a.Location)
		// A bare minus before a number becomes part of it.
		p.operatorName(a.Name, "+-", opText(a.Name) == "-" && number(a.Rexpr))
		p.str(" ")
		p.operand(a.Rexpr, signed)
		return
	}
	p.operand(a.Lexpr, signed)
	p.str(" ")
	p.at(a.Location)
	p.operatorName(a.Name, "+-*/%^<>=", false)
	p.str(" ")
	p.operand(a.Rexpr, signed)
}

// opText is the operator's name when it is written without schema, else empty.
func opText(name []*pg.Node) string {
	if len(name) != 1 {
		return ""
	}
	return name[0].GetString_().GetSval()
}

// operatorName writes an operator; single are the one-character operators that the place takes bare. Those that the lexer does not
// take for an operator's token there are written as OPERATOR(name), which gives the same tree.
func (p *printer) operatorName(name []*pg.Node, single string, qualified bool) {
	if len(name) == 0 {
		p.fail("an operator without a name")
		return
	}
	op := name[len(name)-1].GetString_().GetSval()
	if op == "" || strings.Trim(op, "+-*/<>=~!@#%^&|`?") != "" || strings.Contains(op, "--") || strings.Contains(op, "/*") {
		p.fail("the operator " + op)
		return
	}
	switch {
	case len(name) > 1:
		qualified = true
	case len(op) == 1 && strings.Contains("+-*/%^<>=", op):
		qualified = qualified || !strings.Contains(single, op)
	case op == "<=" || op == ">=" || op == "<>":
		qualified = qualified || len(single) < 3
	}
	if !qualified {
		p.str(op)
		return
	}
	p.str("OPERATOR(")
	if len(name) > 1 {
		p.names(name[:len(name)-1])
		p.str(".")
	}
	p.str(op)
	p.str(")")
}

const anyOperator = "+-*/%^<>="

// overArray writes x op ANY(array). A bare sub-select as the array would be read as the set of its rows, and no text has that tree.
func (p *printer) overArray(a *pg.A_Expr, word string) {
	if bareSubselect(a.Rexpr) {
		p.fail("a sub-select as an array")
		return
	}
	p.operand(a.Lexpr, signed)
	p.str(" ")
	p.at(a.Location)
	p.operatorName(a.Name, anyOperator, false)
	p.str(word)
	p.expr(a.Rexpr)
	p.str(")")
}

func bareSubselect(n *pg.Node) bool {
	s := n.GetSubLink()
	return s != nil && s.SubLinkType == pg.SubLinkType_EXPR_SUBLINK
}

// named writes the left operand and the words of a form whose operator must be called name.
func (p *printer) named(a *pg.A_Expr, name, words string) {
	if opText(a.Name) != name {
		p.fail(a.Kind.String() + " by another operator")
		return
	}
	p.operand(a.Lexpr, signed)
	p.str(" ")
	p.at(a.Location)
	p.str(words)
}

func (p *printer) nullIf(a *pg.A_Expr) {
	if opText(a.Name) != "=" {
		p.fail("NULLIF by another operator")
		return
	}
	p.at(a.Location)
	p.str("NULLIF(")
	p.expr(a.Lexpr)
	p.str(", ")
	p.expr(a.Rexpr)
	p.str(")")
}

func (p *printer) in(a *pg.A_Expr) {
	list := a.Rexpr.GetList().GetItems()
	if len(list) == 0 || len(list) == 1 && bareSubselect(list[0]) {
		p.fail("such a list of IN")
		return
	}
	if opText(a.Name) == "<>" {
		p.named(a, "<>", "NOT IN (")
	} else {
		p.named(a, "=", "IN (")
	}
	p.exprs(list)
	p.str(")")
}

// like writes the pattern matches. ESCAPE is a call of the function escape around the pattern, and SIMILAR TO always has that call.
func (p *printer) like(a *pg.A_Expr, name, words, escape string) {
	f := escapeCall(a.Rexpr, escape)
	p.operand(a.Lexpr, signed)
	p.str(" ")
	if f != nil {
		p.at(f.Location)
	}
	p.at(a.Location)
	switch opText(a.Name) {
	case name:
	case "!" + name:
		p.str("NOT ")
	default:
		p.fail(words + "by another operator")
	}
	p.str(words)
	switch {
	case f != nil && len(f.Args) == 2:
		p.operand(f.Args[0], signed)
		p.str(" ESCAPE ")
		p.operand(f.Args[1], signed)
	case a.Kind != pg.A_Expr_Kind_AEXPR_SIMILAR:
		p.operand(a.Rexpr, signed)
	case f != nil:
		p.operand(f.Args[0], signed)
	default:
		p.fail("SIMILAR TO without its function")
	}
}

// escapeCall returns n when it is a call that a pattern match can stand for: of the function, with one or two plain arguments.
func escapeCall(n *pg.Node, function string) *pg.FuncCall {
	f := n.GetFuncCall()
	if f == nil || f.Funcformat != pg.CoercionForm_COERCE_EXPLICIT_CALL || !plainCall(f) || len(f.Args) == 0 || len(f.Args) > 2 {
		return nil
	}
	if name, system := lastName(f.Funcname); !system || name != function {
		return nil
	}
	for _, a := range f.Args {
		if a.GetNamedArgExpr() != nil {
			return nil
		}
	}
	return f
}

func (p *printer) between(a *pg.A_Expr, name, words string) {
	bounds := a.Rexpr.GetList().GetItems()
	if len(bounds) != 2 {
		p.fail("BETWEEN without two bounds")
		return
	}
	p.named(a, name, words)
	p.operand(bounds[0], signed)
	p.str(" AND ")
	p.operand(bounds[1], signed)
}

func (p *printer) subLink(s *pg.SubLink) {
	switch s.SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		p.at(s.Location)
		p.str("EXISTS ")
	case pg.SubLinkType_ARRAY_SUBLINK:
		p.at(s.Location)
		p.str("ARRAY")
	case pg.SubLinkType_EXPR_SUBLINK:
		p.at(s.Location)
	case pg.SubLinkType_ANY_SUBLINK, pg.SubLinkType_ALL_SUBLINK:
		p.operand(s.Testexpr, signed)
		p.str(" ")
		p.at(s.Location)
		any := s.SubLinkType == pg.SubLinkType_ANY_SUBLINK
		switch {
		case len(s.OperName) == 0 && any:
			p.str("IN ")
		case any:
			p.operatorName(s.OperName, anyOperator, false)
			p.str(" ANY ")
		default:
			p.operatorName(s.OperName, anyOperator, false)
			p.str(" ALL ")
		}
	default:
		p.fail(s.SubLinkType.String())
	}
	p.subselect(s.Subselect)
}

// subselect writes a query in parentheses.
func (p *printer) subselect(n *pg.Node) {
	q := n.GetSelectStmt()
	if q == nil {
		p.unknown(n)
		return
	}
	p.str("(")
	p.selectStmt(q)
	p.str(")")
}
