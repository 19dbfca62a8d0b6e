package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// insertTarget says at which index of each source row the tenant must stand.
type insertTarget struct {
	table *policy.BoundTable
	index int
	// last is set when the tenant column ends the column list: then the last expression of a select list is its value, whatever a star
	// before it expands to, since Postgres refuses any other number of expressions than of columns.
	last bool
}

// target checks the relation that a statement writes.
func (s *sweeper) target(r *pg.RangeVar) *policy.BoundTable {
	if r == nil {
		s.fail("no target")
		return nil
	}
	if s.in.role != nil && s.in.role.ReadOnly && r.Schemaname != catalog.TemporarySchema {
		s.fail("a read-only role writes %s", r.Relname)
		return nil
	}
	table := s.table(r)
	if table == nil {
		return nil
	}
	if len(table.Relation.Rules) > 0 {
		s.fail("%s, which has rules, is written", r.Relname)
	}
	if len(r.Alias.GetColnames()) > 0 {
		s.fail("columns of the target are renamed")
	}
	if table.Relation.Kind == catalog.MaterializedView {
		s.fail("materialized view %s is written", r.Relname)
		return nil
	}
	if table.Scope == policy.ScopeGlobal && (s.in.role == nil || !s.in.role.WriteGlobal) {
		s.fail("global table %s is written", r.Relname)
		return nil
	}
	return table
}

func (s *sweeper) insert(i *pg.InsertStmt, e sweepEnv) {
	e.ctes = s.with(i.WithClause, e)
	table := s.target(i.Relation)
	if table == nil {
		return
	}
	target := s.insertColumns(i, table)
	query := i.SelectStmt.GetSelectStmt()
	if i.SelectStmt != nil && query == nil {
		s.fail("INSERT from %T", i.SelectStmt.GetNode())
	}
	if query == nil && table.Scope.HasTenant() {
		s.fail("INSERT of default values into a tenant table")
	}
	s.query(query, e, target)

	ref := refName(i.Relation, table)
	in := sweepEnv{names: &sweepScope{parent: e.names}, ctes: e.ctes}
	s.addName(in, ref)
	if c := i.OnConflictClause; c != nil {
		s.conflict(c, in, table, ref)
	}
	for _, n := range i.ReturningList {
		s.walk(n.ProtoReflect(), in)
	}
	s.fields(i.ProtoReflect(), in, "relation", "cols", "select_stmt", "on_conflict_clause", "returning_list", "with_clause")
}

// insertColumns finds the tenant column in the column list; it returns nil for a global table.
func (s *sweeper) insertColumns(i *pg.InsertStmt, table *policy.BoundTable) *insertTarget {
	index := -1
	for at, n := range i.Cols {
		c := n.GetResTarget()
		if c == nil || c.Val != nil {
			s.fail("column list of INSERT holds %T", n.GetNode())
			return nil
		}
		for _, x := range c.Indirection {
			s.walk(x.ProtoReflect(), sweepEnv{})
		}
		if table.Scope.HasTenant() && c.Name == table.Column {
			if index >= 0 || len(c.Indirection) > 0 {
				s.fail("tenant column %s stands twice or in part in the column list", c.Name)
			}
			index = at
		}
	}
	if !table.Scope.HasTenant() {
		return nil
	}
	if index < 0 {
		s.fail("tenant column %s is not in the column list", table.Column)
		return nil
	}
	return &insertTarget{table: table, index: index, last: index == len(i.Cols)-1}
}

// source checks the rows of one arm of an INSERT's query.
func (s *sweeper) source(q *pg.SelectStmt, e sweepEnv, t *insertTarget) {
	for _, n := range q.ValuesLists {
		row := n.GetList().GetItems()
		if t.index >= len(row) {
			s.fail("row of %d values, the tenant belongs at %d", len(row), t.index+1)
			return
		}
		for i, v := range row {
			if i != t.index || !s.tenantValue(v, t.table) {
				s.walkTenant(v, e, i == t.index)
			}
		}
	}
	index := t.index
	if t.last {
		index = len(q.TargetList) - 1
	}
	if len(q.ValuesLists) == 0 && (index < 0 || index >= len(q.TargetList)) {
		s.fail("%d columns are selected, the tenant belongs at %d", len(q.TargetList), t.index+1)
		return
	}
	for i, n := range q.TargetList {
		c := n.GetResTarget()
		if c == nil || len(c.Indirection) > 0 {
			s.fail("target list holds %T", n.GetNode())
			return
		}
		if i < index && !t.last && expands(c.Val) {
			s.fail("a star before the tenant's place")
		}
		if i != index || !s.tenantValue(c.Val, t.table) {
			s.walkTenant(c.Val, e, i == index)
		}
	}
	s.fields(q.ProtoReflect(), e, "with_clause", "from_clause", "where_clause", "values_lists", "target_list")
}

// walkTenant checks a value of an INSERT that is not the tenant's; at the tenant's place that is an error.
func (s *sweeper) walkTenant(v *pg.Node, e sweepEnv, tenantPlace bool) {
	if tenantPlace {
		s.fail("another value where the tenant belongs: %T", v.GetNode())
		return
	}
	s.walk(v.ProtoReflect(), e)
}

