package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
)

// maxViewDepth bounds views over views.
const maxViewDepth = 32

// view replaces a view by its definition, rewritten like any sub-select: the predicates stand on the tables below it,
// so nothing depends on which columns the view shows. Its names are all schema-qualified in the snapshot.
func (p *pass) view(rv *pg.RangeVar, t *policy.BoundTable, it *item) *pg.Node {
	rel := t.Relation
	if p.inView >= maxViewDepth {
		p.deny(stateFeature, ruleViewDefinition, "view "+rel.Name+" is nested too deeply", "")
		return nil
	}
	tree, err := pg.Parse(rel.Definition)
	if err != nil || len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
		p.deny(stateFeature, ruleViewDefinition, "the definition of view "+rel.Schema+"."+rel.Name+" cannot be read", "")
		return nil
	}
	sel := tree.Stmts[0].Stmt.GetSelectStmt()
	forgetLocations(sel.ProtoReflect())
	path := p.path
	p.path, p.inView = nil, p.inView+1
	cols := p.selectStmt(sel, nil, nil)
	p.path, p.inView = path, p.inView-1
	if p.denial != nil {
		p.denial.Hint = "It is used by the view " + rel.Schema + "." + rel.Name + ". " + p.denial.Hint
		return nil
	}
	if rel.SecurityBarrier {
		addBarrier(sel)
	}
	alias := rv.Alias
	if alias == nil {
		alias = &pg.Alias{Aliasname: rv.Relname}
	}
	if len(cols) != len(rel.Columns) {
		cols = relationColumns(rel)
		for i := range cols {
			cols[i].unharmless, cols[i].tried = true, true
		}
	}
	barred := sel
	if p.hidesColumn(t) {
		sel, cols = hideOfView(sel, t, cols)
	}
	it.columns = renamed(cols, alias.Colnames)
	it.ref, it.schema, it.within = []string{it.name}, "", it.schema
	it.barrier = func() { addBarrier(barred) }
	return &pg.Node{Node: &pg.Node_RangeSubselect{RangeSubselect: &pg.RangeSubselect{
		Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}}, Alias: alias}}}
}

// hideOfView puts a select list without the hidden column around a view's definition.
func hideOfView(sel *pg.SelectStmt, t *policy.BoundTable, cols []column) (*pg.SelectStmt, []column) {
	inner := &item{name: t.Relation.Name}
	for i := range cols {
		if t.Relation.Columns[i].Name != t.HiddenColumn() {
			inner.columns = append(inner.columns, cols[i])
			inner.columns[len(inner.columns)-1].name = t.Relation.Columns[i].Name
		}
	}
	return &pg.SelectStmt{
		TargetList: inner.listed(-1),
		FromClause: []*pg.Node{{Node: &pg.Node_RangeSubselect{RangeSubselect: &pg.RangeSubselect{
			Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}}, Alias: &pg.Alias{Aliasname: inner.name}}}}},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}, inner.columns
}

// forgetLocations clears the positions of a tree that does not stem from the client's text.
func forgetLocations(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Name() == "location":
			m.Clear(fd)
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				forgetLocations(v.List().Get(i).Message())
			}
		default:
			forgetLocations(v.Message())
		}
		return true
	})
}
