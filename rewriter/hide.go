package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Hidden tenant columns (hide_column), for applications that were written for one tenant: to the client the column does not exist.
//
// The predicate still stands beside the table, so that the client's conditions keep their indexes, and every `*` over the table becomes a list of the
// columns that are left. Where that is not enough (whole rows, NATURAL, the column's name anywhere in the statement) the table is wrapped into
// a sub-select of those columns, and Postgres itself finds the column missing. What needs it is read off the client's tree beforehand: mentions.
// The target of a write cannot be wrapped: its whole row is a sub-select of its columns, and the column's name is refused here.
//
// The text of a view is not the client's: it sees every column.

const stateUndefinedColumn = "42703"

// mentions are the names in a statement that can mean a hidden column or a whole row.
type mentions struct {
	bare map[string]bool            // names that stand alone, and those of USING
	rows map[string]bool            // t of `t.*` outside of a list of output columns, where it is a whole row
	of   map[string]map[string]bool // names behind a table's
}

// mentioned reads them off a statement before it is rewritten.
func mentioned(n *pg.Node) *mentions {
	m := &mentions{bare: map[string]bool{}, rows: map[string]bool{}, of: map[string]map[string]bool{}}
	m.walk(n.ProtoReflect())
	return m
}

func (m *mentions) walk(msg protoreflect.Message) {
	switch v := msg.Interface().(type) {
	case *pg.ColumnRef:
		m.reference(v)
		return
	case *pg.JoinExpr:
		for _, n := range v.UsingClause {
			m.bare[n.GetString_().GetSval()] = true
		}
	}
	msg.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				child := v.List().Get(i).Message()
				if n, ok := child.Interface().(*pg.Node); ok && outputList(msg, fd) && isStar(n.GetResTarget().GetVal()) && n.GetResTarget().Val.GetColumnRef() != nil {
					continue
				}
				m.walk(child)
			}
		default:
			m.walk(v.Message())
		}
		return true
	})
}

// outputList tells whether a field is a list of output columns, in which a star expands.
func outputList(msg protoreflect.Message, fd protoreflect.FieldDescriptor) bool {
	if fd.Name() == "returning_list" {
		return true
	}
	_, isSelect := msg.Interface().(*pg.SelectStmt)
	return isSelect && fd.Name() == "target_list"
}

func (m *mentions) reference(c *pg.ColumnRef) {
	last := c.Fields[len(c.Fields)-1]
	if len(c.Fields) == 1 {
		m.bare[last.GetString_().GetSval()] = true
		return
	}
	table := c.Fields[len(c.Fields)-2].GetString_().GetSval()
	if last.GetAStar() != nil {
		m.rows[table] = true
		return
	}
	if m.of[table] == nil {
		m.of[table] = map[string]bool{}
	}
	m.of[table][last.GetString_().GetSval()] = true
}

// hides tells whether the client must not see the table's tenant column here.
func (p *pass) hidesColumn(t *policy.BoundTable) bool {
	return t.Hidden && p.inView == 0 && !omitted("hidden column")
}

// visible are the relation's columns as the text at hand sees them.
func (p *pass) visible(t *policy.BoundTable) []column {
	if !p.hidesColumn(t) {
		return relationColumns(t.Relation)
	}
	var cols []column
	for _, c := range t.VisibleColumns() {
		cols = append(cols, column{name: c.Name, typ: c.TypeOID, folding: c.Folding, collation: c.Collation})
	}
	return cols
}

// mustWrap tells whether a table with a hidden column needs a sub-select around it.
func (p *pass) mustWrap(t *policy.BoundTable, it *item, sc *scope) bool {
	if !p.hidesColumn(t) {
		return false
	}
	if p.mentions == nil {
		return true
	}
	known := func(name string) bool { return it.column(name) != nil }
	if sc.wrapHidden || p.mentions.bare[t.HiddenColumn()] || p.mentions.rows[it.name] || p.mentions.bare[it.name] && !known(it.name) {
		return true
	}
	for name := range p.mentions.of[it.name] {
		if !known(name) && !systemColumn(name) {
			return true
		}
	}
	return false
}

