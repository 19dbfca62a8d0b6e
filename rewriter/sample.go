package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// tableSample rewrites TABLESAMPLE: the sample is taken of everybody's rows, and the predicate leaves the tenant's. Each row is in the sample or not whatever
// the others are, which holds for the two built-in methods; those of extensions can count rows.
func (p *pass) tableSample(s *pg.RangeTableSample, n *pg.Node, sc *scope, out *sink) *pg.Node {
	rv := s.Relation.GetRangeVar()
	method := s.Method[len(s.Method)-1].GetString_().GetSval()
	switch {
	case rv == nil:
		p.denyAt(s.Location, stateFeature, ruleClause, "TABLESAMPLE of "+nodeName(s.Relation)+" is not supported", "")
		return n
	case method != "bernoulli" && method != "system", len(s.Method) > 1 && s.Method[0].GetString_().GetSval() != "pg_catalog":
		p.denyAt(s.Location, statePrivilege, ruleFunctionDenied, "permission denied for tablesample method "+method, "BERNOULLI and SYSTEM are allowed.")
		return n
	}
	s.Method = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(method)}
	p.exprs(s.Args, sc)
	p.expr(s.Repeatable, sc)
	if !p.sampled(rv, sc) {
		return n
	}
	relation := p.rangeVar(rv, s.Relation, sc, out)
	if sub := relation.GetRangeSubselect(); sub != nil { // wrapped: the sample is taken inside
		from := sub.Subquery.GetSelectStmt().FromClause
		s.Relation = from[0]
		from[0] = n
		return relation
	}
	return n
}

// sampled tells whether a name is one of a relation that samples can be taken of; it denies the statement when not.
func (p *pass) sampled(rv *pg.RangeVar, sc *scope) bool {
	cte := rv.Schemaname == "" && rv.Catalogname == "" && sc.ctes.find(rv.Relname) != nil
	if !cte {
		rel := p.relation(rv)
		if rel == nil {
			return false
		}
		switch rel.Kind {
		case catalog.Table, catalog.PartitionedTable, catalog.MaterializedView:
			return true
		}
		if t := p.table(rel); t == nil || t.Scope == policy.ScopeDenied {
			p.denyRelation(rv, rel, t)
			return false
		}
	}
	p.denyAt(rv.Location, stateWrongKind, ruleRelationKind, "TABLESAMPLE clause can only be applied to tables and materialized views", "")
	return false
}
