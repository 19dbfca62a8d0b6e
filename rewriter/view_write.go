package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Writing through a view. What Postgres does for a view that is automatically updatable (manual, CREATE VIEW, "Updatable Views") is done here: the statement
// is turned into one on the table below, under the view's name, with the view's condition, and every column of the view becomes the table's
// column behind it. So the table is confined like any target, and the sweep sees a plain statement on a table.
//
// Refused are views with a check option, column defaults, triggers or rules of their own; and columns that are computed.

// through is a view that stands for a table: how an item's columns are called, and what the table calls them.
type through struct {
	view *catalog.Relation
	cols []throughColumn
	base *catalog.Relation
	// inh is whether the table's children belong to it: what the view says. ONLY before a view's name means nothing.
	inh bool
	// levels are the conditions of the view and of those below it.
	levels []viewLevel
}

// throughColumn is a column of a view; base is empty for one that is computed.
type throughColumn struct{ name, base string }

// viewLevel is the condition of one view, and how it names the relation below it.
type viewLevel struct {
	where        *pg.Node
	name, within string
	below        *through
	barrier      bool
}

func (v *through) column(name string) *throughColumn {
	for i := range v.cols {
		if v.cols[i].name == name {
			return &v.cols[i]
		}
	}
	return nil
}

// viewTarget turns the target of a write from a view into the table below it.
func (p *pass) viewTarget(rv *pg.RangeVar, t *policy.BoundTable) (*policy.BoundTable, *item) {
	name, schema := rv.Relname, ""
	if rv.Alias != nil {
		name = rv.Alias.Aliasname
	} else {
		schema = t.Relation.Schema
	}
	p.throughs++
	v := p.lower(rv, t, name)
	if v == nil {
		return nil, nil
	}
	p.note(t, name, nil, "written through: the table below it is the target")
	loc := rv.Location
	rv.Alias, rv.Schemaname, rv.Relname, rv.Location = &pg.Alias{Aliasname: name}, v.base.Schema, v.base.Name, -1
	rv.Inh = v.inh
	table, it := p.target(rv)
	rv.Location = loc
	if table == nil {
		return nil, nil
	}
	it.through, it.within = v, schema
	return table, it
}

// lower goes down from a view to its table. alias is the name of the table in the output.
func (p *pass) lower(rv *pg.RangeVar, t *policy.BoundTable, alias string) *through {
	rel := t.Relation
	if p.inView++; p.inView > maxViewDepth {
		p.deny(stateFeature, ruleViewDefinition, "view "+rel.Name+" is nested too deeply", "")
		return nil
	}
	defer func() { p.inView-- }()
	sel, from := p.updatable(rv, rel)
	if sel == nil {
		return nil
	}
	below := p.cat.Schemas[from.Schemaname].Relations[from.Relname]
	v := &through{view: rel, base: below, inh: from.Inh}
	names := map[string]string{} // of the relation below to the table's
	if below.Kind == catalog.View {
		table := p.bound.Table(below.OID)
		if table == nil || table.Scope == policy.ScopeDenied {
			p.denyRelation(rv, below, table)
			return nil
		}
		inner := p.lower(rv, table, alias)
		if inner == nil {
			return nil
		}
		v.base, v.levels, v.inh = inner.base, inner.levels, inner.inh
		for _, c := range inner.cols {
			names[c.name] = c.base
		}
	} else {
		for _, c := range below.Columns {
			names[c.Name] = c.Name
		}
	}
	level := viewLevel{where: sel.WhereClause, name: from.Relname, within: below.Schema, below: &through{view: below, base: v.base}, barrier: rel.SecurityBarrier}
	if from.Alias != nil {
		level.name, level.within = from.Alias.Aliasname, ""
	}
	for name, base := range names {
		level.below.cols = append(level.below.cols, throughColumn{name, base})
	}
	if mentionsName(sel.WhereClause, alias) {
		p.denyAt(rv.Location, stateFeature, ruleViewWrite, "the condition of the view "+rel.Name+" uses the name "+alias, "Write to the view under another alias.")
		return nil
	}
	v.levels = append(v.levels, level)
	for i, n := range sel.TargetList {
		c := throughColumn{name: rel.Columns[i].Name}
		if ref := n.GetResTarget().GetVal().GetColumnRef(); ref != nil && !isStar(n.GetResTarget().Val) {
			c.base = names[ref.Fields[len(ref.Fields)-1].GetString_().GetSval()]
		}
		if !t.Hidden || c.name != t.HiddenColumn() {
			v.cols = append(v.cols, c)
		}
	}
	return v
}