// starNeedsWrap tells whether the level's `*` cannot be written as a list of its items: a join merges columns, or an item has no name.
// NATURAL compares the columns that it sees, with or without a star.
func starNeedsWrap(output, from []*pg.Node) bool {
	star := slices.ContainsFunc(output, func(n *pg.Node) bool {
		c := n.GetResTarget().GetVal().GetColumnRef()
		return c != nil && len(c.Fields) == 1 && c.Fields[0].GetAStar() != nil
	})
	return slices.ContainsFunc(from, func(n *pg.Node) bool { return unlistable(n, star) })
}

func unlistable(n *pg.Node, star bool) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return false
	case *pg.Node_RangeSubselect:
		return star && v.RangeSubselect.Alias == nil
	case *pg.Node_RangeFunction:
		return star && v.RangeFunction.Alias == nil
	case *pg.Node_JoinExpr:
		return v.JoinExpr.IsNatural || star && len(v.JoinExpr.UsingClause) > 0 || unlistable(v.JoinExpr.Larg, star) || unlistable(v.JoinExpr.Rarg, star)
	}
	return star
}

// expandStars replaces the stars of an output list that would show a hidden column.
func (p *pass) expandStars(list []*pg.Node, sc *scope) []*pg.Node {
	if (!p.hides || p.inView > 0) && p.throughs == 0 || p.denial != nil {
		return list
	}
	var out []*pg.Node
	for _, n := range list {
		star := n.GetResTarget().GetVal().GetColumnRef()
		if it := sc.rowOf(n.GetResTarget().GetVal().GetAIndirection()); it != nil && it.lists() && p.listable(it, -1) && isStar(n.GetResTarget().GetVal()) {
			out = append(out, it.listed(-1)...) // (t).*
			continue
		}
		if star == nil || star.Fields[len(star.Fields)-1].GetAStar() == nil {
			out = append(out, n)
			continue
		}
		out = append(out, p.expandStar(n, star, sc)...)
	}
	return out
}

// rowOf returns the item whose row stands before the first selection of `(t).x`; nil for other expressions.
func (s *scope) rowOf(a *pg.A_Indirection) *item {
	c := a.GetArg().GetColumnRef()
	if c == nil || len(c.Fields) != 1 || len(a.Indirection) == 0 || s.owners(c.Fields[0].GetString_().GetSval()) != nil {
		return nil
	}
	return s.find("", c.Fields[0].GetString_().GetSval())
}

// fieldOfTarget turns `(t).a` over a write's target into the column: a row without its hidden column is an anonymous record, whose fields
// Postgres does not know. It tells whether it did.
func (p *pass) fieldOfTarget(n *pg.Node, a *pg.A_Indirection, sc *scope) bool {
	it := sc.rowOf(a)
	if it == nil || it.hidden == "" || it.through != nil || a.Indirection[0].GetString_() == nil || it.column(a.Indirection[0].GetString_().Sval) == nil {
		return false
	}
	c := columnRef(append(it.fields(), a.Indirection[0]))
	c.GetColumnRef().Location = a.Arg.GetColumnRef().Location
	if a.Indirection = a.Indirection[1:]; len(a.Indirection) > 0 {
		a.Arg = c
	} else {
		n.Node = c.Node
	}
	return true
}

