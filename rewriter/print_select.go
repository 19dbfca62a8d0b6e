package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// selectStmt writes a query without parentheses around it.
func (p *printer) selectStmt(s *pg.SelectStmt) {
	p.with(s.WithClause)
	switch {
	case s.Op != pg.SetOperation_SETOP_NONE:
		p.setOperation(s)
	case len(s.ValuesLists) > 0:
		p.values(s.ValuesLists)
	default:
		p.simpleSelect(s)
	}
	if len(s.SortClause) > 0 {
		p.orderBy(s.SortClause)
	}
	p.limit(s)
	for _, n := range s.LockingClause {
		p.locking(n)
	}
}

// with writes WITH and a space behind it.
func (p *printer) with(w *pg.WithClause) {
	if w == nil {
		return
	}
	p.at(w.Location)
	p.str("WITH ")
	if w.Recursive {
		p.str("RECURSIVE ")
	}
	for i, n := range w.Ctes {
		p.comma(i)
		c := n.GetCommonTableExpr()
		if c == nil {
			p.unknown(n)
			return
		}
		p.cte(c)
	}
	p.str(" ")
}

func (p *printer) cte(c *pg.CommonTableExpr) {
	p.at(c.Location)
	p.ident(c.Ctename)
	if len(c.Aliascolnames) > 0 {
		p.nameList(c.Aliascolnames)
	}
	switch c.Ctematerialized {
	case pg.CTEMaterialize_CTEMaterializeDefault:
		p.str(" AS (")
	case pg.CTEMaterialize_CTEMaterializeAlways:
		p.str(" AS MATERIALIZED (")
	case pg.CTEMaterialize_CTEMaterializeNever:
		p.str(" AS NOT MATERIALIZED (")
	default:
		p.fail(c.Ctematerialized.String())
	}
	switch v := c.Ctequery.GetNode().(type) {
	case *pg.Node_SelectStmt:
		p.selectStmt(v.SelectStmt)
	case *pg.Node_InsertStmt:
		p.insertStmt(v.InsertStmt)
	case *pg.Node_UpdateStmt:
		p.updateStmt(v.UpdateStmt)
	case *pg.Node_DeleteStmt:
		p.deleteStmt(v.DeleteStmt)
	case *pg.Node_MergeStmt:
		p.mergeStmt(v.MergeStmt)
	default:
		p.unknown(c.Ctequery)
	}
	p.str(")")
	p.searchCycle(c.SearchClause, c.CycleClause)
}

func (p *printer) searchCycle(s *pg.CTESearchClause, c *pg.CTECycleClause) {
	if s != nil {
		p.str(" ")
		p.at(s.Location)
		p.str("SEARCH DEPTH FIRST BY ")
		if s.SearchBreadthFirst {
			p.buf = p.buf[:len(p.buf)-len("DEPTH FIRST BY ")]
			p.str("BREADTH FIRST BY ")
		}
		p.bareNames(s.SearchColList)
		p.str(" SET ")
		p.ident(s.SearchSeqColumn)
	}
	if c == nil {
		return
	}
	p.str(" ")
	p.at(c.Location)
	p.str("CYCLE ")
	p.bareNames(c.CycleColList)
	p.str(" SET ")
	p.ident(c.CycleMarkColumn)
	if !trueConst(c.CycleMarkValue, true) || !trueConst(c.CycleMarkDefault, false) {
		p.str(" TO ")
		p.literalValue(c.CycleMarkValue)
		p.str(" DEFAULT ")
		p.literalValue(c.CycleMarkDefault)
	}
	p.str(" USING ")
	p.ident(c.CyclePathColumn)
}

// trueConst reports whether n is the boolean constant want, which CYCLE has when it names none.
func trueConst(n *pg.Node, want bool) bool {
	b, ok := n.GetAConst().GetVal().(*pg.A_Const_Boolval)
	return ok && b.Boolval.Boolval == want
}

// literalValue writes what the grammar calls AexprConst: a constant, with its type as a prefix where it has one.
func (p *printer) literalValue(n *pg.Node) {
	t := n.GetTypeCast()
	if t == nil {
		if n.GetAConst() == nil || negative(n.GetAConst()) {
			p.unknown(n)
			return
		}
		p.expr(n)
		return
	}
	if _, ok := t.Arg.GetAConst().GetVal().(*pg.A_Const_Sval); !ok {
		p.unknown(t.Arg)
		return
	}
	if name, system := lastName(t.TypeName.Names); system && name == "interval" {
		p.intervalLiteral(t)
		return
	}
	p.typeName(t.TypeName)
	p.str(" ")
	p.expr(t.Arg)
}

