package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// A relation of pg_catalog or information_schema is read as catalogs.txt says: as it is, or through
//
//	(SELECT columns and what stands in place of others FROM pg_catalog.relation t WHERE conditions) alias
//
// like a view. Its rows are about the schema and the same for every tenant, but what a condition of the client's could tell of the rows
// that are left out is kept from it by a barrier, as for a view.

// systemAlias is what the relation is called in catalogs.txt.
const systemAlias = "t"

// systemRelation puts into FROM what tenants see of a system relation.
func (p *pass) systemRelation(rv *pg.RangeVar, n *pg.Node, rel *catalog.Relation, sc *scope) *pg.Node {
	st := systemCatalogs().relations[rel.Schema+"."+rel.Name]
	if st == nil || st.denied != "" {
		reason := "no tenant may read it"
		if st != nil {
			reason = st.denied
		}
		p.denyAt(rv.Location, statePrivilege, ruleRelationDenied, "permission denied for relation "+rel.Schema+"."+rel.Name,
			"Tenants see the part of the system catalogs that describes their schema. Not this one: "+reason+".")
		return n
	}
	rv.Catalogname, rv.Schemaname = "", rel.Schema
	it := &item{name: rv.Relname, ref: []string{rel.Schema, rel.Name}, schema: rel.Schema, columns: relationColumns(rel),
		shared: true, catalog: true, system: rel.Schema, refusing: st.refusing()}
	it.columns = slices.DeleteFunc(it.columns, func(c column) bool { return st.columns[c.name] == columnRefused })
	p.globals++
	note := RelationNote{Relation: rel.Schema + "." + rel.Name, Scope: policy.ScopeGlobal, Place: "system catalog: as it is"}
	if p.unmasked(rel, st) {
		it.global = true
	} else {
		note.Place = "system catalog: what the policy opens"
		alias := rv.Alias
		if alias == nil {
			alias = &pg.Alias{Aliasname: rv.Relname}
		}
		sel := p.systemForm(rel, st, nil)
		it.schema, it.ref = "", []string{rv.Relname}
		it.barrier = func() { addBarrier(sel) }
		it.comeLate()
		n = rangeSubselect(sel, alias)
	}
	if len(rv.Alias.GetColnames()) == 0 {
		it.shows = rel
	}
	if rv.Alias != nil {
		it.name, it.ref, it.schema, it.system = rv.Alias.Aliasname, []string{rv.Alias.Aliasname}, "", ""
		it.columns = renamed(it.columns, rv.Alias.Colnames)
	}
	note.Alias = it.name
	p.notes = append(p.notes, note)
	p.add(sc, it)
	return n
}

// unmasked tells whether a relation can be read as it is: every row, and every column that this server has.
func (p *pass) unmasked(rel *catalog.Relation, st *systemRelation) bool {
	return len(st.where) == 0 && !slices.ContainsFunc(rel.Columns, func(c catalog.Column) bool { return st.columns[c.Name] != columnOpen })
}

// systemForm is the sub-select through which a system relation is read: with all columns, or with those of only.
func (p *pass) systemForm(rel *catalog.Relation, st *systemRelation, only map[string]bool) *pg.SelectStmt {
	sel := &pg.SelectStmt{LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		if only != nil && !only[c.Name] || st.columns[c.Name] == columnRefused {
			continue
		}
		if hides := st.hides[c.Name]; hides != nil && p.hidesAny() {
			sel.TargetList = append(sel.TargetList, resTarget(c.Name, p.systemCondition(again(hides))))
			continue
		}
		if computed := st.computed[c.Name]; computed != nil {
			sel.TargetList = append(sel.TargetList, resTarget(c.Name, p.systemCondition(again(computed))))
			continue
		}
		sel.TargetList = append(sel.TargetList, p.systemColumn(c, st.columns[c.Name]))
	}
	if only == nil && rel.Kind == catalog.Table {
		for _, name := range []string{"tableoid", "xmin"} { // pg_dump and others ask for them by name
			if p.inView > 0 || strings.Contains(strings.ToLower(p.req.SQL), name) {
				sel.TargetList = append(sel.TargetList, resTarget("", qualified(systemAlias, name)))
			}
		}
	}
	sel.FromClause = []*pg.Node{{Node: &pg.Node_RangeVar{RangeVar: &pg.RangeVar{Schemaname: rel.Schema, Relname: rel.Name, Inh: true,
		Relpersistence: "p", Alias: &pg.Alias{Aliasname: systemAlias}}}}}
	var conds []*pg.Node
	for _, w := range st.where {
		if w.needs == "" || rel.Column(w.needs) != nil {
			conds = append(conds, p.systemCondition(again(w.expr)))
		}
	}
	if p.hidesAny() {
		for _, w := range st.hideWhere {
			conds = append(conds, p.systemCondition(again(w)))
		}
	}
	if !omitted("system catalog") {
		sel.WhereClause = and(conds, nil)
	}
	return sel
}

func qualified(alias, column string) *pg.Node {
	return columnRef([]*pg.Node{pg.MakeStrNode(alias), pg.MakeStrNode(column)})
}

