package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// merge checks a MERGE. The source is the preserved side of an outer join: no condition above it filters its rows, so none of its tables may be open.
// The target is the nullable side, which ON filters.
func (s *sweeper) merge(m *pg.MergeStmt, e sweepEnv) {
	e.ctes = s.with(m.WithClause, e)
	table := s.target(m.Relation)
	if table == nil {
		return
	}
	source := sweepEnv{names: &sweepScope{parent: e.names}, ctes: e.ctes}
	s.unconfined(s.fromItem(m.SourceRelation, source), "the source of MERGE")
	both := sweepEnv{names: &sweepScope{names: append([]fromName(nil), source.names.names...), parent: e.names}, ctes: e.ctes}
	ref := refName(m.Relation, table)
	s.addName(both, ref)
	open := s.open(openTable{fromName: ref, table: table, target: true})
	if m.JoinCondition == nil {
		s.fail("MERGE without ON")
	}
	s.confine(m.JoinCondition, both, open, "ON of MERGE")
	for _, n := range m.MergeWhenClauses {
		w := n.GetMergeWhenClause()
		switch {
		case w == nil:
			s.fail("MERGE with %T", n.GetNode())
		case w.Matched:
			s.mergeWhen(w, both, table)
		default:
			s.mergeWhen(w, source, table)
		}
	}
	s.fields(m.ProtoReflect(), both, "relation", "source_relation", "join_condition", "merge_when_clauses", "with_clause")
}

func (s *sweeper) mergeWhen(w *pg.MergeWhenClause, e sweepEnv, table *policy.BoundTable) {
	if s.err != nil {
		return
	}
	switch w.CommandType {
	case pg.CmdType_CMD_NOTHING, pg.CmdType_CMD_DELETE:
		if len(w.TargetList)+len(w.Values) > 0 {
			s.fail("WHEN with columns and no row")
		}
		if w.CommandType == pg.CmdType_CMD_DELETE && table.SoftDelete != nil && table.SoftDelete.RewriteDelete {
			s.fail("rows of %s are removed that should be marked", table.Relation.Name)
		}
	case pg.CmdType_CMD_UPDATE:
		if len(w.Values) > 0 {
			s.fail("UPDATE of MERGE with values")
		}
		s.assignments(w.TargetList, e, table)
	case pg.CmdType_CMD_INSERT:
		s.mergeRow(w, e, table)
	default:
		s.fail("MERGE with %v", w.CommandType)
	}
	s.fields(w.ProtoReflect(), e, "target_list", "values")
}

// mergeRow checks the row that WHEN NOT MATCHED inserts: the tenant stands where its column does.
func (s *sweeper) mergeRow(w *pg.MergeWhenClause, e sweepEnv, table *policy.BoundTable) {
	place := -1
	for i, n := range w.TargetList {
		c := n.GetResTarget()
		if c == nil || c.Val != nil {
			s.fail("column list of INSERT holds %T", n.GetNode())
			return
		}
		for _, x := range c.Indirection {
			s.walk(x.ProtoReflect(), e)
		}
		if table.Scope.HasTenant() && c.Name == table.Column {
			if place >= 0 || len(c.Indirection) > 0 {
				s.fail("tenant column %s stands twice or in part in the column list", c.Name)
			}
			place = i
		}
	}
	tenant := -1 // which of the values is the tenant's
	if table.Scope.HasTenant() {
		switch {
		case place < 0:
			s.fail("tenant column %s is not in the column list", table.Column)
			return
		case place == len(w.TargetList)-1: // the last value is its own, whatever stars before it expand to
			tenant = len(w.Values) - 1
		default:
			tenant = place
		}
		if tenant < 0 || tenant >= len(w.Values) || !s.tenantValue(w.Values[tenant], table) {
			s.fail("another value where the tenant belongs")
			return
		}
	}
	for i, v := range w.Values {
		switch {
		case i == tenant:
		case i < tenant && tenant == place && place < len(w.TargetList)-1 && expands(v):
			s.fail("a star before the tenant's place")
		default:
			s.walk(v.ProtoReflect(), e)
		}
	}
}
