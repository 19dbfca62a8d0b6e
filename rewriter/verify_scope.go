package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// What the sweep accepts as a proof that a table is confined:
//
//	ref.column = $n                             scope tenant, and the target of a write
//	ref.column = $n OR ref.column IS NULL       scope mixed, where rows are read
//	ref.column IS NULL, ref.column IS NOT TRUE  rows marked as deleted are kept out

// mark is a test for a mark of deletion.
type mark uint8

const (
	noMark mark = iota
	markNull
	markNotTrue
)

// proof is a condition that can confine a table.
type proof struct {
	tenantPredicate // for a test for a mark, without param
	// defaults is set when rows without a tenant are let through.
	defaults bool
	mark     mark
}

// asProof reads a conjunct that has one of the forms that confine.
func (s *sweeper) asProof(n *pg.Node) (proof, bool) {
	if p, ok := s.asPredicate(n); ok {
		return proof{tenantPredicate: p}, true
	}
	if or := n.GetBoolExpr(); or != nil {
		if or.Boolop != pg.BoolExprType_OR_EXPR || len(or.Args) != 2 {
			return proof{}, false
		}
		p, ok := s.asPredicate(or.Args[0])
		null, isMark := asMark(or.Args[1])
		same := p.schema == null.schema && p.relation == null.relation && p.column == null.column
		return proof{tenantPredicate: p, defaults: true}, ok && isMark && null.mark == markNull && same
	}
	return asMark(n)
}

// asMark reads `ref.column IS NULL` and `ref.column IS NOT TRUE`.
func asMark(n *pg.Node) (proof, bool) {
	var p proof
	var arg *pg.Node
	if t := n.GetNullTest(); t != nil && t.Nulltesttype == pg.NullTestType_IS_NULL && !t.Argisrow {
		p.mark, arg = markNull, t.Arg
	}
	if t := n.GetBooleanTest(); t != nil && t.Booltesttype == pg.BoolTestType_IS_NOT_TRUE {
		p.mark, arg = markNotTrue, t.Arg
	}
	switch column := stringsOf(arg.GetColumnRef().GetFields()); len(column) {
	case 2:
		p.relation, p.column = column[0], column[1]
	case 3:
		p.schema, p.relation, p.column = column[0], column[1], column[2]
	default:
		return proof{}, false
	}
	return p, true
}

// proves notes what a proof shows of a table, and says whether that was still to be shown.
func (s *sweeper) proves(t *openTable, p proof) bool {
	switch {
	case t.schema != p.schema || t.fromName.name != p.relation:
	case p.mark != noMark:
		if s.needsLive(*t) && p.column == t.table.SoftDelete.Column && t.table.SoftDelete.Boolean == (p.mark == markNotTrue) {
			t.live = true
			return true
		}
	case s.needsTenant(*t) && p.column == t.table.Column && s.in.tenants[p.param] == t.table.Type:
		if p.defaults == (t.table.Scope == policy.ScopeMixed && !t.target && !t.locked) {
			t.tenant = true
			return true
		}
	}
	return false
}

// open is the table if something is still to be shown of it.
func (s *sweeper) open(t openTable) []openTable {
	if s.needsTenant(t) || s.needsLive(t) {
		return []openTable{t}
	}
	return nil
}

func (s *sweeper) needsTenant(t openTable) bool {
	return t.table.Scope != policy.ScopeGlobal && t.table.Scope != policy.ScopeTemporary && !t.tenant
}

func (s *sweeper) needsLive(t openTable) bool {
	return t.table.SoftDelete != nil && !(s.in.role != nil && s.in.role.SeesDeleted) && !t.live
}

// locksAlone says whether a level locks rows of a table in it, which is then confined to rows that the tenant may write. Only a role that writes
// shared rows locks them.
func (s *sweeper) locksAlone(level *sweepScope, name string) bool {
	if s.in.role != nil && s.in.role.WriteGlobal {
		return false
	}
	for _, n := range level.locking {
		all := true
		for _, r := range n.GetLockingClause().GetLockedRels() {
			if all = false; r.GetRangeVar().GetRelname() == name {
				return true
			}
		}
		if all {
			return true
		}
	}
	return false
}

// lockedShared checks that row locks stay off rows that every tenant reads. Locks on a sub-select reach the tables in it.
func (s *sweeper) lockedShared(clauses []*pg.Node, shared []string) {
	if s.in.role != nil && s.in.role.WriteGlobal {
		return
	}
	for _, n := range clauses {
		locked := n.GetLockingClause().GetLockedRels()
		for _, name := range shared {
			if len(locked) == 0 || slices.ContainsFunc(locked, func(r *pg.Node) bool { return r.GetRangeVar().GetRelname() == name }) {
				s.fail("shared rows of %q are locked", name)
			}
		}
	}
}