// intervalLiteral writes INTERVAL '1' HOUR and the like.
func (p *printer) intervalLiteral(t *pg.TypeCast) {
	fields, precision, ok := intervalParts(t.TypeName)
	if !ok {
		p.fail("such an interval")
		return
	}
	p.at(t.Location)
	p.at(t.TypeName.Location)
	p.str("interval")
	if fields == "" {
		p.intervalTail(t.TypeName.Typmods, "", precision)
	}
	p.str(" ")
	p.expr(t.Arg)
	if fields != "" {
		p.intervalTail(t.TypeName.Typmods, fields, precision)
	}
}

// bareNames writes names separated by commas.
func (p *printer) bareNames(list []*pg.Node) {
	for i := range list {
		p.comma(i)
		p.names(list[i : i+1])
	}
}

// setOperation writes the two arms. UNION and EXCEPT bind alike and from the left, INTERSECT more tightly; an arm with clauses of its own stands in parentheses.
func (p *printer) setOperation(s *pg.SelectStmt) {
	p.arm(s.Larg, s.Op, true)
	switch s.Op {
	case pg.SetOperation_SETOP_UNION:
		p.str(" UNION ")
	case pg.SetOperation_SETOP_INTERSECT:
		p.str(" INTERSECT ")
	case pg.SetOperation_SETOP_EXCEPT:
		p.str(" EXCEPT ")
	default:
		p.fail(s.Op.String())
	}
	if s.All {
		p.str("ALL ")
	}
	p.arm(s.Rarg, s.Op, false)
}

func (p *printer) arm(s *pg.SelectStmt, parent pg.SetOperation, left bool) {
	if s == nil {
		p.fail("a set operation without an arm")
		return
	}
	bare := s.WithClause == nil && len(s.SortClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil && len(s.LockingClause) == 0
	if bare && s.Op != pg.SetOperation_SETOP_NONE {
		bare = left && (s.Op == pg.SetOperation_SETOP_INTERSECT || parent != pg.SetOperation_SETOP_INTERSECT)
	}
	if !bare {
		p.str("(")
	}
	p.selectStmt(s)
	if !bare {
		p.str(")")
	}
}

func (p *printer) values(lists []*pg.Node) {
	p.str("VALUES ")
	for i, n := range lists {
		p.comma(i)
		p.str("(")
		p.exprs(n.GetList().GetItems())
		p.str(")")
	}
}

func (p *printer) simpleSelect(s *pg.SelectStmt) {
	p.str("SELECT")
	if len(s.DistinctClause) > 0 {
		p.str(" DISTINCT")
		if s.DistinctClause[0].GetNode() != nil {
			p.str(" ON (")
			p.exprs(s.DistinctClause)
			p.str(")")
		}
	}
	for i, n := range s.TargetList {
		if i > 0 {
			p.str(",")
		}
		p.str(" ")
		p.target(n)
	}
	if s.IntoClause != nil {
		p.selectInto(s.IntoClause)
	}
	if len(s.FromClause) > 0 {
		p.str(" FROM ")
		p.fromList(s.FromClause)
	}
	p.where(s.WhereClause)
	if len(s.GroupClause) > 0 {
		p.str(" GROUP BY ")
		if s.GroupDistinct {
			p.str("DISTINCT ")
		}
		p.groupList(s.GroupClause)
	}
	if s.HavingClause != nil {
		p.str(" HAVING ")
		p.expr(s.HavingClause)
	}
	for i, n := range s.WindowClause {
		if i == 0 {
			p.str(" WINDOW ")
		}
		p.comma(i)
		w := n.GetWindowDef()
		p.ident(w.GetName())
		p.str(" AS ")
		p.window(w)
	}
}

// target writes an output column.
func (p *printer) target(n *pg.Node) {
	t := n.GetResTarget()
	if t == nil || len(t.Indirection) > 0 {
		p.unknown(n)
		return
	}
	p.at(t.Location)
	p.expr(t.Val)
	if t.Name != "" {
		p.str(" AS ")
		p.ident(t.Name)
	}
}

func (p *printer) selectInto(i *pg.IntoClause) {
	p.str(" INTO ")
	switch i.Rel.GetRelpersistence() {
	case "t":
		p.str("TEMPORARY ")
	case "u":
		p.str("UNLOGGED ")
	case "p":
		p.str("TABLE ")
	default:
		p.fail("INTO such a relation")
		return
	}
	p.qualifiedName(i.Rel)
	if len(i.ColNames) > 0 || i.AccessMethod != "" || len(i.Options) > 0 || i.OnCommit != pg.OnCommitAction_ONCOMMIT_NOOP ||
		i.TableSpaceName != "" || i.ViewQuery != nil || i.SkipData {
		p.fail("INTO with options")
	}
}

func (p *printer) where(n *pg.Node) {
	if n != nil {
		p.str(" WHERE ")
		p.expr(n)
	}
}

func (p *printer) groupList(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		g := n.GetGroupingSet()
		if g == nil {
			p.expr(n)
			continue
		}
		p.at(g.Location)
		switch g.Kind {
		case pg.GroupingSetKind_GROUPING_SET_EMPTY:
			p.str("()")
			continue
		case pg.GroupingSetKind_GROUPING_SET_ROLLUP:
			p.str("ROLLUP (")
		case pg.GroupingSetKind_GROUPING_SET_CUBE:
			p.str("CUBE (")
		case pg.GroupingSetKind_GROUPING_SET_SETS:
			p.str("GROUPING SETS (")
		default:
			p.fail(g.Kind.String())
		}
		p.groupList(g.Content)
		p.str(")")
	}
}

