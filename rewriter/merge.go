package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// MERGE is an outer join: each row of the source with the rows of the target that ON finds, or with none of them. So the two sides
// are confined in different places:
//
//	target   its predicate is part of ON. A source row that meets only rows of others is NOT MATCHED, as it is where they do not exist.
//	source   is confined in itself, before the join. A predicate of it in ON would turn the rows of others into NOT MATCHED ones,
//	         which WHEN NOT MATCHED would then insert.
//
// What stands in WHEN runs on the joined rows, which are the tenant's on both sides: nothing has to be guarded there.

func (p *pass) mergeStmt(s *pg.MergeStmt) {
	if p.cat.ServerVersion < 150000 {
		p.mergeUnknown(s)
		return
	}
	ctes := p.with(s.WithClause, nil, nil)
	p.adding(s.Relation)
	t, target := p.target(s.Relation)
	if t == nil {
		return
	}
	if target.through != nil && p.cat.ServerVersion < 170000 {
		p.denyAt(s.Relation.Location, stateFeature, ruleViewWrite, `cannot execute MERGE on relation "`+target.through.view.Name+`"`, "This operation is not supported for views.")
		return
	}
	source := &scope{ctes: ctes}
	s.SourceRelation = p.fromItem(s.SourceRelation, source, wrapped)
	both := &scope{ctes: ctes, items: append([]*item(nil), source.items...)}
	p.add(both, target)
	p.expr(s.JoinCondition, both)
	if p.denial != nil {
		return
	}
	on := &sink{place: "ON of MERGE: its target"}
	if p.confined(t) {
		if !omitted(on.place) {
			on.preds = append(on.preds, p.targetPredicate(target.ref, t))
		}
		p.noteTarget(t, target.name, target.ref, on.place)
	}
	s.JoinCondition = and(on.preds, p.targetCondition(s.JoinCondition, target, both))
	for _, n := range s.MergeWhenClauses {
		w := n.GetMergeWhenClause()
		if w == nil {
			p.deny(stateFeature, ruleClause, nodeName(n)+" in MERGE is not supported", "")
			return
		}
		if w.Matched {
			p.mergeWhen(w, t, target, both)
		} else {
			p.mergeWhen(w, t, target, source)
		}
	}
}

// mergeUnknown answers as servers do that have no MERGE: with the word as it is written, and its place.
func (p *pass) mergeUnknown(s *pg.MergeStmt) {
	word, at := "MERGE", int32(-1)
	if scan, err := pg.Scan(p.req.SQL); err == nil && p.inView == 0 {
		for _, t := range scan.Tokens {
			if t.Token == pg.Token_MERGE && t.Start < s.Relation.Location {
				word, at = p.req.SQL[t.Start:t.End], t.Start
			}
		}
	}
	p.denyAt(at, stateSyntax, ruleSyntax, `syntax error at or near "`+word+`"`, "")
}

// mergeWhen rewrites one WHEN clause. Behind NOT MATCHED there is no row of the target, and only the source can be named.
func (p *pass) mergeWhen(w *pg.MergeWhenClause, t *policy.BoundTable, it *item, sc *scope) {
	p.expr(w.Condition, sc)
	switch w.CommandType {
	case pg.CmdType_CMD_NOTHING:
	case pg.CmdType_CMD_DELETE:
		if marks(t) && !omitted("DELETE that marks") {
			w.CommandType, w.TargetList = pg.CmdType_CMD_UPDATE, markList(t)
		}
	case pg.CmdType_CMD_UPDATE:
		p.throughColumns(w.TargetList, it, "merge into", true)
		p.assignments(w.TargetList, t, sc)
	case pg.CmdType_CMD_INSERT:
		p.mergeInsert(w, t, it, sc)
	default:
		p.deny(stateFeature, ruleClause, w.CommandType.String()+" in MERGE is not supported", "")
	}
}

