package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// json walks the expressions of SQL/JSON (Postgres 16 and later); false for a node that is none. What they call is built in.
func (p *pass) json(n *pg.Node, sc *scope) bool {
	switch v := n.Node.(type) {
	case *pg.Node_JsonIsPredicate:
		p.expr(v.JsonIsPredicate.Expr, sc)
	case *pg.Node_JsonObjectConstructor:
		for _, kv := range v.JsonObjectConstructor.Exprs {
			p.jsonMember(kv.GetJsonKeyValue(), sc)
		}
		p.jsonOutput(v.JsonObjectConstructor.Output, sc)
	case *pg.Node_JsonArrayConstructor:
		for _, e := range v.JsonArrayConstructor.Exprs {
			p.expr(e.GetJsonValueExpr().GetRawExpr(), sc)
		}
		p.jsonOutput(v.JsonArrayConstructor.Output, sc)
	case *pg.Node_JsonArrayQueryConstructor:
		sel := v.JsonArrayQueryConstructor.Query.GetSelectStmt()
		if sel == nil {
			p.deny(stateFeature, ruleExpression, "a sub-select must be a SELECT", "")
			return true
		}
		p.selectStmt(sel, sc.ctes, sc)
		p.jsonOutput(v.JsonArrayQueryConstructor.Output, sc)
	case *pg.Node_JsonObjectAgg:
		p.jsonMember(v.JsonObjectAgg.Arg, sc)
		p.jsonAggregate(v.JsonObjectAgg.Constructor, sc)
	case *pg.Node_JsonArrayAgg:
		p.expr(v.JsonArrayAgg.Arg.GetRawExpr(), sc)
		p.jsonAggregate(v.JsonArrayAgg.Constructor, sc)
	default:
		return false
	}
	return true
}

func (p *pass) jsonMember(kv *pg.JsonKeyValue, sc *scope) {
	p.expr(kv.GetKey(), sc)
	p.expr(kv.GetValue().GetRawExpr(), sc)
}

func (p *pass) jsonAggregate(c *pg.JsonAggConstructor, sc *scope) {
	p.expr(c.GetAggFilter(), sc)
	p.exprs(c.GetAggOrder(), sc)
	p.window(c.GetOver(), sc)
	p.jsonOutput(c.GetOutput(), sc)
}

func (p *pass) jsonOutput(o *pg.JsonOutput, sc *scope) {
	if o != nil {
		p.typeName(o.TypeName)
	}
}
