package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// sink collects the predicates that will stand at one place: the WHERE clause of a level or the ON of a join.
// Without a sink no condition within reach filters the relation, which must be wrapped into a sub-select.
type sink struct {
	preds []*pg.Node
	place string
}

// inWhere is the place of the sink whose predicates filter what no join extends with NULLs.
const inWhere = "WHERE"

// wrapped is the sink of what stands below a FULL JOIN or a join with an alias: there every relation is wrapped, so that a condition
// on the join can be kept from it by a barrier.
var wrapped *sink

// from rewrites a FROM or USING list in place.
func (p *pass) from(list []*pg.Node, sc *scope, where *sink) {
	for i := range list {
		list[i] = p.fromItem(list[i], sc, where)
	}
}

// fromItem rewrites one entry of a FROM list or one side of a join and returns what stands in its place. out is where a predicate
// filters the entry.
func (p *pass) fromItem(n *pg.Node, sc *scope, out *sink) *pg.Node {
	if p.denial != nil {
		return n
	}
	switch v := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return p.rangeVar(v.RangeVar, n, sc, out)
	case *pg.Node_JoinExpr:
		p.join(v.JoinExpr, sc, out)
	case *pg.Node_RangeSubselect:
		p.rangeSubselect(v.RangeSubselect, sc)
	case *pg.Node_RangeFunction:
		return p.rangeFunction(v.RangeFunction, n, sc)
	case *pg.Node_RangeTableSample:
		return p.tableSample(v.RangeTableSample, n, sc, out)
	case *pg.Node_RangeTableFunc:
		p.rangeTableFunc(v.RangeTableFunc, sc)
	default:
		p.deny(stateFeature, ruleClause, nodeName(n)+" in FROM is not supported", "")
	}
	return n
}

// rangeVar resolves a name in FROM: a common table expression, a view to be expanded, or a relation to be constrained.
func (p *pass) rangeVar(rv *pg.RangeVar, n *pg.Node, sc *scope, out *sink) *pg.Node {
	if rv.Schemaname == "" && rv.Catalogname == "" {
		if c := sc.ctes.find(rv.Relname); c != nil {
			it := &item{name: rv.Relname, columns: c.columns, barrier: c.barrier}
			if rv.Alias != nil {
				it.name, it.columns = rv.Alias.Aliasname, renamed(c.columns, rv.Alias.Colnames)
			}
			p.add(sc, it)
			return n
		}
	}
	rel := p.relation(rv)
	if rel == nil {
		return n
	}
	if catalog.IsSystem(rel.Schema) {
		return p.systemRelation(rv, n, rel, sc)
	}
	t := p.table(rel)
	if t == nil || t.Scope == policy.ScopeDenied {
		p.denyRelation(rv, rel, t)
		return n
	}
	if p.taintedColumn(rv, rel) {
		return n
	}
	if !omitted("schema of a relation") {
		rv.Catalogname, rv.Schemaname = "", rel.Schema
	}
	it := &item{name: rv.Relname, ref: []string{rel.Schema, rel.Name}, schema: rel.Schema, columns: p.visible(t)}
	if rv.Alias != nil {
		it.name, it.ref, it.schema = rv.Alias.Aliasname, []string{rv.Alias.Aliasname}, ""
		it.columns = renamed(it.columns, rv.Alias.Colnames)
	}
	defer func() { p.add(sc, it) }()
	switch rel.Kind {
	case catalog.Table, catalog.PartitionedTable, catalog.ForeignTable, catalog.MaterializedView:
	case catalog.View:
		p.note(t, it.name, nil, "expanded from its definition")
		before := p.globals
		n := p.view(rv, t, it)
		it.shared = p.globals > before
		return n
	default:
		p.denyAt(rv.Location, stateWrongKind, ruleRelationKind, `"`+rel.Name+`" cannot be read like a table`, "")
		return n
	}
	switch t.Scope {
	case policy.ScopeGlobal:
		it.shared = true
		p.globals++
		if p.hidesMarked(t) {
			return p.constrain(rv, n, t, it, sc, out)
		}
		it.global = true
		p.note(t, it.name, nil, "global: every tenant reads it")
		return n
	case policy.ScopeMixed:
		n := p.constrain(rv, n, t, it, sc, out)
		if !it.locked {
			it.shared = true
			p.globals++
		}
		return n
	case policy.ScopeTenant:
		return p.constrain(rv, n, t, it, sc, out)
	case policy.ScopeTemporary:
		it.global = true
		p.note(t, it.name, nil, "temporary: the session's own")
		return n
	default:
		p.denyRelation(rv, rel, t)
		return n
	}
}

