package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

func (p *printer) fromList(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		p.fromItem(n)
	}
}

// fromItem writes what can stand in FROM. The switch is closed.
func (p *printer) fromItem(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		p.relation(v.RangeVar, "")
	case *pg.Node_JoinExpr:
		p.join(v.JoinExpr)
	case *pg.Node_RangeSubselect:
		p.lateral(v.RangeSubselect.Lateral)
		p.subselect(v.RangeSubselect.Subquery)
		p.alias(v.RangeSubselect.Alias, "")
	case *pg.Node_RangeFunction:
		p.rangeFunction(v.RangeFunction)
	case *pg.Node_RangeTableFunc:
		p.xmlTable(v.RangeTableFunc)
	case *pg.Node_RangeTableSample:
		p.tableSample(v.RangeTableSample)
	default:
		p.unknown(n)
	}
}

func (p *printer) lateral(on bool) {
	if on {
		p.str("LATERAL ")
	}
}

// relation writes a table with its alias; as goes before the alias.
func (p *printer) relation(r *pg.RangeVar, as string) {
	if r == nil {
		p.fail("no relation")
		return
	}
	if !r.Inh {
		p.str("ONLY ")
	}
	if r.Relpersistence != "p" {
		p.fail("a relation of persistence " + r.Relpersistence)
	}
	p.qualifiedName(r)
	p.alias(r.Alias, as)
}

func (p *printer) qualifiedName(r *pg.RangeVar) {
	if r == nil || r.Relname == "" || r.Catalogname != "" && r.Schemaname == "" {
		p.fail("no relation")
		return
	}
	p.at(r.Location)
	if r.Catalogname != "" {
		p.ident(r.Catalogname)
		p.str(".")
	}
	if r.Schemaname != "" {
		p.ident(r.Schemaname)
		p.str(".")
	}
	p.ident(r.Relname)
}

// alias writes an alias and its column names with a space before.
func (p *printer) alias(a *pg.Alias, as string) {
	if a == nil {
		return
	}
	p.str(" ")
	p.str(as)
	p.ident(a.Aliasname)
	if len(a.Colnames) > 0 {
		p.nameList(a.Colnames)
	}
}

// join writes a join. Only a join at the right, and one with an alias, needs parentheses.
func (p *printer) join(j *pg.JoinExpr) {
	if j.Alias != nil {
		p.str("(")
	}
	p.fromItem(j.Larg)
	if j.IsNatural {
		p.str(" NATURAL")
	}
	switch j.Jointype {
	case pg.JoinType_JOIN_INNER:
		if !j.IsNatural && j.Quals == nil && len(j.UsingClause) == 0 {
			p.str(" CROSS")
		}
	case pg.JoinType_JOIN_LEFT:
		p.str(" LEFT")
	case pg.JoinType_JOIN_RIGHT:
		p.str(" RIGHT")
	case pg.JoinType_JOIN_FULL:
		p.str(" FULL")
	default:
		p.fail(j.Jointype.String())
	}
	p.str(" JOIN ")
	if r := j.Rarg.GetJoinExpr(); r != nil && r.Alias == nil {
		p.str("(")
		p.fromItem(j.Rarg)
		p.str(")")
	} else {
		p.fromItem(j.Rarg)
	}
	if len(j.UsingClause) > 0 {
		p.str(" USING ")
		p.nameList(j.UsingClause)
		p.alias(j.JoinUsingAlias, "AS ")
	}
	if j.Quals != nil {
		p.str(" ON ")
		p.expr(j.Quals)
	}
	if j.Alias != nil {
		p.str(")")
		p.alias(j.Alias, "")
	}
}

// rangeFunction writes a function in FROM: a call, or ROWS FROM of several, each with its column definitions.
func (p *printer) rangeFunction(f *pg.RangeFunction) {
	p.lateral(f.Lateral)
	if f.IsRowsfrom {
		p.str("ROWS FROM (")
	} else if len(f.Functions) != 1 {
		p.fail("several functions in FROM")
		return
	}
	for i, n := range f.Functions {
		p.comma(i)
		items := n.GetList().GetItems()
		if len(items) == 0 {
			p.unknown(n)
			return
		}
		p.fromCall(items[0])
		if len(items) > 1 && len(items[1].GetList().GetItems()) > 0 {
			p.str(" AS ")
			p.columnDefs(items[1].GetList().Items)
		}
	}
	if f.IsRowsfrom {
		p.str(")")
	}
	if f.Ordinality {
		p.str(" WITH ORDINALITY")
	}
	if len(f.Coldeflist) == 0 {
		p.alias(f.Alias, "")
		return
	}
	p.str(" AS ")
	if f.Alias != nil {
		p.ident(f.Alias.Aliasname)
	}
	p.columnDefs(f.Coldeflist)
}