// updatable reads a view's definition; nil, and a denial, when the view cannot be written through.
func (p *pass) updatable(rv *pg.RangeVar, rel *catalog.Relation) (*pg.SelectStmt, *pg.RangeVar) {
	unsupported := func(why string) (*pg.SelectStmt, *pg.RangeVar) {
		p.denyAt(rv.Location, stateFeature, ruleViewWrite, "writing through the view "+rel.Name+" is not supported: "+why, "Write to the table.")
		return nil, nil
	}
	switch {
	case len(rel.Rules)+len(rel.Triggers) > 0:
		return unsupported("it has rules or triggers")
	case rel.CheckOption:
		return unsupported("it has a check option")
	case slices.ContainsFunc(rel.Columns, func(c catalog.Column) bool { return c.HasDefault }):
		return unsupported("its columns have defaults of their own")
	}
	tree, err := pg.Parse(rel.Definition)
	if err != nil || len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
		return unsupported("its definition cannot be read")
	}
	s := tree.Stmts[0].Stmt.GetSelectStmt()
	forgetLocations(s.ProtoReflect())
	var from *pg.RangeVar
	if len(s.FromClause) == 1 {
		from = s.FromClause[0].GetRangeVar()
	}
	simple := from != nil && len(from.Alias.GetColnames()) == 0 && s.Op == pg.SetOperation_SETOP_NONE && s.WithClause == nil &&
		len(s.DistinctClause)+len(s.GroupClause)+len(s.WindowClause)+len(s.LockingClause)+len(s.ValuesLists) == 0 &&
		s.HavingClause == nil && s.LimitCount == nil && s.LimitOffset == nil && len(s.TargetList) == len(rel.Columns)
	if !simple || slices.ContainsFunc(targets(s.TargetList), p.manyRows) {
		p.denyAt(rv.Location, "55000", ruleViewWrite, `cannot change view "`+rel.Name+`"`,
			"Only views that select from a single table or view, without grouping, set operations, limits or functions over several rows, can be written through.")
		return nil, nil
	}
	schema := p.cat.Schemas[from.Schemaname]
	if schema == nil || schema.Relations[from.Relname] == nil {
		return unsupported("its definition cannot be read")
	}
	return s, from
}

// manyRows tells whether an expression could hold an aggregate, a window function or a function that returns a set.
func (p *pass) manyRows(n *pg.Node) bool {
	found := false
	eachMessage(n.ProtoReflect(), func(m protoreflect.Message) {
		f, ok := m.Interface().(*pg.FuncCall)
		if !ok {
			return
		}
		found = found || f.AggStar || f.AggDistinct || f.AggWithinGroup || f.Over != nil || f.AggFilter != nil
		name := f.Funcname[len(f.Funcname)-1].GetString_().GetSval()
		for _, s := range p.cat.Schemas {
			for _, fn := range s.Functions[name] {
				found = found || fn.Kind != 'f' || fn.ReturnsSet
			}
		}
	})
	return found
}

// mentionsName tells whether a FROM item or common table expression inside a condition goes by the name.
func mentionsName(n *pg.Node, name string) bool {
	found := false
	if n != nil {
		eachMessage(n.ProtoReflect(), func(m protoreflect.Message) {
			switch v := m.Interface().(type) {
			case *pg.RangeVar:
				found = found || v.Relname == name
			case *pg.Alias:
				found = found || v.Aliasname == name
			case *pg.CommonTableExpr:
				found = found || v.Ctename == name
			}
		})
	}
	return found
}

func cloneNode(n *pg.Node) *pg.Node { return proto.Clone(n).(*pg.Node) }

func eachMessage(m protoreflect.Message, visit func(protoreflect.Message)) {
	visit(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				eachMessage(v.List().Get(i).Message(), visit)
			}
		default:
			eachMessage(v.Message(), visit)
		}
		return true
	})
}

