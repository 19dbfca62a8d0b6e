package rewriter

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// selectStmt rewrites a SELECT, VALUES or TABLE with everything in it, and returns its output columns; nil when they cannot be told.
func (p *pass) selectStmt(s *pg.SelectStmt, ctes *cteEnv, parent *scope) []column {
	if p.denial != nil {
		return nil
	}
	if p.depth++; p.depth > maxDepth {
		p.deny(stateComplex, ruleExpression, "query is nested too deeply", "")
		return nil
	}
	defer func() { p.depth-- }()
	if s.IntoClause != nil {
		p.deny(stateSyntax, ruleStatementKind, "SELECT ... INTO is not allowed here", "")
		return nil
	}
	ctes = p.with(s.WithClause, ctes, parent)
	sc := &scope{parent: parent, ctes: ctes}
	var cols []column
	switch {
	case s.Op == pg.SetOperation_SETOP_UNION, s.Op == pg.SetOperation_SETOP_INTERSECT, s.Op == pg.SetOperation_SETOP_EXCEPT:
		cols = merge(p.selectStmt(s.Larg, ctes, parent), p.selectStmt(s.Rarg, ctes, parent))
	case s.Op != pg.SetOperation_SETOP_NONE:
		p.deny(stateFeature, ruleClause, fmt.Sprintf("%s is not supported", s.Op), "")
	case len(s.ValuesLists) > 0:
		for _, row := range s.ValuesLists {
			p.exprs(row.GetList().GetItems(), sc)
			p.fences(row.GetList().GetItems(), sc)
		}
		cols = p.valuesColumns(s.ValuesLists, sc)
	default:
		cols = p.selectCore(s, sc)
	}
	p.exprs(s.SortClause, sc)
	p.expr(s.LimitCount, sc)
	p.expr(s.LimitOffset, sc)
	p.fences(append([]*pg.Node{s.LimitCount, s.LimitOffset}, s.SortClause...), sc)
	for _, l := range s.LockingClause {
		p.locking(l.GetLockingClause(), sc)
	}
	return cols
}

// selectCore rewrites FROM, WHERE, the select list, GROUP BY, HAVING and WINDOW.
func (p *pass) selectCore(s *pg.SelectStmt, sc *scope) []column {
	where := &sink{place: inWhere}
	sc.grouped, sc.locking = groupingSetColumns(s.GroupClause), s.LockingClause
	sc.wrapHidden = p.hides && starNeedsWrap(s.TargetList, s.FromClause)
	p.levels[s] = sc
	p.from(s.FromClause, sc, where)
	if sc.grouped != nil {
		// Servers before 18 take a column that is compared with a constant for that constant, also where grouping sets make it NULL.
		for _, it := range sc.items {
			if it.barrier != nil {
				it.barrier()
			}
		}
	}
	p.expr(s.WhereClause, sc)
	sc.chosen = len(s.GroupClause) > 0 || s.HavingClause != nil
	s.TargetList = p.expandStars(s.TargetList, sc)
	restore := p.keepNames(s.TargetList)
	p.exprs(targets(s.TargetList), sc)
	restore()
	for _, d := range s.DistinctClause {
		if d.GetNode() != nil { // a plain DISTINCT is one empty node
			p.expr(d, sc)
		}
	}
	p.exprs(s.GroupClause, sc)
	p.expr(s.HavingClause, sc)
	for _, w := range s.WindowClause {
		p.window(w.GetWindowDef(), sc)
	}
	if p.denial != nil {
		return nil
	}
	p.fences(slices.Concat(targets(s.TargetList), s.GroupClause, s.DistinctClause, s.WindowClause), sc)
	s.GroupClause = p.groupByKey(s.GroupClause, sc)
	s.WhereClause = p.guard(s.WhereClause, sc)
	s.HavingClause = p.guardHaving(s.HavingClause, sc)
	s.WhereClause = and(where.preds, s.WhereClause)
	return p.outputColumns(s.TargetList, sc)
}

// groupingSetColumns names the columns inside ROLLUP, CUBE and GROUPING SETS.
func groupingSetColumns(group []*pg.Node) map[string]bool {
	var names map[string]bool
	for _, g := range group {
		if g.GetGroupingSet() == nil {
			continue
		}
		for _, c := range columnRefs(g) {
			if names == nil {
				names = map[string]bool{}
			}
			names[c.Fields[len(c.Fields)-1].GetString_().GetSval()] = true
		}
	}
	return names
}

func targets(list []*pg.Node) []*pg.Node {
	out := make([]*pg.Node, 0, len(list))
	for _, n := range list {
		out = append(out, n.GetResTarget().GetVal())
	}
	return out
}

