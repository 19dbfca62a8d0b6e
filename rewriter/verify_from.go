package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// openTable is a table in FROM, or a target, that has not been seen confined yet.
type openTable struct {
	fromName // how the predicate must name it
	table    *policy.BoundTable
	// target is set for a table that is written: there default rows are not let through.
	target bool
	// locked is set for a table of scope mixed whose rows the level locks: there they are not let through either.
	locked bool
	// tenant and live are set once the predicate for the tenant, and the one against rows marked as deleted, have been seen.
	tenant, live bool
}

// tenantPredicate is `ref.column = $n` with a tenant parameter.
type tenantPredicate struct {
	schema, relation, column string
	param                    int32
}

// asPredicate reads the one form that confines a table: a qualified column, bare, on the left of a plain `=`, a bare tenant parameter on
// its right.
func (s *sweeper) asPredicate(n *pg.Node) (p tenantPredicate, ok bool) {
	x := n.GetAExpr()
	if x == nil || x.Kind != pg.A_Expr_Kind_AEXPR_OP {
		return p, false
	}
	param := x.Rexpr.GetParamRef()
	if param == nil || s.in.tenants[param.Number] == policy.TypeAny {
		return p, false
	}
	switch op := stringsOf(x.Name); {
	case len(op) == 1 && op[0] == "=" && !s.shadowed("="):
	case len(op) == 2 && op[0] == "pg_catalog" && op[1] == "=":
	default:
		return p, false
	}
	column := stringsOf(x.Lexpr.GetColumnRef().GetFields())
	switch len(column) {
	case 2:
		return tenantPredicate{"", column[0], column[1], param.Number}, true
	case 3:
		return tenantPredicate{column[0], column[1], column[2], param.Number}, true
	}
	return p, false
}

// from checks a FROM list, adds its names to the scope, and returns the tenant tables that WHERE must confine.
func (s *sweeper) from(items []*pg.Node, e sweepEnv) []openTable {
	var todo []openTable
	for _, n := range items {
		todo = append(todo, s.fromItem(n, e)...)
	}
	return todo
}

// fromItem returns the tenant tables of the item that are not confined in it, and that a condition above it would filter.
func (s *sweeper) fromItem(n *pg.Node, e sweepEnv) []openTable {
	if s.err != nil {
		return nil
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return s.fromTable(x.RangeVar, e)
	case *pg.Node_JoinExpr:
		return s.join(x.JoinExpr, e)
	case *pg.Node_RangeSubselect:
		q := x.RangeSubselect.Subquery.GetSelectStmt()
		if q == nil {
			s.fail("sub-select of %T", x.RangeSubselect.Subquery.GetNode())
			return nil
		}
		inner := sweepEnv{names: e.names.parent, ctes: e.ctes}
		if x.RangeSubselect.Lateral {
			inner.names = e.names
		}
		before := s.shared
		if !s.rowsForm(x.RangeSubselect, e) {
			s.query(q, inner, nil)
		}
		if s.shared > before {
			e.names.shared = append(e.names.shared, x.RangeSubselect.Alias.GetAliasname())
		}
		s.fields(x.RangeSubselect.ProtoReflect(), e, "subquery")
		if a := x.RangeSubselect.Alias; a != nil {
			s.addName(e, fromName{name: a.Aliasname, system: s.systemBelow(x.RangeSubselect)})
		}
	case *pg.Node_RangeFunction:
		s.fields(x.RangeFunction.ProtoReflect(), e)
		s.addAlias(e, x.RangeFunction.Alias)
		if x.RangeFunction.Alias == nil {
			s.addFunctionNames(e, x.RangeFunction)
		}
	case *pg.Node_RangeTableSample:
		sample := x.RangeTableSample
		if names := stringsOf(sample.Method); len(names) != 2 || names[0] != "pg_catalog" || names[1] != "bernoulli" && names[1] != "system" {
			s.fail("sample by %q", names)
		}
		r := sample.Relation.GetRangeVar()
		if r == nil || r.Schemaname == "" {
			s.fail("sample of something other than a table")
			return nil
		}
		s.fields(sample.ProtoReflect(), e, "relation", "method")
		return s.fromTable(r, e)
	case *pg.Node_RangeTableFunc:
		s.fields(x.RangeTableFunc.ProtoReflect(), e)
		s.addAlias(e, x.RangeTableFunc.Alias)
	default:
		s.fail("FROM holds %T", n.GetNode())
	}
	return nil
}

