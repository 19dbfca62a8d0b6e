package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// documentExpr writes the expressions that make and test XML and JSON. The switch is closed.
func (p *printer) documentExpr(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_XmlExpr:
		p.xmlExpr(v.XmlExpr)
	case *pg.Node_XmlSerialize:
		p.xmlSerialize(v.XmlSerialize)
	case *pg.Node_JsonObjectConstructor:
		p.jsonObject(v.JsonObjectConstructor)
	case *pg.Node_JsonArrayConstructor:
		p.jsonArray(v.JsonArrayConstructor)
	case *pg.Node_JsonArrayQueryConstructor:
		p.jsonArrayQuery(v.JsonArrayQueryConstructor)
	case *pg.Node_JsonObjectAgg:
		p.jsonObjectAgg(v.JsonObjectAgg)
	case *pg.Node_JsonArrayAgg:
		p.jsonArrayAgg(v.JsonArrayAgg)
	case *pg.Node_JsonIsPredicate:
		p.jsonIs(v.JsonIsPredicate)
	default:
		p.unknown(n)
	}
}

func (p *printer) xmlExpr(x *pg.XmlExpr) {
	if x.Op == pg.XmlExprOp_IS_DOCUMENT && len(x.Args) == 1 {
		p.operand(x.Args[0], signed)
		p.str(" ")
		p.at(x.Location)
		p.str("IS DOCUMENT")
		return
	}
	p.at(x.Location)
	switch {
	case x.Op == pg.XmlExprOp_IS_XMLCONCAT:
		p.str("XMLCONCAT(")
		p.exprs(x.Args)
	case x.Op == pg.XmlExprOp_IS_XMLELEMENT:
		p.str("XMLELEMENT(NAME ")
		p.ident(x.Name)
		if len(x.NamedArgs) > 0 {
			p.str(", XMLATTRIBUTES(")
			p.xmlAttributes(x.NamedArgs)
			p.str(")")
		}
		if len(x.Args) > 0 {
			p.str(", ")
			p.exprs(x.Args)
		}
	case x.Op == pg.XmlExprOp_IS_XMLFOREST:
		p.str("XMLFOREST(")
		p.xmlAttributes(x.NamedArgs)
	case x.Op == pg.XmlExprOp_IS_XMLPARSE && len(x.Args) == 2:
		p.str("XMLPARSE(")
		p.xmlOption(x.Xmloption)
		p.expr(x.Args[0])
		if trueConst(x.Args[1], true) {
			p.str(" PRESERVE WHITESPACE")
		}
	case x.Op == pg.XmlExprOp_IS_XMLPI && len(x.Args) < 2:
		p.str("XMLPI(NAME ")
		p.ident(x.Name)
		if len(x.Args) == 1 {
			p.str(", ")
			p.expr(x.Args[0])
		}
	case x.Op == pg.XmlExprOp_IS_XMLROOT && len(x.Args) == 3:
		p.xmlRoot(x.Args)
	default:
		p.fail(x.Op.String())
	}
	p.str(")")
}

func (p *printer) xmlOption(o pg.XmlOptionType) {
	switch o {
	case pg.XmlOptionType_XMLOPTION_DOCUMENT:
		p.str("DOCUMENT ")
	case pg.XmlOptionType_XMLOPTION_CONTENT:
		p.str("CONTENT ")
	default:
		p.fail(o.String())
	}
}

func (p *printer) xmlAttributes(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		p.target(n)
	}
}

func (p *printer) xmlRoot(args []*pg.Node) {
	p.str("XMLROOT(")
	p.expr(args[0])
	p.str(", VERSION ")
	if args[1].GetAConst().GetIsnull() {
		p.str("NO VALUE")
	} else {
		p.expr(args[1])
	}
	standalone, ok := args[2].GetAConst().GetVal().(*pg.A_Const_Ival)
	if !ok {
		p.unknown(args[2])
		return
	}
	switch standalone.Ival.Ival { // XmlStandaloneType of utils/xml.h
	case 0:
		p.str(", STANDALONE YES")
	case 1:
		p.str(", STANDALONE NO")
	case 2:
		p.str(", STANDALONE NO VALUE")
	case 3:
	default:
		p.unknown(args[2])
	}
}

func (p *printer) xmlSerialize(x *pg.XmlSerialize) {
	p.at(x.Location)
	p.str("XMLSERIALIZE(")
	p.xmlOption(x.Xmloption)
	p.expr(x.Expr)
	p.str(" AS ")
	p.typeName(x.TypeName)
	if x.Indent {
		p.str(" INDENT")
	}
	p.str(")")
}

func (p *printer) jsonObject(j *pg.JsonObjectConstructor) {
	p.at(j.Location)
	p.str("JSON_OBJECT(")
	for i, n := range j.Exprs {
		p.comma(i)
		p.jsonKeyValue(n.GetJsonKeyValue())
	}
	gap := len(j.Exprs) > 0
	if j.AbsentOnNull {
		p.str(" ABSENT ON NULL")
	}
	if j.Unique {
		p.str(" WITH UNIQUE KEYS")
	}
	if (j.AbsentOnNull || j.Unique) && !gap {
		p.fail("an empty JSON_OBJECT with options")
	}
	p.jsonOutput(j.Output, gap)
	p.str(")")
}