func (p *pass) expandStar(n *pg.Node, star *pg.ColumnRef, sc *scope) []*pg.Node {
	sc.withinSub(star)
	if fields := star.Fields; len(fields) > 1 {
		schema := ""
		if len(fields) > 2 {
			schema = fields[len(fields)-3].GetString_().GetSval()
		}
		if it := sc.find(schema, fields[len(fields)-2].GetString_().GetSval()); it != nil && it.lists() && p.listable(it, star.Location) {
			return it.listed(star.Location)
		}
		return []*pg.Node{n}
	}
	if !slices.ContainsFunc(sc.items, func(it *item) bool { return it.lists() }) {
		return []*pg.Node{n}
	}
	var out []*pg.Node
	for _, it := range sc.items {
		switch {
		case it.name == "" || it.merged:
			p.denyAt(star.Location, stateFeature, ruleHiddenColumn, "* over this FROM list is not supported", "Name the columns.")
			return nil
		case it.lists():
			if !p.listable(it, star.Location) {
				return nil
			}
			out = append(out, it.listed(star.Location)...)
		default:
			c := columnRef(append(it.fields(), &pg.Node{Node: &pg.Node_AStar{AStar: &pg.A_Star{}}}))
			c.GetColumnRef().Location = star.Location
			out = append(out, resTarget("", c))
		}
	}
	return out
}

// fields are the start of a reference to the item's columns in the output.
func (it *item) fields() []*pg.Node {
	if it.ref == nil {
		return []*pg.Node{pg.MakeStrNode(it.name)}
	}
	var out []*pg.Node
	for _, r := range it.ref {
		out = append(out, pg.MakeStrNode(r))
	}
	return out
}

// lists tells whether a star over the item must be written as a list.
func (it *item) lists() bool { return it.hidden != "" || it.through != nil }

// listed are the item's columns as output columns.
func (it *item) listed(loc int32) []*pg.Node {
	names := make([]string, 0, len(it.columns))
	if it.through != nil { // as the client calls them: they are walked yet
		for _, c := range it.through.cols {
			names = append(names, c.name)
		}
	} else {
		for i := range it.columns {
			names = append(names, it.columns[i].name)
		}
	}
	out := make([]*pg.Node, 0, len(names))
	for _, name := range names {
		c := columnRef(append(it.fields(), pg.MakeStrNode(name)))
		c.GetColumnRef().Location = loc
		out = append(out, resTarget("", c))
	}
	return out
}

// wholeRow is the row of a write's target without the hidden column, which rows of sub-selects have the names of too:
// `(SELECT t FROM (SELECT t.a, t.b) t)`.
func (it *item) wholeRow() *pg.Node_SubLink {
	list := it.listed(-1)
	if it.through != nil {
		for i, c := range it.through.cols {
			list[i] = resTarget(c.name, columnRef(append(it.fields(), pg.MakeStrNode(c.base))))
		}
	}
	row := &pg.SelectStmt{TargetList: list, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE}
	sel := &pg.SelectStmt{
		TargetList: []*pg.Node{resTarget("", columnRef([]*pg.Node{pg.MakeStrNode(it.name)}))},
		FromClause: []*pg.Node{{Node: &pg.Node_RangeSubselect{RangeSubselect: &pg.RangeSubselect{
			Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: row}}, Alias: &pg.Alias{Aliasname: it.name}}}}},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}
	return &pg.Node_SubLink{SubLink: &pg.SubLink{SubLinkType: pg.SubLinkType_EXPR_SUBLINK,
		Subselect: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}}}}
}

// hiddenReference rewrites a reference that Postgres would take for a hidden column, or for a row with one; true when n is done with.
func (p *pass) hiddenReference(n *pg.Node, c *pg.ColumnRef, sc *scope) bool {
	if !p.hides || p.inView > 0 {
		return false
	}
	last := c.Fields[len(c.Fields)-1]
	if len(c.Fields) == 1 && last.GetAStar() != nil {
		return false
	}
	if len(c.Fields) == 1 {
		return p.hiddenName(n, c, last.GetString_().GetSval(), sc)
	}
	schema, table := "", c.Fields[len(c.Fields)-2].GetString_().GetSval()
	if len(c.Fields) > 2 {
		schema = c.Fields[len(c.Fields)-3].GetString_().GetSval()
	}
	it := sc.find(schema, table)
	if it == nil || it.hidden == "" {
		return false
	}
	name := last.GetString_().GetSval()
	switch {
	case last.GetAStar() != nil:
		n.Node = it.wholeRow()
		return true
	case it.column(name) == nil && !systemColumn(name): // also a function's name: it would get the whole row
		p.denyAt(c.Location, stateUndefinedColumn, ruleHiddenColumn, "column "+table+"."+name+" does not exist", "")
		return true
	}
	return false
}

