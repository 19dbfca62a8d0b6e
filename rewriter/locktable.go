package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// A lock on a table holds up everybody who uses it. ACCESS SHARE, ROW SHARE and ROW EXCLUSIVE are what SELECT, SELECT FOR UPDATE and UPDATE
// take: a tenant may take them where it could run such a statement. The stronger modes keep other tenants' writes waiting, or the server's vacuum (Postgres
// manual, "Table-Level Locks"), so the policy has to open them.

// The weaker lock modes by number (storage/lockdefs.h).
const (
	lockAccessShare  = 1
	lockRowExclusive = 3
)

func (p *pass) lockTable(s *pg.LockStmt) {
	for _, n := range s.Relations {
		rv := n.GetRangeVar()
		rel := p.relation(rv)
		if rel == nil {
			return
		}
		t := p.table(rel)
		if t == nil || t.Scope == policy.ScopeDenied {
			p.denyRelation(rv, rel, t)
			return
		}
		switch rel.Kind {
		case catalog.Table, catalog.PartitionedTable:
		case catalog.View:
			p.denyAt(rv.Location, stateFeature, ruleLockTable, "LOCK TABLE of a view is not supported", "Lock the tables below it.")
			return
		default:
			p.denyAt(rv.Location, stateWrongKind, ruleRelationKind, `"`+rel.Name+`" is not a table or view`, "")
			return
		}
		if s.Mode > lockAccessShare && !p.mayLock(rv, t, s.Mode) {
			return
		}
		rv.Catalogname, rv.Schemaname = "", rel.Schema
		p.note(t, rel.Name, nil, "LOCK TABLE")
	}
}

// mayLock tells whether the tenant may lock a table for writing, or more; it denies the statement when not.
func (p *pass) mayLock(rv *pg.RangeVar, t *policy.BoundTable, mode int32) bool {
	switch {
	case p.role != nil && p.role.ReadOnly:
		p.denyAt(rv.Location, statePrivilege, ruleReadOnly, "the role is read-only", "It may LOCK TABLE IN ACCESS SHARE MODE.")
	case t.Scope == policy.ScopeTemporary:
		return true
	case t.Scope == policy.ScopeGlobal && (p.role == nil || !p.role.WriteGlobal):
		p.denyAt(rv.Location, statePrivilege, ruleLockGlobal, "permission denied for relation "+t.Relation.Schema+"."+t.Relation.Name,
			"It holds reference data shared by all tenants, which may be locked IN ACCESS SHARE MODE only.")
	case mode > lockRowExclusive && !p.bound.Policy.Statements.LockTable:
		p.denyAt(rv.Location, statePrivilege, ruleLockTable, "permission denied to lock "+t.Relation.Schema+"."+t.Relation.Name+" in this mode",
			"It would make other tenants wait. Lock IN ROW EXCLUSIVE MODE or weaker, or lock rows by SELECT ... FOR UPDATE; the policy can allow more by statements.lock_table.")
	default:
		return true
	}
	return false
}