// constrain puts the predicate of a relation where it filters the relation: beside it when it can, else around it.
func (p *pass) constrain(rv *pg.RangeVar, n *pg.Node, t *policy.BoundTable, it *item, sc *scope, out *sink) *pg.Node {
	if t.Scope == policy.ScopeTenant { // default rows have none
		p.markTenant(it, t)
	}
	switch {
	case rv.Alias != nil && len(rv.Alias.Colnames) > 0:
		return p.wrap(rv, t, it, "sub-select: a column alias list")
	case sc.grouped[t.Column]:
		return p.wrap(rv, t, it, "sub-select: grouping sets over the tenant column")
	case out == wrapped:
		return p.wrap(rv, t, it, "sub-select: no condition within reach filters it")
	case p.mustWrap(t, it, sc):
		return p.wrap(rv, t, it, "sub-select: it hides the tenant column")
	}
	if p.hidesColumn(t) {
		it.hidden = t.HiddenColumn()
	}
	it.table = t
	// Row locks are for who will write the rows: as with row security, they are taken of rows that may be written, and no others are read.
	it.locked = t.Scope == policy.ScopeMixed && out.place == inWhere && sc.locks(it.name) && !(p.role != nil && p.role.WriteGlobal)
	if !omitted(out.place) {
		out.preds = append(out.preds, p.guardPredicate(it, false))
	}
	a := reading
	if it.locked {
		a = writing
	}
	p.noteAccess(t, it.name, it.ref, out.place, a)
	return n
}

// add makes an item visible in its level, where names are unique but for relations of different schemas without an alias.
func (p *pass) add(sc *scope, it *item) {
	for _, other := range sc.items[sc.base:] {
		if other.name == it.name && it.name != "" && (it.schema == "" || other.schema == "" || it.schema == other.schema) {
			p.deny("42712", ruleClause, `table name "`+it.name+`" specified more than once`, "")
			return
		}
	}
	sc.items = append(sc.items, it)
}

func (p *pass) wrap(rv *pg.RangeVar, t *policy.BoundTable, it *item, place string) *pg.Node {
	n, sel := p.sub(rv, t)
	it.ref, it.schema, it.within = []string{it.name}, "", it.schema
	it.barrier = func() { addBarrier(sel) }
	if rv.Alias == nil || len(rv.Alias.Colnames) == 0 {
		it.wrapped = t
	}
	p.note(t, it.name, []string{rv.Schemaname, rv.Relname}, place)
	return n
}

// addBarrier keeps the planner from pushing conditions of the level above into the sub-select (OFFSET 0 is honoured as an
// optimization fence by every supported version).
func addBarrier(s *pg.SelectStmt) {
	if s.LimitOffset == nil && s.LimitCount == nil && !omitted("barrier") {
		s.LimitOffset = pg.MakeAConstIntNode(0, -1)
		s.LimitOption = pg.LimitOption_LIMIT_OPTION_COUNT
	}
}