// with rewrites the common table expressions of a WITH clause and returns the environment in which they can be named.
// Without RECURSIVE each sees those before it; with RECURSIVE all see all.
func (p *pass) with(w *pg.WithClause, outer *cteEnv, parent *scope) *cteEnv {
	if w == nil {
		return outer
	}
	env := outer
	entries := make([]*cteEnv, len(w.Ctes))
	for i, n := range w.Ctes {
		c := n.GetCommonTableExpr()
		if c == nil {
			p.deny(stateFeature, ruleClause, "a WITH clause holds something unknown", "")
			return outer
		}
		entries[i] = &cteEnv{name: c.Ctename, barrier: func() { c.Ctematerialized = pg.CTEMaterialize_CTEMaterializeAlways }}
		if w.Recursive {
			entries[i].outer = env
			env = entries[i]
		}
	}
	for i, n := range w.Ctes {
		c := n.GetCommonTableExpr()
		cols := p.cte(c, env, parent)
		if c.SearchClause != nil || c.CycleClause != nil {
			cols = nil // they add columns
		}
		entries[i].columns = renamed(cols, c.Aliascolnames)
		if !w.Recursive {
			entries[i].outer = env
			env = entries[i]
		}
	}
	return env
}

func (p *pass) cte(c *pg.CommonTableExpr, env *cteEnv, parent *scope) []column {
	if cy := c.CycleClause; cy != nil {
		p.expr(cy.CycleMarkValue, &scope{parent: parent, ctes: env})
		p.expr(cy.CycleMarkDefault, &scope{parent: parent, ctes: env})
	}
	switch q := c.Ctequery.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return p.selectStmt(q.SelectStmt, env, parent)
	case *pg.Node_InsertStmt:
		return p.insert(q.InsertStmt, env, parent)
	case *pg.Node_UpdateStmt:
		return p.update(q.UpdateStmt, env, parent)
	case *pg.Node_DeleteStmt:
		return p.deletion(c.Ctequery, env, parent)
	default:
		p.deny(stateFeature, ruleStatementKind, nodeName(c.Ctequery)+" in WITH is not supported", "")
		return nil
	}
}

// lockTag names a SELECT with a locking clause as Postgres does (src/backend/tcop/utility.c, CreateCommandTag).
func lockTag(s *pg.SelectStmt) string {
	if len(s.LockingClause) == 0 {
		return ""
	}
	switch s.LockingClause[0].GetLockingClause().GetStrength() {
	case pg.LockClauseStrength_LCS_FORKEYSHARE:
		return "SELECT FOR KEY SHARE"
	case pg.LockClauseStrength_LCS_FORSHARE:
		return "SELECT FOR SHARE"
	case pg.LockClauseStrength_LCS_FORNOKEYUPDATE:
		return "SELECT FOR NO KEY UPDATE"
	case pg.LockClauseStrength_LCS_FORUPDATE:
		return "SELECT FOR UPDATE"
	}
	return ""
}

// locking checks FOR UPDATE and its kin. Tenants may not hold each other up over shared reference data.
func (p *pass) locking(l *pg.LockingClause, sc *scope) {
	switch l.GetStrength() {
	case pg.LockClauseStrength_LCS_FORKEYSHARE, pg.LockClauseStrength_LCS_FORSHARE,
		pg.LockClauseStrength_LCS_FORNOKEYUPDATE, pg.LockClauseStrength_LCS_FORUPDATE:
	default:
		p.deny(stateFeature, ruleClause, "this locking clause is not supported", "")
		return
	}
	if p.role != nil && p.role.ReadOnly {
		p.deny(statePrivilege, ruleReadOnly, "the role is read-only: row locks are refused", "")
		return
	}
	named := map[string]bool{}
	for _, n := range l.LockedRels {
		rv := n.GetRangeVar()
		if rv == nil || rv.Schemaname != "" || rv.Catalogname != "" {
			p.deny(stateSyntax, ruleClause, "FOR UPDATE must specify unqualified relation names", "")
			return
		}
		named[rv.Relname] = true
	}
	for _, it := range sc.items {
		if it.shared && (len(named) == 0 || named[it.name]) && (it.catalog || !(p.role != nil && p.role.WriteGlobal)) {
			p.deny(statePrivilege, ruleLockGlobal, "rows of "+it.name+" are shared by all tenants and may not be locked",
				"Name the relations to lock: FOR UPDATE OF ...")
			return
		}
	}
}

