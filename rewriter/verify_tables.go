package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// truncate checks TRUNCATE, which only empties the session's own tables: for others a DELETE stands in its place.
func (s *sweeper) truncate(t *pg.TruncateStmt) {
	for _, n := range t.Relations {
		r := n.GetRangeVar()
		if r.GetSchemaname() != catalog.TemporarySchema {
			s.fail("TRUNCATE of a table that is not temporary")
			return
		}
		s.target(r)
	}
}

// lock checks LOCK TABLE. Modes up to 3 are what ordinary statements take: 1 a SELECT, the others one that writes or locks rows.
func (s *sweeper) lock(l *pg.LockStmt) {
	for _, n := range l.Relations {
		r := n.GetRangeVar()
		if r == nil {
			s.fail("LOCK of %T", n.GetNode())
			return
		}
		t := s.table(r)
		if t == nil {
			return
		}
		if t.Relation.Kind != catalog.Table && t.Relation.Kind != catalog.PartitionedTable {
			s.fail("LOCK of %s, which is no table", r.Relname)
		}
		shared := t.Scope == policy.ScopeGlobal && (s.in.role == nil || !s.in.role.WriteGlobal)
		switch {
		case l.Mode == 1:
		case l.Mode < 1 || l.Mode > 8:
			s.fail("LOCK in mode %d", l.Mode)
		case shared || s.in.role != nil && s.in.role.ReadOnly:
			s.fail("LOCK of %s, which may not be written", r.Relname)
		case l.Mode > 3 && t.Scope != policy.ScopeTemporary && !s.in.bound.Policy.Statements.LockTable:
			s.fail("LOCK of %s in mode %d makes other tenants wait", r.Relname, l.Mode)
		}
	}
}