// join rewrites both sides of a join. The predicate of a side goes where it filters that side and nothing else:
//
//	inner, cross: wherever a predicate of the whole join goes
//	left, right:  the preserved side as for inner; the nullable side into this join's ON
//	full:         nowhere; ON filters nothing, WHERE would drop the NULL-extended rows
//
// A join with an alias hides its sides from WHERE; USING and NATURAL have no ON to add to. There the relation is wrapped.
func (p *pass) join(j *pg.JoinExpr, sc *scope, out *sink) {
	on := &sink{}
	own := on
	if j.IsNatural || len(j.UsingClause) > 0 {
		own = wrapped
		p.implied(-1, "=")
	}
	if j.Alias != nil || j.Jointype == pg.JoinType_JOIN_FULL || out == wrapped {
		out, own = wrapped, wrapped
	}
	first, base := len(sc.items), sc.base
	if j.Alias != nil {
		sc.base = first
	}
	left, right := out, out
	switch j.Jointype {
	case pg.JoinType_JOIN_INNER, pg.JoinType_JOIN_FULL:
	case pg.JoinType_JOIN_LEFT:
		right, on.place = own, "ON of the left join: its nullable side"
	case pg.JoinType_JOIN_RIGHT:
		left, on.place = own, "ON of the right join: its nullable side"
	default:
		p.deny(stateFeature, ruleClause, j.Jointype.String()+" is not supported", "")
		return
	}
	j.Larg = p.fromItem(j.Larg, sc, left)
	second := len(sc.items)
	j.Rarg = p.fromItem(j.Rarg, sc, right)
	p.joinNames(j, sc, first, second)
	if j.Quals != nil {
		inner := &scope{parent: sc.parent, ctes: sc.ctes, items: sc.items[first:]}
		p.expr(j.Quals, inner)
		switch {
		case p.denial != nil:
		case j.Jointype == pg.JoinType_JOIN_FULL:
			j.Quals = p.guardFull(j.Quals, inner)
		default:
			j.Quals = p.guard(j.Quals, inner)
		}
	}
	j.Quals = and(on.preds, j.Quals)
	if p.denial == nil {
		extend(j.Jointype, sc.items[first:second], sc.items[second:])
	}
	sc.base = base
	if j.Alias != nil { // its sides cannot be named any more
		sides := sc.items[first:]
		it := &item{name: j.Alias.Aliasname, barrier: sidesBarrier(sides)}
		it.columns = renamed(joinedColumns(sides), j.Alias.Colnames)
		if len(j.Alias.Colnames) == 0 {
			it.joined = sides
		}
		it.shared = slices.ContainsFunc(sides, func(side *item) bool { return side.shared })
		it.nullable = slices.ContainsFunc(sides, func(side *item) bool { return side.nullable })
		sc.items = sc.items[:first:first]
		p.add(sc, it)
	}
}

// extend marks the items that a join can extend with NULLs, for the conditions above it: in its own ON they are not yet.
func extend(join pg.JoinType, left, right []*item) {
	var sides []*item
	switch join {
	case pg.JoinType_JOIN_LEFT:
		sides = right
	case pg.JoinType_JOIN_RIGHT:
		sides = left
	case pg.JoinType_JOIN_FULL:
		sides = slices.Concat(left, right)
	}
	for _, it := range sides {
		it.nullable = true
	}
}

// joinedColumns are the columns of a join's sides in order; nil when they cannot be told.
func joinedColumns(sides []*item) []column {
	out := []column{}
	for _, it := range sides {
		if it.columns == nil || it.merged {
			return nil
		}
		out = append(out, it.shown()...)
	}
	return out
}

// joinNames marks the items whose columns a join merges, and adds the alias of JOIN ... USING (...) AS alias.
func (p *pass) joinNames(j *pg.JoinExpr, sc *scope, first, second int) {
	if j.IsNatural || len(j.UsingClause) > 0 {
		p.mergesRows(j.UsingClause, sc.items[first:second], sc.items[second:])
		p.mergesCollations(j.UsingClause, sc.items[first:second], sc.items[second:])
		for _, it := range sc.items[first:] {
			it.merged = true
		}
	}
	if j.JoinUsingAlias != nil {
		p.add(sc, &item{name: j.JoinUsingAlias.Aliasname, merged: true, joined: slices.Clone(sc.items[first:]), barrier: sidesBarrier(sc.items[first:])})
	}
}

// sidesBarrier is the barrier of a name that stands for several items; nil when one of them can have none.
func sidesBarrier(items []*item) func() {
	for _, it := range items {
		if it.barrier == nil && !it.global {
			return nil
		}
	}
	sides := append([]*item(nil), items...)
	return func() {
		for _, it := range sides {
			if it.barrier != nil {
				it.barrier()
			}
		}
	}
}

