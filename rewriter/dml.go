package rewriter

import (
	"fmt"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// target resolves the relation that a statement writes. A common table expression is never meant.
// It returns the relation's rule and item; nil when the statement was denied.
func (p *pass) target(rv *pg.RangeVar) (*policy.BoundTable, *item) {
	p.writes = true
	p.targets++
	if p.role != nil && p.role.ReadOnly && p.temporary(rv) == nil {
		p.denyAt(rv.Location, statePrivilege, ruleReadOnly, "the role is read-only", "")
		return nil, nil
	}
	rel := p.relation(rv)
	if rel == nil {
		return nil, nil
	}
	t := p.table(rel)
	if t == nil || t.Scope == policy.ScopeDenied {
		p.denyRelation(rv, rel, t)
		return nil, nil
	}
	switch rel.Kind {
	case catalog.Table, catalog.PartitionedTable, catalog.ForeignTable:
	case catalog.View:
		return p.viewTarget(rv, t)
	default:
		p.denyAt(rv.Location, stateWrongKind, ruleRelationKind, `cannot change relation "`+rel.Name+`"`, "")
		return nil, nil
	}
	if len(rel.Rules) > 0 {
		p.denyAt(rv.Location, stateFeature, ruleRewriteRules, "writing to "+rel.Name+" is not supported: it has rules, which make other statements of it",
			"Put what the rules do into triggers.")
		return nil, nil
	}
	if p.taintedColumn(rv, rel) {
		return nil, nil
	}
	if rel.WritesRunCode {
		p.effects |= EffectUnknown
	}
	rv.Catalogname, rv.Schemaname = "", rel.Schema
	it := &item{name: rel.Name, ref: []string{rel.Schema, rel.Name}, schema: rel.Schema, columns: p.visible(t)}
	if p.hidesColumn(t) {
		it.hidden = t.HiddenColumn()
	}
	if rv.Alias != nil {
		it.name, it.ref, it.schema = rv.Alias.Aliasname, []string{rv.Alias.Aliasname}, ""
	}
	switch t.Scope {
	case policy.ScopeGlobal:
		if p.role == nil || !p.role.WriteGlobal {
			p.denyAt(rv.Location, statePrivilege, ruleGlobalWrite, "permission denied for relation "+rel.Schema+"."+rel.Name,
				"It holds reference data shared by all tenants, which is read-only.")
			return nil, nil
		}
		it.global = true
		if p.hidesMarked(t) {
			it.global, it.table, it.target = false, t, true
		}
		p.note(t, it.name, nil, "global: the role may write it")
	case policy.ScopeTenant, policy.ScopeMixed:
		it.table, it.target = t, true
		p.markTenant(it, t)
	case policy.ScopeTemporary:
		it.global = true
		p.note(t, it.name, nil, "temporary: the session's own")
	default:
		p.denyRelation(rv, rel, t)
		return nil, nil
	}
	return t, it
}

// update rewrites an UPDATE and returns the columns of RETURNING.
func (p *pass) update(s *pg.UpdateStmt, ctes *cteEnv, parent *scope) []column {
	ctes = p.with(s.WithClause, ctes, parent)
	p.adding(s.Relation)
	t, it := p.target(s.Relation)
	if t == nil {
		return nil
	}
	sc := &scope{parent: parent, ctes: ctes, items: []*item{it}}
	sc.wrapHidden = p.hides && starNeedsWrap(s.ReturningList, s.FromClause)
	current := p.positioned(s.WhereClause, t, len(s.FromClause))
	where := p.targetSink(t, it, current)
	p.from(s.FromClause, sc, where)
	p.throughColumns(s.TargetList, it, "update", true)
	p.assignments(s.TargetList, t, sc)
	if !current {
		p.expr(s.WhereClause, sc)
	}
	s.ReturningList = p.expandStars(s.ReturningList, sc)
	restore := p.keepNames(s.ReturningList)
	p.exprs(targets(s.ReturningList), sc)
	restore()
	if p.denial != nil {
		return nil
	}
	if !current {
		s.WhereClause = and(where.preds, p.targetCondition(s.WhereClause, it, sc))
	} else if it.through != nil {
		p.deny(stateFeature, ruleViewWrite, "WHERE CURRENT OF on a view is not supported", "")
	}
	return p.outputColumns(s.ReturningList, sc)
}

// delete rewrites a DELETE and returns the columns of RETURNING, and the target; nil when the statement was denied.
func (p *pass) delete(s *pg.DeleteStmt, ctes *cteEnv, parent *scope) ([]column, *policy.BoundTable) {
	ctes = p.with(s.WithClause, ctes, parent)
	t, it := p.target(s.Relation)
	if t == nil {
		return nil, nil
	}
	sc := &scope{parent: parent, ctes: ctes, items: []*item{it}}
	sc.wrapHidden = p.hides && starNeedsWrap(s.ReturningList, s.UsingClause)
	current := p.positioned(s.WhereClause, t, len(s.UsingClause))
	where := p.targetSink(t, it, current)
	if !current && marks(t) && !p.hidesMarked(t) { // who sees marked rows does not mark them again
		where.preds = append(where.preds, live(it.ref, t.SoftDelete))
	}
	p.from(s.UsingClause, sc, where)
	if !current {
		p.expr(s.WhereClause, sc)
	}
	s.ReturningList = p.expandStars(s.ReturningList, sc)
	restore := p.keepNames(s.ReturningList)
	p.exprs(targets(s.ReturningList), sc)
	restore()
	if p.denial != nil {
		return nil, nil
	}
	if !current {
		s.WhereClause = and(where.preds, p.targetCondition(s.WhereClause, it, sc))
	} else if it.through != nil {
		p.deny(stateFeature, ruleViewWrite, "WHERE CURRENT OF on a view is not supported", "")
	}
	return p.outputColumns(s.ReturningList, sc), t
}

// targetSink starts the WHERE of an UPDATE or DELETE with the predicate of its target, unless a cursor gives the row.
func (p *pass) targetSink(t *policy.BoundTable, it *item, current bool) *sink {
	where := &sink{place: "WHERE"}
	if current {
		p.note(t, it.name, nil, "the row of a cursor")
		return where
	}
	if p.confined(t) {
		if !omitted("WHERE of the target") {
			where.preds = append(where.preds, p.targetPredicate(it.ref, t))
		}
		p.noteTarget(t, it.name, it.ref, "WHERE of the target")
	}
	return where
}

// assignments walks a SET list. The tenant column may only be set to the tenant.
func (p *pass) assignments(list []*pg.Node, t *policy.BoundTable, sc *scope) {
	var source *pg.Node // of the multi-column assignment at hand: the tree holds a copy for each of its columns
	for _, n := range list {
		r := n.GetResTarget()
		if r == nil {
			p.deny(stateFeature, ruleClause, nodeName(n)+" in SET is not supported", "")
			return
		}
		p.indirection(r.Indirection, sc)
		if p.denyHidden(t, r.Name, r.Location) {
			return
		}
		isTenant := t.Scope.HasTenant() && r.Name == t.Column
		if m := r.Val.GetMultiAssignRef(); m != nil {
			if isTenant {
				p.denyTenantValue(t, r.Location)
				return
			}
			if m.Colno == 1 {
				source = m.Source
				p.assignmentSource(source, sc)
			}
			m.Source = source
			continue
		}
		if isTenant {
			if len(r.Indirection) > 0 {
				p.denyTenantValue(t, r.Location)
				return
			}
			if p.isTenant(r.Val, sc) {
				r.Val = p.value(t)
			} else {
				r.Val = p.tenantValue(r.Val, t, inSet)
			}
			continue
		}
		if r.Val.GetSetToDefault() == nil {
			p.expr(r.Val, sc)
		}
		if len(r.Indirection) == 0 {
			p.lesson.stored(r.Val, t.Relation.Column(r.Name))
		}
	}
}

// assignmentSource walks the right side of a multi-column assignment, where a row may hold DEFAULT.
func (p *pass) assignmentSource(n *pg.Node, sc *scope) {
	row := n.GetRowExpr()
	if row == nil {
		p.expr(n, sc)
		return
	}
	for _, a := range row.Args {
		if a.GetSetToDefault() == nil {
			p.expr(a, sc)
		}
	}
}

// valuePlace is where a value for the tenant column stands. The expressions of an INSERT's source have been walked before.
type valuePlace uint8

const (
	inValues valuePlace = iota // VALUES of an INSERT
	inSelect                   // the select list of an INSERT's source
	inSet                      // SET
)

// tenantValue checks a value given for the tenant column that is no column of the tenant's itself: a constant or a parameter, which the
// executor compares with the tenant's id, or, in INSERT, DEFAULT. What is stored in its place is always the tenant parameter: between the comparison and the
// column the client's value could become another one, by the type of its parameter or an assignment cast.
func (p *pass) tenantValue(n *pg.Node, t *policy.BoundTable, place valuePlace) *pg.Node {
	table := t.Relation.Schema + "." + t.Relation.Name
	value := n
	for value.GetTypeCast() != nil && tenantCast(value.GetTypeCast().TypeName) {
		value = value.GetTypeCast().Arg
	}
	switch v := value.GetNode().(type) {
	case *pg.Node_AConst:
		text, ok := constText(v.AConst)
		if ok {
			p.constants = append(p.constants, TenantConstant{Text: text, Type: t.Type, Position: p.position(v.AConst.Location), Table: table})
			return p.value(t)
		}
	case *pg.Node_ParamRef:
		if place == inSet {
			p.paramRef(v.ParamRef)
		}
		p.paramUses[v.ParamRef.Number]-- // it will not stand in the output
		p.arguments = append(p.arguments, TenantArgument{Number: int(v.ParamRef.Number), Type: t.Type, OID: t.Relation.Column(t.Column).TypeOID,
			Position: p.position(v.ParamRef.Location), Table: table})
		return p.value(t)
	case *pg.Node_SetToDefault:
		if place == inValues {
			return p.value(t)
		}
	}
	p.denyTenantValue(t, -1)
	return n
}

// tenantCast tells whether a cast around a tenant constant may be dropped: to a type that a tenant column can have.
func tenantCast(t *pg.TypeName) bool {
	if len(t.GetArrayBounds()) > 0 || t.GetSetof() || len(t.GetNames()) == 0 || len(t.GetTypmods()) > 0 {
		return false
	}
	switch t.Names[len(t.Names)-1].GetString_().GetSval() {
	case "text", "varchar", "uuid", "int4", "int8", "numeric":
		return len(t.Names) == 1 || t.Names[0].GetString_().GetSval() == "pg_catalog"
	}
	return false
}

// constText returns a constant as the text that Postgres would read it from; false for NULL, booleans and bit strings.
func constText(c *pg.A_Const) (string, bool) {
	if c.Isnull {
		return "", false
	}
	switch v := c.Val.(type) {
	case *pg.A_Const_Sval:
		return v.Sval.Sval, true
	case *pg.A_Const_Ival:
		return fmt.Sprint(v.Ival.Ival), true
	case *pg.A_Const_Fval:
		return v.Fval.Fval, true
	}
	return "", false
}

func (p *pass) denyTenantValue(t *policy.BoundTable, loc int32) {
	p.denyAt(loc, statePrivilege, ruleTenantValue,
		"column "+t.Column+" of "+t.Relation.Schema+"."+t.Relation.Name+" may only be given the tenant's own id as a constant or a parameter",
		"Leave the column out: it is filled in.")
}
