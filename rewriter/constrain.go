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

// predicate is `ref.column = $n`, bare: no cast or function around the column, so that Postgres can use its index and
// puts it before everything of the client's that costs more than one operator.
func (p *pass) predicate(ref []string, t *policy.BoundTable) *pg.Node {
	fields := make([]*pg.Node, 0, len(ref)+1)
	for _, r := range ref {
		fields = append(fields, pg.MakeStrNode(r))
	}
	fields = append(fields, pg.MakeStrNode(t.Column))
	return &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{
		Kind:  pg.A_Expr_Kind_AEXPR_OP,
		Name:  p.equals(),
		Lexpr: columnRef(fields),
		Rexpr: p.tenantParam(t.Type),
	}}}
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

// sub wraps a relation into `(SELECT * FROM rel WHERE rel.column = $n) AS alias`, for places where a predicate
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
		WhereClause: p.predicate([]string{rv.Schemaname, rv.Relname}, t),
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT,
		Op:          pg.SetOperation_SETOP_NONE,
	}
	return &pg.Node{Node: &pg.Node_RangeSubselect{RangeSubselect: &pg.RangeSubselect{
		Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}},
		Alias:    alias,
	}}}, sel
}

// and joins the tenant predicates, first, with the client's condition.
func and(preds []*pg.Node, client *pg.Node) *pg.Node {
	args := append([]*pg.Node(nil), preds...)
	if client != nil {
		if b := client.GetBoolExpr(); b != nil && b.Boolop == pg.BoolExprType_AND_EXPR {
			args = append(args, b.Args...)
		} else {
			args = append(args, client)
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

// note records what was done to a relation.
func (p *pass) note(t *policy.BoundTable, alias string, ref []string, place string) {
	n := RelationNote{Relation: t.Relation.Schema + "." + t.Relation.Name, Alias: alias, Scope: t.Scope, Place: place}
	if t.Scope == policy.ScopeTenant && ref != nil {
		n.Predicate = strings.Join(ref, ".") + "." + t.Column + " = tenant"
	}
	p.notes = append(p.notes, n)
}