func (s *sweeper) addAlias(e sweepEnv, alias *pg.Alias) {
	if alias != nil {
		s.addName(e, fromName{name: alias.Aliasname})
	}
}

// addFunctionNames: without an alias a function's rows go by its name.
func (s *sweeper) addFunctionNames(e sweepEnv, f *pg.RangeFunction) {
	if len(f.Functions) == 1 && len(f.Functions[0].GetList().GetItems()) > 0 {
		if names := stringsOf(f.Functions[0].GetList().Items[0].GetFuncCall().GetFuncname()); len(names) > 0 {
			s.addName(e, fromName{name: names[len(names)-1]})
		}
	}
}

// addName makes a FROM item known. Two of one name would leave open which of them a predicate means.
func (s *sweeper) addName(e sweepEnv, add fromName) {
	for _, n := range e.names.names {
		if n.name == add.name && n.schema == add.schema {
			s.fail("%q stands twice in one FROM", add.name)
			return
		}
	}
	e.names.names = append(e.names.names, add)
}

func (s *sweeper) fromTable(r *pg.RangeVar, e sweepEnv) []openTable {
	if r.Schemaname == "" && r.Catalogname == "" {
		if !e.ctes.has(r.Relname) {
			s.fail("relation %q is neither qualified nor a CTE in scope", r.Relname)
			return nil
		}
		s.addName(e, fromName{name: aliasOr(r.Alias, r.Relname)})
		return nil
	}
	if catalog.IsSystem(r.Schemaname) {
		s.bareSystem(r, e)
		return nil
	}
	table := s.table(r)
	if table == nil {
		return nil
	}
	n := refName(r, table)
	s.addName(e, n)
	locked := table.Scope == policy.ScopeMixed && s.locksAlone(e.names, n.name)
	if (table.Scope == policy.ScopeGlobal || table.Scope == policy.ScopeMixed) && !locked {
		s.shared++
		e.names.shared = append(e.names.shared, n.name)
	}
	open := s.open(openTable{fromName: n, table: table, locked: locked})
	if open != nil && len(r.Alias.GetColnames()) > 0 {
		s.fail("columns of table %q are renamed, which must be confined", r.Relname)
	}
	return open
}

func aliasOr(alias *pg.Alias, otherwise string) string {
	if alias != nil {
		return alias.Aliasname
	}
	return otherwise
}

// refName is how column references must name a table.
func refName(r *pg.RangeVar, table *policy.BoundTable) fromName {
	if r.Alias != nil {
		return fromName{name: r.Alias.Aliasname, table: table}
	}
	return fromName{schema: r.Schemaname, name: r.Relname, table: table}
}

// table finds what a qualified name means. A denied relation, or one of a kind that has no rows of its own, is an error.
func (s *sweeper) table(r *pg.RangeVar) *policy.BoundTable {
	if r.Catalogname != "" || r.Schemaname == "" {
		s.fail("relation %q is not qualified by its schema alone", r.Relname)
		return nil
	}
	if r.Relpersistence != "p" {
		s.fail("relation %q of persistence %q", r.Relname, r.Relpersistence)
		return nil
	}
	if r.Schemaname == catalog.TemporarySchema {
		return s.temporaryTable(r)
	}
	relation := (*catalog.Relation)(nil)
	if schema := s.in.bound.Catalog.Schemas[r.Schemaname]; schema != nil {
		relation = schema.Relations[r.Relname]
	}
	if relation == nil {
		s.fail("relation %s.%s is not in the snapshot", r.Schemaname, r.Relname)
		return nil
	}
	switch relation.Kind {
	case catalog.Table, catalog.PartitionedTable, catalog.ForeignTable, catalog.MaterializedView:
	default:
		s.fail("relation %s.%s is of kind %q", r.Schemaname, r.Relname, relation.Kind)
		return nil
	}
	table := s.in.bound.Table(relation.OID)
	switch {
	case table == nil || table.Scope == policy.ScopeDenied:
	case table.Scope == policy.ScopeGlobal:
		return table
	case table.Scope.HasTenant() && table.Column != "" && table.Type != policy.TypeAny:
		return table
	}
	s.fail("relation %s.%s is denied", r.Schemaname, r.Relname)
	return nil
}

