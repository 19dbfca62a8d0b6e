package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// inferTenant extends the inference of ON CONFLICT by the tenant column where a key has been made composite: ON CONFLICT (email) finds the unique
// index over (tenant, email). It does so only when no index could match what the client wrote, for which Postgres would report 42P10:
// so it never changes which index a statement means.
func (p *pass) inferTenant(inf *pg.InferClause, t *policy.BoundTable) {
	if !t.Scope.HasTenant() || len(inf.IndexElems) == 0 { // ON CONSTRAINT names its index
		return
	}
	spec := inference{columns: map[string]bool{}, where: inf.WhereClause != nil}
	for _, n := range inf.IndexElems {
		e := n.GetIndexElem()
		switch c := e.GetExpr().GetColumnRef(); {
		case e.GetName() != "":
			spec.columns[e.GetName()] = true
			if p.hidesColumn(t) && e.GetName() == t.HiddenColumn() {
				p.deny(stateUndefinedColumn, ruleHiddenColumn, `column "`+e.GetName()+`" does not exist`, "")
				return
			}
		case c != nil: // (email) in parentheses of its own
			spec.columns[c.Fields[len(c.Fields)-1].GetString_().GetSval()] = true
		default:
			spec.expressions = true
		}
	}
	if spec.columns[t.Column] || spec.matches(t.Relation.Unique) {
		return
	}
	spec.columns[t.Column] = true
	if !spec.matches(t.Relation.Unique) {
		return
	}
	inf.IndexElems = append(inf.IndexElems, &pg.Node{Node: &pg.Node_IndexElem{IndexElem: &pg.IndexElem{Name: t.Column,
		Ordering: pg.SortByDir_SORTBY_DEFAULT, NullsOrdering: pg.SortByNulls_SORTBY_NULLS_DEFAULT}}})
	p.note(t, t.Relation.Name, nil, "ON CONFLICT: the tenant column belongs to the key")
}

// inference is what the list of an ON CONFLICT asks of a unique index.
type inference struct {
	columns     map[string]bool
	expressions bool
	where       bool
}

// matches tells whether Postgres could take one of the indexes (infer_arbiter_indexes): its plain columns are those of the list, in any order; its
// expressions and its predicate, which are not compared here, could be the client's.
func (s *inference) matches(indexes []catalog.Index) bool {
	for i := range indexes {
		if s.couldBe(&indexes[i]) {
			return true
		}
	}
	return false
}

func (s *inference) couldBe(x *catalog.Index) bool {
	if x.Partial && !s.where {
		return false
	}
	plain, expressions := map[string]bool{}, false
	for _, c := range x.Columns {
		if c == "" {
			expressions = true
			continue
		}
		if !s.columns[c] {
			return false
		}
		plain[c] = true
	}
	return expressions == s.expressions && len(plain) == len(s.columns)
}
