package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// This file is the only maker of tenant predicates and tenant values.

// tenantParam returns a new reference to the tenant parameter of the given type. Its number is set by number(),
// when the client's own parameters have been counted.
func (p *pass) tenantParam(t policy.ColumnType) *pg.Node {
	ref := &pg.ParamRef{}
	p.params[t] = append(p.params[t], ref)
	return &pg.Node{Node: &pg.Node_ParamRef{ParamRef: ref}}
}

// number gives the tenant parameters their numbers, after the client's.
func (p *pass) number(clientParams int) []TenantParam {
	var out []TenantParam
	for t := policy.TypeText; t <= policy.TypeNumeric; t++ {
		refs := p.params[t]
		if len(refs) == 0 {
			continue
		}
		n := clientParams + len(out) + 1
		for _, r := range refs {
			r.Number = int32(n)
		}
		out = append(out, TenantParam{Number: n, Type: t, OID: t.ParamOID()})
	}
	return out
}

// access says which rows of a relation a predicate lets through.
type access uint8

const (
	reading  access = iota // the tenant's, and default rows
	writing                // the tenant's alone
	extended               // as reading, and the rows of NULLs with which a join extends the relation
)

// confined tells whether the relation has rows that the session may not see, so that it needs a predicate.
func (p *pass) confined(t *policy.BoundTable) bool { return t.Scope.HasTenant() || p.hidesMarked(t) }

// hidesMarked tells whether rows that are marked as deleted are hidden from the session.
func (p *pass) hidesMarked(t *policy.BoundTable) bool {
	return t.SoftDelete != nil && !(p.role != nil && p.role.SeesDeleted) && !omitted("marked rows")
}

// predicate is the condition on rows that are read, of a relation that is confined. See predicates.
func (p *pass) predicate(ref []string, t *policy.BoundTable) *pg.Node {
	return and(p.predicates(ref, t, reading), nil)
}

// targetPredicate is the condition on rows that are written.
func (p *pass) targetPredicate(ref []string, t *policy.BoundTable) *pg.Node {
	return and(p.predicates(ref, t, writing), nil)
}

// predicates are the conditions that confine a relation.
//
// For the tenant it is `ref.column = $n`, bare: no cast or function around the column, so that Postgres can use its index and
// puts it before everything of the client's that costs more than one operator. Where default rows are let through it is
// `ref.column = $n OR ref.column IS NULL`, which costs the same. A test for a mark of deletion costs nothing, and runs first.
func (p *pass) predicates(ref []string, t *policy.BoundTable, a access) []*pg.Node {
	var out []*pg.Node
	if t.Scope.HasTenant() {
		equal := &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{
			Kind:  pg.A_Expr_Kind_AEXPR_OP,
			Name:  p.equals(),
			Lexpr: columnOf(ref, t.Column),
			Rexpr: p.tenantParam(t.Type),
		}}}
		switch {
		case t.Scope == policy.ScopeMixed && (a != writing || omitted("default rows kept from writes")):
			equal = boolExpr(pg.BoolExprType_OR_EXPR, []*pg.Node{equal, isNull(columnOf(ref, t.Column))})
		case a == extended:
			equal = boolExpr(pg.BoolExprType_OR_EXPR, []*pg.Node{equal, isNull(columnOf(ref, neverNull(t)))})
		}
		out = append(out, equal)
	}
	if p.hidesMarked(t) {
		out = append(out, live(ref, t.SoftDelete))
	}
	return out
}

// neverNull is a column that is NULL only where a join extends the relation: not the tenant column when rows without a tenant may exist.
func neverNull(t *policy.BoundTable) string {
	if col := t.Relation.Column(t.Column); col == nil || !col.NotNull {
		return "tableoid"
	}
	return t.Column
}

// live is the condition that a row is not marked as deleted.
func live(ref []string, s *policy.SoftDelete) *pg.Node {
	column := columnOf(ref, s.Column)
	if !s.Boolean {
		return isNull(column)
	}
	return &pg.Node{Node: &pg.Node_BooleanTest{BooleanTest: &pg.BooleanTest{Arg: column, Booltesttype: pg.BoolTestType_IS_NOT_TRUE}}}
}

func isNull(n *pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_NullTest{NullTest: &pg.NullTest{Arg: n, Nulltesttype: pg.NullTestType_IS_NULL}}}
}

func columnOf(ref []string, column string) *pg.Node {
	fields := make([]*pg.Node, 0, len(ref)+1)
	for _, r := range ref {
		fields = append(fields, pg.MakeStrNode(r))
	}
	return columnRef(append(fields, pg.MakeStrNode(column)))
}

// equals is the name of the predicate's operator.
func (p *pass) equals() []*pg.Node {
	name := []*pg.Node{pg.MakeStrNode("=")}
	if p.userOperator("=") {
		name = []*pg.Node{pg.MakeStrNode("pg_catalog"), name[0]}
	}
	return name
}

