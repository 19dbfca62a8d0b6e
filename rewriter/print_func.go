package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// writtenAsOperator reports calls whose SQL notation is not a call.
func writtenAsOperator(f *pg.FuncCall) bool {
	if f.Funcformat != pg.CoercionForm_COERCE_SQL_SYNTAX {
		return false
	}
	switch name, _ := lastName(f.Funcname); name {
	case "timezone", "overlaps", "is_normalized":
		return true
	}
	return false
}

// plainCall reports a call of arguments and nothing else.
func plainCall(f *pg.FuncCall) bool {
	return len(f.AggOrder) == 0 && f.AggFilter == nil && f.Over == nil && !f.AggWithinGroup && !f.AggStar && !f.AggDistinct && !f.FuncVariadic
}

func (p *printer) funcCall(f *pg.FuncCall) {
	switch f.Funcformat {
	case pg.CoercionForm_COERCE_EXPLICIT_CALL:
	case pg.CoercionForm_COERCE_SQL_SYNTAX:
		p.sqlSyntax(f)
		return
	default:
		p.fail("a call in the form " + f.Funcformat.String())
		return
	}
	p.at(f.Location)
	p.names(f.Funcname)
	p.str("(")
	if f.AggDistinct {
		p.str("DISTINCT ")
	}
	if f.AggStar {
		p.str("*")
	}
	for i, a := range f.Args {
		p.comma(i)
		if f.FuncVariadic && i == len(f.Args)-1 {
			p.str("VARIADIC ")
		}
		p.argument(a)
	}
	if len(f.AggOrder) > 0 && !f.AggWithinGroup {
		p.orderBy(f.AggOrder)
	}
	p.str(")")
	if f.AggWithinGroup {
		p.str(" WITHIN GROUP (ORDER BY ")
		p.sortList(f.AggOrder)
		p.str(")")
	}
	p.filterOver(f.AggFilter, f.Over)
}

// argument writes an argument of a call, the only place where one can be named.
func (p *printer) argument(n *pg.Node) {
	a := n.GetNamedArgExpr()
	if a == nil {
		p.expr(n)
		return
	}
	p.at(a.Location)
	p.ident(a.Name)
	p.str(" => ")
	p.expr(a.Arg)
}

func (p *printer) filterOver(filter *pg.Node, over *pg.WindowDef) {
	if filter != nil {
		p.str(" FILTER (WHERE ")
		p.expr(filter)
		p.str(")")
	}
	if over == nil {
		return
	}
	p.str(" OVER ")
	if over.Name != "" {
		p.at(over.Location)
		p.ident(over.Name)
		return
	}
	p.window(over)
}

// sqlSyntax writes the calls for which SQL has a notation of its own; the tree remembers that it was used. The switch is closed.
func (p *printer) sqlSyntax(f *pg.FuncCall) {
	name, system := lastName(f.Funcname)
	if !system || !plainCall(f) {
		p.fail("the SQL notation of " + name)
		return
	}
	for _, a := range f.Args {
		if a.GetNamedArgExpr() != nil {
			p.fail("a named argument of " + name)
			return
		}
	}
	args := f.Args
	switch {
	case name == "timezone" && len(args) == 2:
		p.operand(args[1], signed)
		p.str(" ")
		p.at(f.Location)
		p.str("AT TIME ZONE ")
		p.operand(args[0], signed)
	case name == "overlaps" && len(args) == 4:
		p.str("(")
		p.exprs(args[:2])
		p.str(") ")
		p.at(f.Location)
		p.str("OVERLAPS (")
		p.exprs(args[2:])
		p.str(")")
	case name == "is_normalized" && (len(args) == 1 || len(args) == 2):
		p.operand(args[0], signed)
		p.str(" ")
		p.at(f.Location)
		p.str("IS ")
		if len(args) == 2 {
			p.normalForm(args[1])
			p.str(" ")
		}
		p.str("NORMALIZED")
	default:
		p.at(f.Location)
		p.sqlCall(name, args)
	}
}

func (p *printer) sqlCall(name string, args []*pg.Node) {
	n := len(args)
	switch {
	case name == "system_user" && n == 0:
		p.str("SYSTEM_USER")
	case name == "extract" && n == 2:
		p.str("EXTRACT(")
		p.extractField(args[0])
		p.keyworded(args[1:], " FROM ")
	case name == "position" && n == 2:
		p.str("POSITION(")
		p.operand(args[1], signed)
		p.keyworded(args[:1], " IN ")
	case name == "overlay" && n >= 3 && n <= 4:
		p.str("OVERLAY(")
		p.operand(args[0], signed)
		p.keyworded(args[1:], " PLACING ", " FROM ", " FOR ")
	case name == "substring" && n >= 2 && n <= 3:
		p.str("SUBSTRING(")
		p.operand(args[0], signed)
		p.keyworded(args[1:], " FROM ", " FOR ")
	case name == "btrim" && n > 0:
		p.trim("TRIM(BOTH ", args)
	case name == "ltrim" && n > 0:
		p.trim("TRIM(LEADING ", args)
	case name == "rtrim" && n > 0:
		p.trim("TRIM(TRAILING ", args)
	case name == "normalize" && n >= 1 && n <= 2:
		p.str("NORMALIZE(")
		p.expr(args[0])
		if n == 2 {
			p.str(", ")
			p.normalForm(args[1])
		}
		p.str(")")
	case name == "pg_collation_for" && n == 1:
		p.str("COLLATION FOR (")
		p.expr(args[0])
		p.str(")")
	case name == "xmlexists" && n == 2:
		p.str("XMLEXISTS(")
		p.operand(args[0], primary)
		p.str(" PASSING ")
		p.operand(args[1], primary)
		p.str(")")
	default:
		p.fail("the SQL notation of " + name)
	}
}

// keyworded writes the arguments each behind its word, and closes the call.
func (p *printer) keyworded(args []*pg.Node, words ...string) {
	for i, a := range args {
		p.str(words[i])
		p.operand(a, signed)
	}
	p.str(")")
}

// trim writes TRIM. Its list is the texts and then the characters; all lists can be written behind FROM, the usual one reads better.
func (p *printer) trim(open string, args []*pg.Node) {
	p.str(open)
	if len(args) == 2 {
		p.operand(args[1], signed)
		p.str(" ")
		args = args[:1]
	}
	p.str("FROM ")
	p.exprs(args)
	p.str(")")
}

func (p *printer) extractField(n *pg.Node) {
	if n.GetParamRef() != nil {
		p.expr(n)
		return
	}
	s, ok := n.GetAConst().GetVal().(*pg.A_Const_Sval)
	if !ok {
		p.unknown(n)
		return
	}
	switch f := s.Sval.Sval; f {
	case "year", "month", "day", "hour", "minute", "second":
		p.at(n.GetAConst().Location)
		p.str(f)
	default:
		if plainIdent(f) && !plainKeywords[f] {
			p.at(n.GetAConst().Location)
			p.str(f)
			return
		}
		p.expr(n)
	}
}

func (p *printer) normalForm(n *pg.Node) {
	switch form := n.GetAConst().GetSval().GetSval(); form {
	case "NFC", "NFD", "NFKC", "NFKD":
		p.at(n.GetAConst().Location)
		p.str(form)
	default:
		p.fail("such a normal form")
	}
}