// locks tells whether the level's locking clauses, one of which may name what they lock, lock the rows of an item.
func (s *scope) locks(name string) bool {
	return slices.ContainsFunc(s.locking, func(n *pg.Node) bool {
		rels := n.GetLockingClause().GetLockedRels()
		return len(rels) == 0 || slices.ContainsFunc(rels, func(r *pg.Node) bool { return r.GetRangeVar().GetRelname() == name })
	})
}

// outputColumns names a select list's columns as later levels can refer to them; nil when a `*` cannot be told.
func (p *pass) outputColumns(list []*pg.Node, sc *scope) []column {
	out := make([]column, 0, len(list))
	for _, n := range list {
		r := n.GetResTarget()
		if star := r.GetVal().GetColumnRef(); star != nil && star.Fields[len(star.Fields)-1].GetAStar() != nil {
			cols := starColumns(star, sc)
			if cols == nil {
				return nil
			}
			out = append(out, cols...)
			continue
		}
		if ind := r.GetVal().GetAIndirection(); ind != nil && len(ind.Indirection) > 0 && ind.Indirection[len(ind.Indirection)-1].GetAStar() != nil {
			return nil
		}
		name := r.GetName()
		if name == "" {
			name = figureName(r.GetVal())
		}
		out = append(out, p.computed(name, r.GetVal(), sc))
	}
	return out
}

func starColumns(star *pg.ColumnRef, sc *scope) []column {
	if len(star.Fields) == 1 {
		out := []column{}
		for _, it := range sc.items {
			if it.columns == nil || it.merged {
				return nil
			}
			out = append(out, it.shown()...)
		}
		return out
	}
	var schema string
	if len(star.Fields) == 3 {
		schema = star.Fields[0].GetString_().GetSval()
	}
	it := sc.find(schema, star.Fields[len(star.Fields)-2].GetString_().GetSval())
	if it == nil {
		return nil
	}
	return it.shown()
}

// merge returns the columns of a set operation: the left arm's names, the worse of both weights.
func merge(l, r []column) []column {
	if l == nil || r == nil || len(l) != len(r) {
		return nil
	}
	out := append([]column(nil), l...)
	for i := range out {
		if out[i].typ != r[i].typ {
			out[i].typ = 0
		}
		out[i].unharmless = l[i].unharmless || r[i].unharmless
		out[i].folding = l[i].folding || r[i].folding
		var clash bool
		out[i].collation, clash = joinCollations(l[i].collation, r[i].collation)
		out[i].unharmless = out[i].unharmless || clash
		out[i].tried = l[i].tried || r[i].tried
		out[i].late = l[i].late || r[i].late
		out[i].tenant = l[i].tenant && r[i].tenant
		out[i].calls = min(l[i].calls, r[i].calls)
	}
	return out
}

// typeOf returns the type oid of an expression where it is plain to see, else 0.
func (p *pass) typeOf(n *pg.Node, sc *scope) uint32 {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		col, owners := p.resolve(v.ColumnRef, sc)
		if col == nil && len(owners) > 1 {
			col = owners[0].column(v.ColumnRef.Fields[len(v.ColumnRef.Fields)-1].GetString_().GetSval())
		}
		if col != nil {
			return col.typ
		}
	case *pg.Node_TypeCast:
		return p.typeNameOID(v.TypeCast.TypeName)
	case *pg.Node_AConst:
		switch v.AConst.Val.(type) {
		case *pg.A_Const_Ival:
			return oidInt4
		case *pg.A_Const_Sval:
			return oidText
		}
	case *pg.Node_BoolExpr, *pg.Node_NullTest, *pg.Node_BooleanTest:
		return oidBool
	case *pg.Node_FuncCall:
		return p.returnType(v.FuncCall)
	}
	return 0
}

// returnType is the type of a built-in call all of whose overloads return the same; else 0.
func (p *pass) returnType(f *pg.FuncCall) uint32 {
	if len(f.Funcname) != 2 || f.Funcname[0].GetString_().GetSval() != "pg_catalog" {
		return 0
	}
	var typ uint32
	for _, o := range p.cat.Schemas["pg_catalog"].Functions[f.Funcname[1].GetString_().GetSval()] {
		if !takes(o, len(f.Args)) && !f.AggStar {
			continue
		}
		if typ != 0 && typ != o.Return || o.ReturnsSet {
			return 0
		}
		typ = o.Return
	}
	return typ
}

// typeNameOID is the oid of a built-in type that is not an array; else 0.
func (p *pass) typeNameOID(t *pg.TypeName) uint32 {
	if t == nil || len(t.ArrayBounds) > 0 || len(t.Names) == 0 {
		return 0
	}
	if len(t.Names) == 2 && t.Names[0].GetString_().GetSval() != "pg_catalog" {
		return 0
	}
	if typ := p.cat.Schemas["pg_catalog"].Types[t.Names[len(t.Names)-1].GetString_().GetSval()]; typ != nil {
		return typ.OID
	}
	return 0
}