// targetCondition is the client's condition of an UPDATE or DELETE, guarded, with the conditions of the views it goes through. They come first, and
// a security barrier's is evaluated before.
func (p *pass) targetCondition(client *pg.Node, it *item, sc *scope) *pg.Node {
	client = p.guard(client, sc)
	if it.through == nil {
		return client
	}
	for i := len(it.through.levels) - 1; i >= 0; i-- {
		l := &it.through.levels[i]
		if l.where == nil || p.denial != nil {
			continue
		}
		where := p.viewCondition(l, it, sc)
		if l.barrier && client != nil {
			client = caseWhen(where, client)
			where = p.viewCondition(l, it, sc)
		}
		client = and([]*pg.Node{where}, client)
	}
	return client
}

// viewCondition is a new copy of a view's condition, over the table.
func (p *pass) viewCondition(l *viewLevel, it *item, sc *scope) *pg.Node {
	where := cloneNode(l.where)
	path := p.path
	p.path, p.inView = nil, p.inView+1
	inner := *it
	inner.name, inner.within, inner.through = l.name, l.within, l.below
	p.expr(where, &scope{items: []*item{&inner}, parent: &scope{items: []*item{it}}})
	p.path, p.inView = path, p.inView-1
	return p.guard(where, sc)
}

// throughColumns replaces the view's columns in a column list, or in a SET list, by the table's.
func (p *pass) throughColumns(list []*pg.Node, it *item, verb string, set bool) {
	if it.through == nil {
		return
	}
	for _, n := range list {
		r := n.GetResTarget()
		if r == nil {
			continue
		}
		c := it.through.column(r.Name)
		switch view := it.through.view.Name; {
		case c == nil:
			p.denyAt(r.Location, stateUndefinedColumn, ruleViewWrite, `column "`+r.Name+`" of relation "`+view+`" does not exist`, "")
			return
		case c.base == "":
			p.denyAt(r.Location, stateFeature, ruleViewWrite, "cannot "+verb+` column "`+r.Name+`" of view "`+view+`"`, "View columns that are not columns of their base relation are not updatable.")
			return
		}
		r.Name = c.base
		if !set {
			continue
		}
		if r.Val.GetSetToDefault() != nil { // the view's default, which is none
			r.Val = &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}
		}
		if m := r.Val.GetMultiAssignRef(); m != nil && slices.ContainsFunc(m.Source.GetRowExpr().GetArgs(), func(a *pg.Node) bool { return a.GetSetToDefault() != nil }) {
			p.deny(stateFeature, ruleViewWrite, "DEFAULT in a row is not supported when writing through a view", "Set the columns one by one.")
			return
		}
	}
}

// insertThrough names the columns of an INSERT without a list.
func (p *pass) insertThrough(s *pg.InsertStmt, width int, it *item) {
	if it.through == nil || p.denial != nil {
		return
	}
	if c := s.OnConflictClause; c != nil && c.Action == pg.OnConflictAction_ONCONFLICT_UPDATE &&
		slices.ContainsFunc(it.through.levels, func(l viewLevel) bool { return l.where != nil }) {
		// Postgres has an error of its own for a row that the view does not show.
		p.deny(stateFeature, ruleViewWrite, "ON CONFLICT DO UPDATE through a view with a condition is not supported", "Write to the table.")
		return
	}
	if len(s.Cols) == 0 && s.SelectStmt != nil {
		if width < 0 {
			p.deny(stateFeature, ruleInsertColumns, "how many columns this INSERT gives cannot be told", "Name the columns after the view.")
			return
		}
		if width > len(it.through.cols) {
			p.deny(stateSyntax, ruleInsertColumns, "INSERT has more expressions than target columns", "")
			return
		}
		for _, c := range it.through.cols[:width] {
			s.Cols = append(s.Cols, resTarget(c.name, nil))
		}
	}
	p.throughColumns(s.Cols, it, "insert into", false)
	if p.denial != nil {
		return
	}
	for _, n := range s.OnConflictClause.GetInfer().GetIndexElems() {
		e := n.GetIndexElem()
		if e.GetName() == "" {
			continue
		}
		c := it.through.column(e.Name)
		if c == nil || c.base == "" {
			p.deny(stateUndefinedColumn, ruleViewWrite, `column "`+e.Name+`" does not exist`, "")
			return
		}
		e.Name = c.base
	}
	p.throughColumns(s.OnConflictClause.GetTargetList(), it, "update", true)
}

