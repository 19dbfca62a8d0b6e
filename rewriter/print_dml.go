package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

func (p *printer) insertStmt(s *pg.InsertStmt) {
	p.with(s.WithClause)
	p.str("INSERT INTO ")
	p.relation(s.Relation, "AS ")
	if len(s.Cols) > 0 {
		p.str(" ")
		p.columns(s.Cols)
	}
	p.overriding(s.Override)
	if s.SelectStmt == nil {
		p.str(" DEFAULT VALUES")
	} else if q := s.SelectStmt.GetSelectStmt(); q != nil {
		p.str(" ")
		p.selectStmt(q)
	} else {
		p.unknown(s.SelectStmt)
	}
	if s.OnConflictClause != nil {
		p.onConflict(s.OnConflictClause)
	}
	p.returning(s.ReturningList)
}

// columns writes the columns that INSERT names.
func (p *printer) columns(list []*pg.Node) {
	p.str("(")
	for i, n := range list {
		p.comma(i)
		t := n.GetResTarget()
		if t == nil || t.Val != nil {
			p.unknown(n)
			return
		}
		p.column(t)
	}
	p.str(")")
}

func (p *printer) column(t *pg.ResTarget) {
	p.at(t.Location)
	p.ident(t.Name)
	p.taken(t.Indirection)
}

func (p *printer) overriding(o pg.OverridingKind) {
	switch o {
	case pg.OverridingKind_OVERRIDING_NOT_SET:
	case pg.OverridingKind_OVERRIDING_USER_VALUE:
		p.str(" OVERRIDING USER VALUE")
	case pg.OverridingKind_OVERRIDING_SYSTEM_VALUE:
		p.str(" OVERRIDING SYSTEM VALUE")
	default:
		p.fail(o.String())
	}
}

func (p *printer) onConflict(c *pg.OnConflictClause) {
	p.str(" ")
	p.at(c.Location)
	p.str("ON CONFLICT")
	if c.Infer != nil {
		p.str(" ")
		p.infer(c.Infer)
	}
	switch c.Action {
	case pg.OnConflictAction_ONCONFLICT_NOTHING:
		p.str(" DO NOTHING")
	case pg.OnConflictAction_ONCONFLICT_UPDATE:
		p.str(" DO UPDATE SET ")
		p.setList(c.TargetList)
		p.where(c.WhereClause)
	default:
		p.fail(c.Action.String())
	}
}

func (p *printer) infer(i *pg.InferClause) {
	p.at(i.Location)
	if i.Conname != "" {
		p.str("ON CONSTRAINT ")
		p.ident(i.Conname)
		return
	}
	p.str("(")
	for k, n := range i.IndexElems {
		p.comma(k)
		e := n.GetIndexElem()
		if e == nil || len(e.Opclassopts) > 0 {
			p.unknown(n)
			return
		}
		p.indexElem(e)
	}
	p.str(")")
	p.where(i.WhereClause)
}

func (p *printer) indexElem(e *pg.IndexElem) {
	switch f := e.Expr.GetFuncCall(); {
	case e.Name != "":
		p.ident(e.Name)
	case f != nil && f.Funcformat == pg.CoercionForm_COERCE_EXPLICIT_CALL && plainCall(f):
		p.expr(e.Expr)
	default:
		p.paren(e.Expr)
	}
	if len(e.Collation) > 0 {
		p.str(" COLLATE ")
		p.names(e.Collation)
	}
	if len(e.Opclass) > 0 {
		p.str(" ")
		p.names(e.Opclass)
	}
	p.direction(e.Ordering)
	p.nulls(e.NullsOrdering)
}

// setList writes the assignments of SET. A row assigned to several columns stands as often in the tree as it has columns.
func (p *printer) setList(list []*pg.Node) {
	for i := 0; i < len(list); {
		p.comma(i)
		t := list[i].GetResTarget()
		if t == nil {
			p.unknown(list[i])
			return
		}
		m := t.Val.GetMultiAssignRef()
		if m == nil {
			p.column(t)
			p.str(" = ")
			p.expr(t.Val)
			i++
			continue
		}
		n := int(m.Ncolumns)
		if n < 1 || i+n > len(list) {
			p.unknown(t.Val)
			return
		}
		p.str("(")
		for k, c := range list[i : i+n] {
			p.comma(k)
			r := c.GetResTarget()
			if r.GetVal().GetMultiAssignRef().GetColno() != int32(k+1) {
				p.unknown(c)
				return
			}
			p.column(r)
		}
		p.str(") = ")
		p.expr(m.Source)
		i += n
	}
}

func (p *printer) returning(list []*pg.Node) {
	for i, n := range list {
		if i == 0 {
			p.str(" RETURNING ")
		}
		p.comma(i)
		p.target(n)
	}
}

func (p *printer) updateStmt(s *pg.UpdateStmt) {
	p.with(s.WithClause)
	p.str("UPDATE ")
	p.relation(s.Relation, "")
	p.str(" SET ")
	p.setList(s.TargetList)
	if len(s.FromClause) > 0 {
		p.str(" FROM ")
		p.fromList(s.FromClause)
	}
	p.where(s.WhereClause)
	p.returning(s.ReturningList)
}

func (p *printer) deleteStmt(s *pg.DeleteStmt) {
	p.with(s.WithClause)
	p.str("DELETE FROM ")
	p.relation(s.Relation, "")
	if len(s.UsingClause) > 0 {
		p.str(" USING ")
		p.fromList(s.UsingClause)
	}
	p.where(s.WhereClause)
	p.returning(s.ReturningList)
}

func (p *printer) mergeStmt(s *pg.MergeStmt) {
	p.with(s.WithClause)
	p.str("MERGE INTO ")
	p.relation(s.Relation, "")
	p.str(" USING ")
	p.fromItem(s.SourceRelation)
	p.str(" ON ")
	p.expr(s.JoinCondition)
	for _, n := range s.MergeWhenClauses {
		w := n.GetMergeWhenClause()
		if w == nil {
			p.unknown(n)
			return
		}
		p.mergeWhen(w)
	}
}

func (p *printer) mergeWhen(w *pg.MergeWhenClause) {
	if w.Matched {
		p.str(" WHEN MATCHED")
	} else {
		p.str(" WHEN NOT MATCHED")
	}
	if w.Condition != nil {
		p.str(" AND ")
		p.expr(w.Condition)
	}
	p.str(" THEN ")
	switch w.CommandType {
	case pg.CmdType_CMD_UPDATE:
		p.str("UPDATE SET ")
		p.setList(w.TargetList)
	case pg.CmdType_CMD_DELETE:
		p.str("DELETE")
	case pg.CmdType_CMD_NOTHING:
		p.str("DO NOTHING")
	case pg.CmdType_CMD_INSERT:
		p.str("INSERT")
		if len(w.TargetList) > 0 {
			p.str(" ")
			p.columns(w.TargetList)
		}
		p.overriding(w.Override)
		if len(w.Values) == 0 {
			p.str(" DEFAULT VALUES")
			return
		}
		p.str(" VALUES (")
		p.exprs(w.Values)
		p.str(")")
	default:
		p.fail(w.CommandType.String())
	}
}