func rangeSubselect(sel *pg.SelectStmt, alias *pg.Alias) *pg.Node {
	return &pg.Node{Node: &pg.Node_RangeSubselect{RangeSubselect: &pg.RangeSubselect{
		Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}}, Alias: alias}}}
}

func currentUser() *pg.Node {
	return &pg.Node{Node: &pg.Node_SqlvalueFunction{SqlvalueFunction: &pg.SQLValueFunction{
		Op: pg.SQLValueFunctionOp_SVFOP_CURRENT_USER, Typmod: -1}}}
}

// ownRole is the oid of the role that all tenants share upstream.
var ownRole = parseCondition("(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER)")

// systemColumn is an entry of the select list: the column, or what stands in its place.
func (p *pass) systemColumn(c *catalog.Column, mask string) *pg.Node {
	switch mask {
	case columnOpen:
		return resTarget("", qualified(systemAlias, c.Name))
	case "own":
		return resTarget(c.Name, again(ownRole))
	case "user":
		return resTarget(c.Name, p.castTo(currentUser(), c.TypeOID))
	case "", "null":
		null := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}
		return resTarget(c.Name, p.castTo(null, c.TypeOID))
	}
	return resTarget(c.Name, p.castTo(constant(mask), c.TypeOID))
}

func (p *pass) castTo(n *pg.Node, oid uint32) *pg.Node {
	schema, name := "pg_catalog", "text"
	if t := p.cat.TypeByOID[oid]; t != nil {
		schema, name = t.Schema, t.Name
	}
	return &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: n,
		TypeName: &pg.TypeName{Names: []*pg.Node{pg.MakeStrNode(schema), pg.MakeStrNode(name)}, Typemod: -1}}}}
}

// systemCondition replaces in an expression of catalogs.txt the words that stand for the policy, and the relations that are filtered themselves.
func (p *pass) systemCondition(n *pg.Node) *pg.Node {
	done := map[*pg.Node]bool{}
	eachNode(n.ProtoReflect(), func(n *pg.Node) bool {
		switch v := n.Node.(type) {
		case *pg.Node_FuncCall:
			m := p.meaning(v.FuncCall)
			if m != nil {
				n.Node = m.Node
			}
			return m != nil
		case *pg.Node_SelectStmt:
			for i, f := range v.SelectStmt.FromClause {
				v.SelectStmt.FromClause[i] = p.systemSource(f, v.SelectStmt, done)
			}
		}
		return done[n]
	})
	return n
}

// systemSource replaces relations in the FROM of a condition's sub-select.
func (p *pass) systemSource(n *pg.Node, sel *pg.SelectStmt, done map[*pg.Node]bool) *pg.Node {
	if j := n.GetJoinExpr(); j != nil {
		j.Larg, j.Rarg = p.systemSource(j.Larg, sel, done), p.systemSource(j.Rarg, sel, done)
		return n
	}
	rv := n.GetRangeVar()
	if rv == nil {
		return n // a function, or a sub-select
	}
	if rv.Schemaname == "raw" {
		rv.Schemaname = "pg_catalog"
		return n
	}
	rel := p.cat.Schemas[rv.Schemaname].Relations[rv.Relname]
	st := systemCatalogs().relations[rv.Schemaname+"."+rv.Relname]
	used := map[string]bool{}
	for _, ref := range columnRefs(&pg.Node{Node: &pg.Node_RowExpr{RowExpr: &pg.RowExpr{Args: targetsAndQuals(sel)}}}) {
		if ref.Fields[0].GetString_().GetSval() == rv.Alias.Aliasname {
			used[ref.Fields[1].GetString_().GetSval()] = true
		}
	}
	form := rangeSubselect(p.systemForm(rel, st, used), rv.Alias)
	done[form] = true
	return form
}

// targetsAndQuals lists the expressions of a condition's sub-select.
func targetsAndQuals(sel *pg.SelectStmt) []*pg.Node {
	out := targets(sel.TargetList)
	if sel.WhereClause != nil {
		out = append(out, sel.WhereClause)
	}
	for _, f := range sel.FromClause {
		if j := f.GetJoinExpr(); j != nil {
			out = append(out, joinQuals(j)...)
		}
	}
	return out
}

func joinQuals(j *pg.JoinExpr) []*pg.Node {
	out := []*pg.Node{j.Quals}
	if l := j.Larg.GetJoinExpr(); l != nil {
		out = append(out, joinQuals(l)...)
	}
	return out
}

// unqualifySystem takes the schema off a column of a system catalog: the sub-select that stands in the catalog's place has none.
func (p *pass) unqualifySystem(c *pg.ColumnRef, sc *scope) {
	if len(c.Fields) != 3 || !catalog.IsSystem(c.Fields[0].GetString_().GetSval()) {
		return
	}
	schema, name := c.Fields[0].GetString_().GetSval(), c.Fields[1].GetString_().GetSval()
	for s := sc; s != nil; s = s.parent {
		for _, it := range s.items {
			if it.system == schema && it.name == name && it.schema == "" {
				c.Fields = c.Fields[1:]
				return
			}
		}
	}
}