// throughReference replaces a reference to a column of a view that is written through by the table's column; true when it did, or denied.
func (p *pass) throughReference(n *pg.Node, c *pg.ColumnRef, sc *scope) bool {
	if p.throughs == 0 {
		return false
	}
	last := c.Fields[len(c.Fields)-1]
	name := last.GetString_().GetSval()
	if len(c.Fields) == 1 {
		return last.GetAStar() == nil && p.throughName(n, c, name, sc)
	}
	schema, table := "", c.Fields[len(c.Fields)-2].GetString_().GetSval()
	if len(c.Fields) > 2 {
		schema = c.Fields[len(c.Fields)-3].GetString_().GetSval()
	}
	it := sc.find(schema, table)
	switch {
	case it == nil || it.through == nil:
		return false
	case last.GetAStar() != nil:
		p.throughRow(n, c, it)
	case it.through.column(name) == nil:
		p.denyAt(c.Location, stateUndefinedColumn, ruleViewWrite, "column "+table+"."+name+" does not exist", "")
	default:
		p.toBase(c, it, name, sc)
	}
	return true
}

// throughName looks at a name that stands alone, level by level as Postgres would if it saw the view.
func (p *pass) throughName(n *pg.Node, c *pg.ColumnRef, name string, sc *scope) bool {
	for s := sc; s != nil; s = s.parent {
		var owners []*item
		views, conceals := false, false
		for _, it := range s.items {
			switch {
			case it.through == nil:
				if it.columns == nil || it.column(name) != nil {
					owners = append(owners, it)
				}
			case it.through.column(name) != nil:
				owners, views = append(owners, it), true
			default:
				conceals = conceals || it.through.base.Column(name) != nil || systemColumn(name)
			}
		}
		switch {
		case len(owners) == 0 && !conceals:
			continue
		case !views && !conceals:
			return false
		case len(owners) == 0 || len(owners) == 1 && owners[0].columns == nil && !views:
			p.denyAt(c.Location, stateUndefinedColumn, ruleViewWrite, `column "`+name+`" does not exist`, "")
			return true
		case len(owners) > 1:
			p.denyAt(c.Location, "42702", ruleViewWrite, `column reference "`+name+`" is ambiguous`, "")
			return true
		case views:
			p.toBase(c, owners[0], name, sc)
			return true
		}
		p.qualify(c, owners[0], sc)
		return false
	}
	if it := sc.find("", name); it != nil && it.through != nil {
		p.throughRow(n, c, it)
		return true
	}
	return false
}

// toBase makes a reference to a view's column one to the table's.
func (p *pass) toBase(c *pg.ColumnRef, it *item, name string, sc *scope) {
	base := it.through.column(name).base
	if base == "" {
		p.denyAt(c.Location, stateFeature, ruleViewWrite, `column "`+name+`" of view "`+it.through.view.Name+`" is computed, which is not supported when writing through the view`, "Write to the table.")
		return
	}
	alone := len(c.Fields) == 1
	c.Fields = []*pg.Node{pg.MakeStrNode(base)}
	if !alone || !sc.plain {
		p.qualify(c, it, sc)
	}
}

// throughRow makes a reference to a row of the view one of its columns.
func (p *pass) throughRow(n *pg.Node, c *pg.ColumnRef, it *item) {
	if p.listable(it, c.Location) {
		n.Node = it.wholeRow()
	}
}

// listable tells whether all columns of an item can be written as a list; else it denies.
func (p *pass) listable(it *item, loc int32) bool {
	if it.through != nil && slices.ContainsFunc(it.through.cols, func(c throughColumn) bool { return c.base == "" }) {
		p.denyAt(loc, stateFeature, ruleViewWrite, `columns of view "`+it.through.view.Name+`" are computed, which is not supported when writing through the view`, "Name the columns.")
		return false
	}
	return true
}

// qualify puts the item's name before a bare column, unless an inner level has the name too.
func (p *pass) qualify(c *pg.ColumnRef, it *item, sc *scope) {
	inner := false
	for s := sc; s != nil && !inner && !slices.Contains(s.items, it); s = s.parent {
		inner = slices.ContainsFunc(s.items, func(o *item) bool { return o.name == it.name })
	}
	if inner {
		name := c.Fields[len(c.Fields)-1].GetString_().GetSval()
		p.denyAt(c.Location, stateFeature, ruleViewWrite, `"`+name+`" is a column of an outer `+it.name+", and an inner one has the same name", "Give one of them another alias.")
		return
	}
	c.Fields = append(it.fields(), c.Fields...)
}