func (p *printer) orderBy(list []*pg.Node) {
	p.str(" ORDER BY ")
	p.sortList(list)
}

func (p *printer) sortList(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		s := n.GetSortBy()
		if s == nil {
			p.unknown(n)
			return
		}
		p.expr(s.Node)
		switch s.SortbyDir {
		case pg.SortByDir_SORTBY_USING:
			p.str(" USING ")
			p.at(s.Location)
			p.operatorName(s.UseOp, anyOperator, false)
		default:
			p.direction(s.SortbyDir)
		}
		p.nulls(s.SortbyNulls)
	}
}

func (p *printer) direction(d pg.SortByDir) {
	switch d {
	case pg.SortByDir_SORTBY_DEFAULT:
	case pg.SortByDir_SORTBY_ASC:
		p.str(" ASC")
	case pg.SortByDir_SORTBY_DESC:
		p.str(" DESC")
	default:
		p.fail(d.String())
	}
}

func (p *printer) nulls(n pg.SortByNulls) {
	switch n {
	case pg.SortByNulls_SORTBY_NULLS_DEFAULT:
	case pg.SortByNulls_SORTBY_NULLS_FIRST:
		p.str(" NULLS FIRST")
	case pg.SortByNulls_SORTBY_NULLS_LAST:
		p.str(" NULLS LAST")
	default:
		p.fail(n.String())
	}
}

// limit writes LIMIT and OFFSET. LIMIT ALL and LIMIT NULL are one tree.
func (p *printer) limit(s *pg.SelectStmt) {
	if s.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		p.str(" FETCH FIRST ")
		p.operand(s.LimitCount, primary)
		p.str(" ROWS WITH TIES")
	} else if s.LimitCount != nil {
		p.str(" LIMIT ")
		p.expr(s.LimitCount)
	}
	if s.LimitOffset != nil {
		p.str(" OFFSET ")
		p.expr(s.LimitOffset)
	}
}

func (p *printer) locking(n *pg.Node) {
	l := n.GetLockingClause()
	switch l.GetStrength() {
	case pg.LockClauseStrength_LCS_FORUPDATE:
		p.str(" FOR UPDATE")
	case pg.LockClauseStrength_LCS_FORNOKEYUPDATE:
		p.str(" FOR NO KEY UPDATE")
	case pg.LockClauseStrength_LCS_FORSHARE:
		p.str(" FOR SHARE")
	case pg.LockClauseStrength_LCS_FORKEYSHARE:
		p.str(" FOR KEY SHARE")
	default:
		p.unknown(n)
		return
	}
	for i, r := range l.LockedRels {
		if i == 0 {
			p.str(" OF ")
		}
		p.comma(i)
		p.qualifiedName(r.GetRangeVar())
	}
	switch l.WaitPolicy {
	case pg.LockWaitPolicy_LockWaitBlock:
	case pg.LockWaitPolicy_LockWaitSkip:
		p.str(" SKIP LOCKED")
	case pg.LockWaitPolicy_LockWaitError:
		p.str(" NOWAIT")
	default:
		p.fail(l.WaitPolicy.String())
	}
}