// hiddenName looks at a name that stands alone, which Postgres looks for level by level: a column, else a whole row.
func (p *pass) hiddenName(n *pg.Node, c *pg.ColumnRef, name string, sc *scope) bool {
	for s := sc; s != nil; s = s.parent {
		hidden, owners := false, []*item{}
		for _, it := range s.items {
			hidden = hidden || it.hidden == name
			if it.columns == nil || it.column(name) != nil {
				owners = append(owners, it)
			}
		}
		switch {
		case hidden && len(owners) == 1 && owners[0].columns != nil && owners[0].name != "":
			p.qualify(c, owners[0], sc)
			return false
		case hidden && len(owners) < 2:
			p.denyAt(c.Location, stateUndefinedColumn, ruleHiddenColumn, `column "`+name+`" does not exist`, "")
			return true
		case len(owners) > 0:
			p.notTheRow(c, name, owners, sc)
			return false
		}
	}
	if it := sc.find("", name); it != nil && it.hidden != "" {
		n.Node = it.wholeRow()
		return true
	}
	return false
}

// notTheRow writes a column that has the name of an item with a hidden column in a way that cannot mean the item's row.
func (p *pass) notTheRow(c *pg.ColumnRef, name string, owners []*item, sc *scope) {
	if it := sc.find("", name); it == nil || it.hidden == "" || it.column(name) != nil {
		return
	}
	switch {
	case len(owners) == 1 && owners[0].columns != nil && owners[0].name != "":
		p.qualify(c, owners[0], sc)
	case len(owners) == 1:
		p.denyAt(c.Location, stateFeature, ruleHiddenColumn, `"`+name+`" could be a row with a hidden column`, "Name the column by its table.")
	}
}

// denyHidden refuses a hidden column as the column of a target, with Postgres's words; true when it did.
func (p *pass) denyHidden(t *policy.BoundTable, column string, loc int32) bool {
	if !p.hidesColumn(t) || column != t.HiddenColumn() {
		return false
	}
	p.denyAt(loc, stateUndefinedColumn, ruleHiddenColumn, `column "`+column+`" of relation "`+t.Relation.Name+`" does not exist`, "")
	return true
}

// namedTypeProblem is typeProblem for a type that a statement names: a hidden column would show in a value of the table's row type.
func (p *pass) namedTypeProblem(t *catalog.Type) string {
	for in := t; in != nil; in = p.cat.TypeByOID[max(in.Element, in.Base)] {
		if table := p.bound.Table(in.Relation); in.Kind == 'c' && table != nil && table.Hidden {
			return "It is the row type of a relation whose tenant column is hidden."
		}
		if in.Element == 0 && in.Base == 0 {
			break
		}
	}
	return p.typeProblem(t)
}

// groupByHiddenKey is groupByKey for a hidden column: it belongs to the primary key, of which the client names the rest.
func (p *pass) groupByHiddenKey(it *item, grouped map[string]bool) *pg.Node {
	key := slices.DeleteFunc(slices.Clone(it.table.Relation.PrimaryKey), func(c string) bool { return c == it.hidden })
	if len(key) == 0 || len(key) == len(it.table.Relation.PrimaryKey) || !containsAll(grouped, key) {
		return nil
	}
	return columnRef(append(it.fields(), pg.MakeStrNode(it.hidden)))
}