// expands says whether a target expands to several columns.
func expands(n *pg.Node) bool {
	last := func(nodes []*pg.Node) bool { return len(nodes) > 0 && nodes[len(nodes)-1].GetAStar() != nil }
	return last(n.GetColumnRef().GetFields()) || last(n.GetAIndirection().GetIndirection())
}

// tenantValue says whether a value is the tenant parameter of the column's type. What a client gave in its place is compared
// and never stored: a cast could make another id of it.
func (s *sweeper) tenantValue(n *pg.Node, table *policy.BoundTable) bool {
	p := s.withoutCast(n, table.Type).GetParamRef()
	return p != nil && s.in.tenants[p.Number] == table.Type && table.Type != policy.TypeAny
}

// withoutCast takes off a cast to the tenant column's own type.
func (s *sweeper) withoutCast(n *pg.Node, typ policy.ColumnType) *pg.Node {
	c := n.GetTypeCast()
	if c == nil {
		return n
	}
	t := c.TypeName
	names := stringsOf(t.GetNames())
	if len(names) == 2 && names[0] == "pg_catalog" {
		names = names[1:]
	}
	if len(names) != 1 || t.Setof || t.PctType || len(t.Typmods) > 0 || len(t.ArrayBounds) > 0 || t.TypeOid != 0 {
		return n
	}
	if names[0] == typ.String() || typ == policy.TypeVarchar && names[0] == "text" {
		return c.Arg
	}
	return n
}

// conflict checks ON CONFLICT: an update must be confined to the tenant's row.
func (s *sweeper) conflict(c *pg.OnConflictClause, e sweepEnv, table *policy.BoundTable, ref fromName) {
	if c.Infer != nil {
		s.fields(c.Infer.ProtoReflect(), e)
	}
	switch c.Action {
	case pg.OnConflictAction_ONCONFLICT_NOTHING:
		if len(c.TargetList) > 0 || c.WhereClause != nil {
			s.fail("DO NOTHING does something")
		}
	case pg.OnConflictAction_ONCONFLICT_UPDATE:
		s.addName(e, fromName{name: "excluded", table: table})
		s.confineInOrder(c.WhereClause, e, s.open(openTable{fromName: ref, table: table, target: true}), "the WHERE of DO UPDATE")
		s.assignments(c.TargetList, e, table)
	default:
		s.fail("ON CONFLICT %v", c.Action)
	}
	s.fields(c.ProtoReflect(), e, "infer", "target_list", "where_clause")
}

// assignments checks SET: the tenant column keeps its value.
func (s *sweeper) assignments(list []*pg.Node, e sweepEnv, table *policy.BoundTable) {
	for _, n := range list {
		c := n.GetResTarget()
		if c == nil || c.Val == nil {
			s.fail("SET holds %T", n.GetNode())
			return
		}
		if table.Scope.HasTenant() && c.Name == table.Column {
			if len(c.Indirection) > 0 || !s.tenantValue(c.Val, table) {
				s.fail("tenant column %s is set", c.Name)
				return
			}
			continue
		}
		s.fields(c.ProtoReflect(), e)
	}
}

func (s *sweeper) update(u *pg.UpdateStmt, e sweepEnv) {
	e.ctes = s.with(u.WithClause, e)
	table := s.target(u.Relation)
	if table == nil {
		return
	}
	in, tables := s.targetScope(u.Relation, table, e)
	tables = append(tables, s.from(u.FromClause, in)...)
	if !s.positioned(u.WhereClause, table, u.FromClause) {
		s.confine(u.WhereClause, in, tables, "WHERE")
	}
	s.assignments(u.TargetList, in, table)
	s.fields(u.ProtoReflect(), in, "relation", "target_list", "where_clause", "from_clause", "with_clause")
}

func (s *sweeper) delete(d *pg.DeleteStmt, e sweepEnv) {
	e.ctes = s.with(d.WithClause, e)
	table := s.target(d.Relation)
	if table == nil {
		return
	}
	if table.SoftDelete != nil && table.SoftDelete.RewriteDelete {
		s.fail("rows of %s are removed that should be marked", d.Relation.Relname)
		return
	}
	in, tables := s.targetScope(d.Relation, table, e)
	tables = append(tables, s.from(d.UsingClause, in)...)
	if !s.positioned(d.WhereClause, table, d.UsingClause) {
		s.confine(d.WhereClause, in, tables, "WHERE")
	}
	s.fields(d.ProtoReflect(), in, "relation", "where_clause", "using_clause", "with_clause")
}

// targetScope is the scope of an UPDATE or DELETE, in which the target comes first.
func (s *sweeper) targetScope(r *pg.RangeVar, table *policy.BoundTable, e sweepEnv) (sweepEnv, []openTable) {
	ref := refName(r, table)
	in := sweepEnv{names: &sweepScope{parent: e.names}, ctes: e.ctes}
	s.addName(in, ref)
	return in, s.open(openTable{fromName: ref, table: table, target: true})
}