// fromCall writes what FROM takes for a call (func_expr_windowless), where a cast must look like one too. The switch is closed.
func (p *printer) fromCall(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_TypeCast:
		p.at(v.TypeCast.Location)
		p.str("CAST(")
		p.expr(v.TypeCast.Arg)
		p.str(" AS ")
		p.typeName(v.TypeCast.TypeName)
		p.str(")")
	case *pg.Node_FuncCall:
		if f := v.FuncCall; f.AggWithinGroup || f.AggFilter != nil || f.Over != nil || writtenAsOperator(f) {
			p.unknown(n)
			return
		}
		p.expr(n)
	case *pg.Node_AExpr, *pg.Node_XmlExpr:
		if strengthOf(n) != primary {
			p.unknown(n)
			return
		}
		p.expr(n)
	case *pg.Node_SqlvalueFunction, *pg.Node_CoalesceExpr, *pg.Node_MinMaxExpr, *pg.Node_XmlSerialize, *pg.Node_JsonObjectConstructor,
		*pg.Node_JsonArrayConstructor, *pg.Node_JsonArrayQueryConstructor, *pg.Node_JsonObjectAgg, *pg.Node_JsonArrayAgg:
		p.expr(n)
	default:
		p.unknown(n)
	}
}

func (p *printer) columnDefs(list []*pg.Node) {
	p.str("(")
	for i, n := range list {
		p.comma(i)
		d := n.GetColumnDef()
		if d == nil || len(d.Constraints) > 0 || d.RawDefault != nil || d.Compression != "" {
			p.unknown(n)
			return
		}
		p.at(d.Location)
		p.ident(d.Colname)
		p.str(" ")
		p.typeName(d.TypeName)
		if d.CollClause != nil {
			p.str(" ")
			p.collate(d.CollClause)
		}
	}
	p.str(")")
}

func (p *printer) tableSample(s *pg.RangeTableSample) {
	p.fromItem(s.Relation)
	p.str(" TABLESAMPLE ")
	p.at(s.Location)
	p.names(s.Method)
	p.str("(")
	p.exprs(s.Args)
	p.str(")")
	if s.Repeatable != nil {
		p.str(" REPEATABLE (")
		p.expr(s.Repeatable)
		p.str(")")
	}
}

func (p *printer) xmlTable(t *pg.RangeTableFunc) {
	p.lateral(t.Lateral)
	p.at(t.Location)
	p.str("XMLTABLE(")
	for i, n := range t.Namespaces {
		if i == 0 {
			p.str("XMLNAMESPACES(")
		}
		p.comma(i)
		p.namespace(n)
		if i == len(t.Namespaces)-1 {
			p.str("), ")
		}
	}
	p.operand(t.Rowexpr, primary)
	p.str(" PASSING ")
	p.operand(t.Docexpr, primary)
	p.str(" COLUMNS ")
	for i, n := range t.Columns {
		p.comma(i)
		c := n.GetRangeTableFuncCol()
		if c == nil {
			p.unknown(n)
			return
		}
		p.xmlColumn(c)
	}
	p.str(")")
	p.alias(t.Alias, "")
}

func (p *printer) namespace(n *pg.Node) {
	t := n.GetResTarget()
	if t == nil {
		p.unknown(n)
		return
	}
	if t.Name == "" {
		p.at(t.Location)
		p.str("DEFAULT ")
		p.operand(t.Val, signed)
		return
	}
	p.at(t.Location)
	p.operand(t.Val, signed)
	p.str(" AS ")
	p.ident(t.Name)
}

func (p *printer) xmlColumn(c *pg.RangeTableFuncCol) {
	p.at(c.Location)
	p.ident(c.Colname)
	if c.ForOrdinality {
		p.str(" FOR ORDINALITY")
		return
	}
	p.str(" ")
	p.typeName(c.TypeName)
	if c.Colexpr != nil {
		p.str(" PATH ")
		p.operand(c.Colexpr, signed)
	}
	if c.Coldefexpr != nil {
		p.str(" DEFAULT ")
		p.operand(c.Coldefexpr, signed)
	}
	if c.IsNotNull {
		p.str(" NOT NULL")
	}
}