func (p *pass) rangeSubselect(r *pg.RangeSubselect, sc *scope) {
	sel := r.Subquery.GetSelectStmt()
	if sel == nil {
		p.deny(stateFeature, ruleClause, "a sub-select in FROM must be a SELECT", "")
		return
	}
	parent := sc.parent
	if r.Lateral {
		parent = sc
	}
	it := &item{barrier: func() { addBarrier(sel) }}
	before := p.globals
	it.columns = p.selectStmt(sel, sc.ctes, parent)
	it.shared = p.globals > before
	if r.Alias != nil {
		it.name = r.Alias.Aliasname
		it.columns = renamed(it.columns, r.Alias.Colnames)
	}
	p.add(sc, it)
}

// rangeFunction rewrites functions in FROM, which see the items before them. It returns what stands in their place.
func (p *pass) rangeFunction(r *pg.RangeFunction, n *pg.Node, sc *scope) *pg.Node {
	p.unnestMany(r)
	name, out := "", n
	for _, f := range r.Functions {
		l := f.GetList()
		if l == nil || len(l.Items) == 0 || len(l.Items) > 2 {
			p.deny(stateFeature, ruleClause, "a function in FROM is not understood", "")
			return n
		}
		if p.isTypeof(l.Items[0].GetFuncCall()) {
			p.deny(stateFeature, ruleClause, "pg_typeof in FROM is not supported", "Call it in the list of SELECT.")
			return n
		}
		if f := l.Items[0].GetFuncCall(); f != nil {
			p.funcCall(f, sc) // which stays a call
			if rows := p.rowsForm(r, f); rows != nil {
				out = rows
			}
		} else {
			p.expr(l.Items[0], sc)
		}
		p.fenceRows(l.Items[0], sc)
		if len(l.Items) == 2 {
			p.columnDefs(l.Items[1].GetList().GetItems(), sc)
		}
		name = figureName(l.Items[0])
	}
	p.columnDefs(r.Coldeflist, sc)
	it := &item{name: name, global: true}
	if r.Alias != nil {
		it.name = r.Alias.Aliasname
	}
	p.add(sc, it)
	return out
}

func (p *pass) columnDefs(list []*pg.Node, sc *scope) {
	for _, n := range list {
		d := n.GetColumnDef()
		if d == nil {
			if n.GetNode() == nil {
				continue
			}
			p.deny(stateFeature, ruleClause, "a column definition list is not understood", "")
			return
		}
		p.typeName(d.TypeName)
	}
}

func (p *pass) rangeTableFunc(r *pg.RangeTableFunc, sc *scope) {
	p.expr(r.Docexpr, sc)
	p.expr(r.Rowexpr, sc)
	p.exprs(targets(r.Namespaces), sc)
	p.fence(r.Docexpr, sc, nil) // XML is not harmless
	p.fence(r.Rowexpr, sc, nil)
	for _, n := range r.Columns {
		c := n.GetRangeTableFuncCol()
		if c == nil {
			p.deny(stateFeature, ruleClause, nodeName(n)+" is not supported", "")
			return
		}
		p.typeName(c.TypeName)
		p.fence(c.Coldefexpr, sc, nil)
		p.expr(c.Colexpr, sc)
		p.expr(c.Coldefexpr, sc)
	}
	it := &item{name: "xmltable", global: true}
	if r.Alias != nil {
		it.name = r.Alias.Aliasname
	}
	p.add(sc, it)
}

func (p *pass) denyRelation(rv *pg.RangeVar, rel *catalog.Relation, t *policy.BoundTable) {
	hint := "The policy names no scope for it."
	switch {
	case catalog.IsSystem(rel.Schema):
		hint = "The system catalogs are read-only to tenants."
	case t != nil && t.Problem != "":
		hint = "It cannot be confined to a tenant: " + t.Problem + "."
	case t != nil && t.Rule != "":
		hint = "The policy denies it."
	}
	p.denyAt(rv.Location, statePrivilege, ruleRelationDenied, "permission denied for relation "+rel.Schema+"."+rel.Name, hint)
}