// mergeInsert rewrites the INSERT of a WHEN clause: as in a statement of its own, the row gets the tenant.
func (p *pass) mergeInsert(w *pg.MergeWhenClause, t *policy.BoundTable, it *item, sc *scope) {
	for _, c := range w.TargetList {
		p.indirection(c.GetResTarget().GetIndirection(), sc)
	}
	w.Values = p.withoutStars(w.Values, sc)
	for _, v := range w.Values {
		if v.GetSetToDefault() == nil {
			p.expr(v, sc)
		}
	}
	named := len(w.TargetList) > 0
	p.mergeThrough(w, it)
	if p.denial != nil || !t.Scope.HasTenant() {
		return
	}
	p.note(t, t.Relation.Name, nil, "INSERT of MERGE: the tenant column is filled in or checked")
	if len(w.Values) == 0 { // DEFAULT VALUES
		w.TargetList, w.Values = []*pg.Node{resTarget(t.Column, nil)}, []*pg.Node{p.value(t)}
		return
	}
	stars := 0
	for _, v := range w.Values {
		if isStar(v) {
			stars++
		}
	}
	if len(w.TargetList) == 0 {
		if stars > 0 {
			p.deny(stateFeature, ruleInsertColumns, "how many columns this INSERT gives cannot be told", "Name the columns after INSERT.")
			return
		}
		columns := t.Relation.Columns
		if p.hidesColumn(t) {
			columns = t.VisibleColumns()
		}
		for _, c := range columns[:min(len(w.Values), len(columns))] {
			w.TargetList = append(w.TargetList, resTarget(c.Name, nil))
		}
	}
	switch {
	case len(w.Values) > len(w.TargetList) && stars == 0:
		p.deny(stateSyntax, ruleInsertColumns, "INSERT has more expressions than target columns", "")
		return
	case len(w.Values) < len(w.TargetList) && stars == 0:
		p.deny(stateSyntax, ruleInsertColumns, "INSERT has more target columns than expressions", "")
		return
	}
	at := p.tenantAmong(w.TargetList, t, named)
	if w.Override == pg.OverridingKind_OVERRIDING_USER_VALUE && t.Relation.Column(t.Column).Identity != 0 {
		p.denyTenantValue(t, -1)
	}
	if p.denial != nil {
		return
	}
	if at < 0 {
		w.TargetList, w.Values = append(w.TargetList, resTarget(t.Column, nil)), append(w.Values, p.value(t))
		return
	}
	for i := 0; i <= at; i++ {
		if i >= len(w.Values) || isStar(w.Values[i]) {
			p.denyTenantValue(t, -1)
			return
		}
	}
	if p.isTenant(w.Values[at], sc) {
		w.Values[at] = p.value(t)
		return
	}
	w.Values[at] = p.tenantValue(w.Values[at], t, inValues)
}

// mergeThrough makes the columns of an INSERT into a view those of the table below it.
func (p *pass) mergeThrough(w *pg.MergeWhenClause, it *item) {
	if it.through == nil || p.denial != nil {
		return
	}
	if len(w.TargetList) == 0 {
		if slices.ContainsFunc(w.Values, isStar) {
			p.deny(stateFeature, ruleInsertColumns, "how many columns this INSERT gives cannot be told", "Name the columns after INSERT.")
			return
		}
		if len(w.Values) > len(it.through.cols) {
			p.deny(stateSyntax, ruleInsertColumns, "INSERT has more expressions than target columns", "")
			return
		}
		for _, c := range it.through.cols[:len(w.Values)] {
			w.TargetList = append(w.TargetList, resTarget(c.name, nil))
		}
	}
	p.throughColumns(w.TargetList, it, "merge into", false)
}

// tenantAmong finds the tenant column in a column list, which the client has written when named is set; -1 when it is not there.
func (p *pass) tenantAmong(cols []*pg.Node, t *policy.BoundTable, named bool) int {
	at := -1
	for i, c := range cols {
		r := c.GetResTarget()
		switch {
		case r.GetName() != t.Column:
			continue
		case named && p.denyHidden(t, t.Column, r.Location):
		case at >= 0:
			p.denyAt(r.Location, "42701", ruleInsertColumns, `column "`+t.Column+`" specified more than once`, "")
		case len(r.Indirection) > 0:
			p.denyTenantValue(t, r.Location)
		}
		at = i
	}
	return at
}

// withoutStars writes out each star whose columns are known and can be named.
func (p *pass) withoutStars(list []*pg.Node, sc *scope) []*pg.Node {
	out := make([]*pg.Node, 0, len(list))
	for _, n := range list {
		if cols := starReferences(n.GetColumnRef(), sc); cols != nil {
			out = append(out, cols...)
		} else {
			out = append(out, n)
		}
	}
	return out
}

// starReferences returns a reference to each column that a star stands for; nil when it is none, or one of them cannot be named.
func starReferences(star *pg.ColumnRef, sc *scope) []*pg.Node {
	if star == nil || star.Fields[len(star.Fields)-1].GetAStar() == nil {
		return nil
	}
	items := sc.items
	switch len(star.Fields) {
	case 1:
	case 2:
		it := sc.find("", star.Fields[0].GetString_().GetSval())
		if it == nil {
			return nil
		}
		items = []*item{it}
	default:
		return nil
	}
	var out []*pg.Node
	for _, it := range items {
		if it.columns == nil || it.merged || it.name == "" {
			return nil
		}
		seen := map[string]bool{}
		for _, c := range it.columns {
			if c.name == "" || seen[c.name] {
				return nil
			}
			seen[c.name] = true
			var fields []*pg.Node
			if it.schema != "" {
				fields = append(fields, pg.MakeStrNode(it.schema))
			}
			out = append(out, columnRef(append(fields, pg.MakeStrNode(it.name), pg.MakeStrNode(c.name))))
		}
	}
	return out
}

// isTenant tells whether an expression is a column that holds the tenant in every row: the tenant column of a confined relation which no join
// extends with NULLs.
func (p *pass) isTenant(n *pg.Node, sc *scope) bool {
	ref := n.GetColumnRef()
	if ref == nil || isStar(n) {
		return false
	}
	col, owners := p.resolve(ref, sc)
	return col != nil && col.tenant && len(owners) == 1 && !owners[0].nullable && !sc.grouped[col.name]
}