// jsonKeyValue writes key: value. The colon must not touch what comes before it: a type's name could end there.
func (p *printer) jsonKeyValue(kv *pg.JsonKeyValue) {
	if kv == nil {
		p.fail("JSON without a key")
		return
	}
	p.operand(kv.Key, signed)
	p.str(" : ")
	p.jsonValue(kv.Value)
}

func (p *printer) jsonValue(v *pg.JsonValueExpr) {
	if v == nil || v.FormattedExpr != nil {
		p.fail("JSON without a value")
		return
	}
	p.expr(v.RawExpr)
	p.jsonFormat(v.Format)
}

func (p *printer) jsonFormat(f *pg.JsonFormat) {
	switch f.GetFormatType() {
	case pg.JsonFormatType_JS_FORMAT_DEFAULT:
		return
	case pg.JsonFormatType_JS_FORMAT_JSON:
		p.str(" ")
		p.at(f.Location)
		p.str("FORMAT JSON")
	default:
		p.fail("such a JSON format")
	}
	switch f.GetEncoding() {
	case pg.JsonEncoding_JS_ENC_DEFAULT:
	case pg.JsonEncoding_JS_ENC_UTF8:
		p.str(" ENCODING UTF8")
	case pg.JsonEncoding_JS_ENC_UTF16:
		p.str(" ENCODING UTF16")
	case pg.JsonEncoding_JS_ENC_UTF32:
		p.str(" ENCODING UTF32")
	default:
		p.fail("such a JSON encoding")
	}
}

func (p *printer) jsonOutput(o *pg.JsonOutput, gap bool) {
	if o == nil {
		return
	}
	if gap {
		p.str(" ")
	}
	p.str("RETURNING ")
	p.typeName(o.TypeName)
	p.jsonFormat(o.GetReturning().GetFormat())
}

func (p *printer) jsonArray(j *pg.JsonArrayConstructor) {
	p.at(j.Location)
	p.str("JSON_ARRAY(")
	for i, n := range j.Exprs {
		p.comma(i)
		p.jsonValue(n.GetJsonValueExpr())
	}
	if !j.AbsentOnNull {
		if len(j.Exprs) == 0 {
			p.fail("an empty JSON_ARRAY with options")
		}
		p.str(" NULL ON NULL")
	}
	p.jsonOutput(j.Output, len(j.Exprs) > 0)
	p.str(")")
}

func (p *printer) jsonArrayQuery(j *pg.JsonArrayQueryConstructor) {
	q := j.Query.GetSelectStmt()
	if q == nil || !j.AbsentOnNull {
		p.fail("JSON_ARRAY of no query")
		return
	}
	p.at(j.Location)
	p.str("JSON_ARRAY(")
	p.selectStmt(q)
	p.jsonFormat(j.Format)
	p.jsonOutput(j.Output, true)
	p.str(")")
}

func (p *printer) jsonObjectAgg(j *pg.JsonObjectAgg) {
	c := j.Constructor
	if len(c.GetAggOrder()) > 0 {
		p.fail("JSON_OBJECTAGG with ORDER BY")
		return
	}
	p.at(c.GetLocation())
	p.str("JSON_OBJECTAGG(")
	p.jsonKeyValue(j.Arg)
	if j.AbsentOnNull {
		p.str(" ABSENT ON NULL")
	}
	if j.Unique {
		p.str(" WITH UNIQUE KEYS")
	}
	p.jsonOutput(c.GetOutput(), true)
	p.str(")")
	p.filterOver(c.GetAggFilter(), c.GetOver())
}

func (p *printer) jsonArrayAgg(j *pg.JsonArrayAgg) {
	c := j.Constructor
	p.at(c.GetLocation())
	p.str("JSON_ARRAYAGG(")
	p.jsonValue(j.Arg)
	if len(c.GetAggOrder()) > 0 {
		p.orderBy(c.AggOrder)
	}
	if !j.AbsentOnNull {
		p.str(" NULL ON NULL")
	}
	p.jsonOutput(c.GetOutput(), true)
	p.str(")")
	p.filterOver(c.GetAggFilter(), c.GetOver())
}

func (p *printer) jsonIs(j *pg.JsonIsPredicate) {
	p.operand(j.Expr, signed)
	p.jsonFormat(j.Format)
	p.str(" ")
	p.at(j.Location)
	switch j.ItemType {
	case pg.JsonValueType_JS_TYPE_ANY:
		p.str("IS JSON")
	case pg.JsonValueType_JS_TYPE_OBJECT:
		p.str("IS JSON OBJECT")
	case pg.JsonValueType_JS_TYPE_ARRAY:
		p.str("IS JSON ARRAY")
	case pg.JsonValueType_JS_TYPE_SCALAR:
		p.str("IS JSON SCALAR")
	default:
		p.fail(j.ItemType.String())
	}
	if j.UniqueKeys {
		p.str(" WITH UNIQUE KEYS")
	}
}