// value is the tenant's id as a value to be stored: `$n::type`, typed because a set operation or VALUES list
// would otherwise resolve it as text.
func (p *pass) value(t *policy.BoundTable) *pg.Node {
	return typeCast(p.tenantParam(t.Type), castName(t.Type))
}

func castName(t policy.ColumnType) string {
	switch t {
	case policy.TypeVarchar:
		return "text" // assignment to the column applies its length
	case policy.TypeText, policy.TypeUUID, policy.TypeInt4, policy.TypeInt8, policy.TypeNumeric:
		return t.String()
	}
	return "text"
}

// sub wraps a relation into `(SELECT * FROM rel WHERE <predicate>) AS alias`, for places where a predicate
// beside the relation would not filter it, or a hidden column would show.
func (p *pass) sub(rv *pg.RangeVar, t *policy.BoundTable) (*pg.Node, *pg.SelectStmt) {
	alias := rv.Alias
	if alias == nil {
		alias = &pg.Alias{Aliasname: rv.Relname}
	}
	inner := &pg.RangeVar{Schemaname: rv.Schemaname, Relname: rv.Relname, Inh: rv.Inh, Relpersistence: rv.Relpersistence}
	columns := []*pg.Node{resTarget("", columnRef([]*pg.Node{{Node: &pg.Node_AStar{AStar: &pg.A_Star{}}}}))}
	if t.Hidden {
		columns = (&item{ref: []string{rv.Schemaname, rv.Relname}, columns: p.visible(t)}).listed(-1)
	}
	sel := &pg.SelectStmt{
		TargetList:  columns,
		FromClause:  []*pg.Node{{Node: &pg.Node_RangeVar{RangeVar: inner}}},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT,
		Op:          pg.SetOperation_SETOP_NONE,
	}
	if !omitted("sub-select around a relation") {
		sel.WhereClause = p.predicate([]string{rv.Schemaname, rv.Relname}, t)
	}
	return &pg.Node{Node: &pg.Node_RangeSubselect{RangeSubselect: &pg.RangeSubselect{
		Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}},
		Alias:    alias,
	}}}, sel
}

// and joins the tenant predicates, first, with the client's condition.
func and(preds []*pg.Node, client *pg.Node) *pg.Node {
	var args []*pg.Node
	for _, n := range append(append([]*pg.Node(nil), preds...), client) {
		switch b := n.GetBoolExpr(); {
		case n == nil:
		case b != nil && b.Boolop == pg.BoolExprType_AND_EXPR:
			args = append(args, b.Args...)
		default:
			args = append(args, n)
		}
	}
	switch len(args) {
	case 0:
		return nil
	case 1:
		return args[0]
	}
	return boolExpr(pg.BoolExprType_AND_EXPR, args)
}

func boolExpr(op pg.BoolExprType, args []*pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_BoolExpr{BoolExpr: &pg.BoolExpr{Boolop: op, Args: args}}}
}

func columnRef(fields []*pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_ColumnRef{ColumnRef: &pg.ColumnRef{Fields: fields}}}
}

func resTarget(name string, val *pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Name: name, Val: val}}}
}

func typeCast(arg *pg.Node, typ string) *pg.Node {
	names := []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(typ)}
	return &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{
		Arg: arg, TypeName: &pg.TypeName{Names: names, Typemod: -1},
	}}}
}

// note records what was done to a relation that is read.
func (p *pass) note(t *policy.BoundTable, alias string, ref []string, place string) {
	p.noteAccess(t, alias, ref, place, reading)
}

// noteTarget records what was done to a relation that is written.
func (p *pass) noteTarget(t *policy.BoundTable, alias string, ref []string, place string) {
	p.noteAccess(t, alias, ref, place, writing)
}

func (p *pass) noteAccess(t *policy.BoundTable, alias string, ref []string, place string, a access) {
	n := RelationNote{Relation: t.Relation.Schema + "." + t.Relation.Name, Alias: alias, Scope: t.Scope, Place: place}
	if ref != nil {
		n.Predicate = p.described(strings.Join(ref, ".")+".", t, a)
	}
	p.notes = append(p.notes, n)
}

// described is what predicates makes, in words.
func (p *pass) described(ref string, t *policy.BoundTable, a access) string {
	var parts []string
	switch {
	case t.Scope == policy.ScopeMixed && a == reading:
		parts = append(parts, "("+ref+t.Column+" = tenant OR "+ref+t.Column+" IS NULL)")
	case t.Scope.HasTenant():
		parts = append(parts, ref+t.Column+" = tenant")
	}
	if p.hidesMarked(t) {
		test := " IS NULL"
		if t.SoftDelete.Boolean {
			test = " IS NOT TRUE"
		}
		parts = append(parts, ref+t.SoftDelete.Column+test)
	}
	return strings.Join(parts, " AND ")
}