// join checks a join. Its ON filters the rows of both sides of an inner join, of the right side of a LEFT JOIN, of
// the left side of a RIGHT JOIN, and none of a FULL JOIN. What stands on a nullable side must be confined there: a condition above
// would come too late, or turn the join into an inner one.
func (s *sweeper) join(j *pg.JoinExpr, e sweepEnv) []openTable {
	outer := e
	if j.Alias != nil { // hides the names within, which may be those of items beside it
		e = sweepEnv{names: &sweepScope{parent: e.names}, ctes: e.ctes}
	}
	start := len(e.names.names)
	left := s.fromItem(j.Larg, e)
	middle := len(e.names.names)
	right := s.fromItem(j.Rarg, e)
	if s.err != nil {
		return nil
	}
	on := sweepEnv{names: &sweepScope{names: e.names.names[start:], parent: outer.names.parent}, ctes: e.ctes}
	if j.IsNatural || len(j.UsingClause) > 0 {
		s.implied("NATURAL or USING", "=")
		s.merged(j, e.names.names[start:middle], e.names.names[middle:])
	}
	var todo, above []openTable
	switch j.Jointype {
	case pg.JoinType_JOIN_INNER:
		above = s.conditions(j.Quals, on, append(left, right...))
	case pg.JoinType_JOIN_LEFT:
		above, todo = left, s.conditions(j.Quals, on, right)
	case pg.JoinType_JOIN_RIGHT:
		above, todo = right, s.conditions(j.Quals, on, left)
	case pg.JoinType_JOIN_FULL:
		todo = append(left, right...)
		todo = append(todo, s.conditions(j.Quals, on, nil)...)
	default:
		s.fail("join of type %v", j.Jointype)
	}
	if j.Alias != nil || j.IsNatural {
		s.nothingHidden(e.names.names[start:], "a join whose columns are taken together")
	}
	if j.Alias != nil {
		todo = append(todo, above...)
		above = nil
		if len(e.names.shared) > 0 {
			outer.names.shared = append(outer.names.shared, j.Alias.Aliasname)
		}
		s.addAlias(outer, j.Alias)
	}
	s.addAlias(outer, j.JoinUsingAlias)
	s.unconfined(todo, "its join")
	s.fields(j.ProtoReflect(), e, "larg", "rarg", "quals")
	return above
}

// confineInOrder does so for a condition on single rows, of which no planner changes the order.
func (s *sweeper) confineInOrder(where *pg.Node, e sweepEnv, tables []openTable, place string) {
	s.inOrder = e.names
	s.confine(where, e, tables, place)
	s.inOrder = nil
}

// confine checks a condition that must confine all of the tables.
func (s *sweeper) confine(where *pg.Node, e sweepEnv, tables []openTable, place string) {
	s.unconfined(s.conditions(where, e, tables), place)
}

func (s *sweeper) unconfined(tables []openTable, place string) {
	for _, t := range tables {
		if s.needsTenant(t) {
			s.fail("%s of %s.%s is not compared with the tenant in %s", t.table.Column, t.table.Relation.Schema, t.table.Relation.Name, place)
		}
		if s.needsLive(t) {
			s.fail("rows of %s.%s that are marked as deleted are not kept out in %s", t.table.Relation.Schema, t.table.Relation.Name, place)
		}
	}
}

// conditions checks a condition and returns which of the tables no conjunct of it confines.
func (s *sweeper) conditions(n *pg.Node, e sweepEnv, tables []openTable) []openTable {
	if n == nil || s.err != nil {
		return tables
	}
	if and := n.GetBoolExpr(); and != nil && and.Boolop == pg.BoolExprType_AND_EXPR {
		s.fields(and.ProtoReflect(), e, "args")
		for _, arg := range and.Args {
			tables = s.conditions(arg, e, tables)
		}
		return tables
	}
	p, ok := s.asProof(n)
	for i, t := range tables {
		if ok && s.proves(&t, p) {
			return slices.Concat(tables[:i], s.open(t), tables[i+1:])
		}
	}
	if ok && p.mark == noMark {
		s.fail("%s.%s = $%d confines no table at its place", p.relation, p.column, p.param)
	}
	if e.names != s.inOrder {
		s.early(n, e)
	}
	s.walk(n.ProtoReflect(), e)
	return tables
}