// resolve finds the column that a reference names and the items that it may belong to.
func (p *pass) resolve(c *pg.ColumnRef, sc *scope) (*column, []*item) {
	name := c.Fields[len(c.Fields)-1].GetString_().GetSval()
	if len(c.Fields) == 1 {
		owners := sc.owners(name)
		if len(owners) == 1 {
			return owners[0].column(name), owners
		}
		if owners == nil { // a whole row
			if it := sc.find("", name); it != nil {
				return nil, []*item{it}
			}
		}
		return nil, owners
	}
	var schema string
	if len(c.Fields) > 2 {
		schema = c.Fields[len(c.Fields)-3].GetString_().GetSval()
	}
	it := sc.find(schema, c.Fields[len(c.Fields)-2].GetString_().GetSval())
	switch {
	case it == nil:
		return nil, nil
	case it.merged && len(it.joined) > 0: // the alias of JOIN ... USING: a column of both sides, as without the alias
		return nil, it.sidesWith(name)
	}
	return it.column(name), []*item{it}
}

// sidesWith are the items below a join's alias that may have a column; the item itself when none is known to.
func (it *item) sidesWith(name string) []*item {
	var found []*item
	for _, side := range it.joined {
		switch {
		case side.merged && len(side.joined) > 0: // of a join below, whose sides are among these
		case side.columns == nil || side.column(name) != nil:
			found = append(found, side)
		}
	}
	if len(found) == 0 {
		return []*item{it}
	}
	return found
}

// valuesColumns are the columns of a VALUES list: a column's type is known when its rows agree.
func (p *pass) valuesColumns(rows []*pg.Node, sc *scope) []column {
	var out []column
	for n, row := range rows {
		items := row.GetList().GetItems()
		if n == 0 {
			out = make([]column, len(items))
		}
		for i := range min(len(items), len(out)) {
			c := p.computed(fmt.Sprintf("column%d", i+1), items[i], sc)
			c.folding, c.tried, c.late = c.folding || out[i].folding, c.tried || out[i].tried, c.late || out[i].late
			var clash bool
			c.collation, clash = joinCollations(c.collation, out[i].collation)
			c.unharmless = c.unharmless || clash
			if n > 0 && (c.typ != out[i].typ || out[i].unharmless) {
				c.typ, c.unharmless = 0, out[i].unharmless || c.unharmless
			}
			out[i] = c
		}
	}
	return out
}

// groupByKey keeps grouping by primary key working for a wrapped relation: Postgres lets the other columns be used when it sees the key, which it
// does not through a sub-select. Adding those columns to GROUP BY gives the same groups.
func (p *pass) groupByKey(group []*pg.Node, sc *scope) []*pg.Node {
	out := group
	for _, it := range sc.items {
		if it.wrapped == nil && it.hidden == "" || it.merged && len(it.columns) == 0 {
			continue
		}
		grouped := map[string]bool{}
		for _, g := range group {
			c := g.GetColumnRef()
			if c == nil {
				if g.GetGroupingSet() != nil {
					return group
				}
				continue
			}
			if _, owners := p.resolve(c, sc); len(owners) == 1 && owners[0] == it {
				grouped[c.Fields[len(c.Fields)-1].GetString_().GetSval()] = true
			}
		}
		if it.hidden != "" {
			if c := p.groupByHiddenKey(it, grouped); c != nil {
				out = append(out, c)
			}
			continue
		}
		visible, key := it.wrapped.Relation.Columns, it.wrapped.Relation.PrimaryKey
		if p.hidesColumn(it.wrapped) {
			visible = it.wrapped.VisibleColumns()
			key = slices.DeleteFunc(slices.Clone(key), func(c string) bool { return c == it.wrapped.HiddenColumn() })
		}
		if len(key) == 0 || !containsAll(grouped, key) {
			continue
		}
		for _, c := range visible {
			if !grouped[c.Name] && groupable(c.TypeOID) {
				out = append(out, columnRef([]*pg.Node{pg.MakeStrNode(it.name), pg.MakeStrNode(c.Name)}))
			}
		}
	}
	return out
}

func containsAll(set map[string]bool, names []string) bool {
	for _, n := range names {
		if !set[n] {
			return false
		}
	}
	return true
}

// groupable tells whether values of a built-in type can be grouped: json, xml and the geometric types have no equality.
func groupable(oid uint32) bool {
	switch oid {
	case 114, 142, 199, 143, 600, 601, 602, 603, 604, 628, 718:
		return false
	}
	return true
}
