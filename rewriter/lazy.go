package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
)

// Values that fail when they are first needed. What in a condition refers to no column is not computed beforehand, unless it can be folded to a constant: a
// sub-select that stands for itself runs when the first row asks for its value, and costs nothing until then; a stable function, and
// any call over a parameter, runs for each row. If it fails, as a sub-select of two rows does, it fails on the first row that gets as far, whoever's that
// is, and does not where there is none.
//
// A tenant predicate runs first when such a value stands below two calls: those that it makes itself count, and comparing it. Where it does not, and has an
// order, LEAST of it alone is such a call, which leaves the planner its indexes: `n > LEAST((SELECT ...))`. Else the condition is guarded.
//
// What a condition of such values alone tests is tested once, whether there are rows or not. So are sub-selects that become joins.

// risk is 0 where nothing fails late, else one more than the calls between the value that does and the top of the expression.
type risk int

// safeRisk is that of a value below two calls.
const safeRisk risk = 3

func (r risk) some() bool { return r > 0 && r < safeRisk && !omitted("values that fail late") }

// least is the risk of two values that stand beside each other.
func (r risk) least(o risk) risk {
	if r == 0 || o > 0 && o < r {
		return o
	}
	return r
}

// heavier is the weight below one more call, which the planner leaves there as long as it leaves what is below.
func (w weight) heavier() weight {
	if w.risk > 0 {
		w.risk++
	}
	if !w.rows {
		w.still++
	}
	return w
}

// idle is the weight of a call without a column in its arguments.
func (w weight) idle(harmless bool) weight {
	out := weight{harmless: true, collation: w.collation, explicit: w.explicit}
	if !w.loose {
		return out // folded
	}
	out.loose, out.still, out.risk = true, w.still, w.risk
	if !harmless {
		out.risk = out.risk.least(max(2, 1+risk(w.still)))
	}
	return out
}

// unfolded is the weight of a value that the planner may not know.
func (w weight) unfolded() weight {
	w.loose = true
	return w
}

// remains tells whether a comparison is surely left as a call where one of its operands cannot be folded.
func (p *pass) remains(e *pg.A_Expr, l, r weight, sc *scope) bool {
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		if op := opName(e.Name); op != "=" && op != "<>" {
			return true
		}
		if l.rows && r.rows && p.couldBecomeNullTest(e, sc) {
			return false
		}
		return p.notBooleanExpr(e.Lexpr, sc) || p.notBooleanExpr(e.Rexpr, sc) || unfoldable(e.Lexpr) && unfoldable(e.Rexpr)
	case pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL,
		pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF:
		return p.notBooleanExpr(e.Lexpr, sc) || comparesValue(e)
	}
	return true
}

// notBooleanExpr tells whether an operand is surely no boolean.
func (p *pass) notBooleanExpr(n *pg.Node, sc *scope) bool {
	if n.GetAConst() != nil {
		return notBoolean(n)
	}
	t := p.typeOf(n, sc)
	return t != 0 && t != oidBool
}

// unfoldable tells whether an operand is surely no constant once the planner has looked at it.
func unfoldable(n *pg.Node) bool {
	switch n.GetNode().(type) {
	case *pg.Node_ColumnRef, *pg.Node_SubLink, *pg.Node_MinMaxExpr:
		return true
	}
	return false
}

// volatility is the worst of the functions that a call could mean: 'v', 's' or 'i'.
func (p *pass) volatility(f *pg.FuncCall) byte {
	found := byte('i')
	for schema, s := range p.cat.Schemas {
		if len(f.Funcname) == 2 && schema != f.Funcname[0].GetString_().GetSval() {
			continue
		}
		for _, o := range s.Functions[opName(f.Funcname)] {
			if takes(o, len(f.Args)) {
				found = max(found, o.Volatility) // i < s < v
			}
		}
	}
	return found
}

// failsLate tells whether a condition holds a value that fails late, beside columns.
func (p *pass) failsLate(n *pg.Node, sc *scope) bool {
	if l := n.GetSubLink(); l != nil && l.SubLinkType == pg.SubLinkType_ANY_SUBLINK {
		n = l.Testexpr // it becomes a join
	}
	w := p.weigh(n, sc)
	return w.rows && w.risk.some() && p.besideOthers(n, sc)
}

// besideOthers tells whether a condition could run on rows of other tenants. Rows of catalogs that are left out are none of them, and those that
// remain are many in every database.
func (p *pass) besideOthers(n *pg.Node, sc *scope) bool {
	refs := columnRefs(n)
	if len(refs) == 0 {
		return true
	}
	for _, ref := range refs {
		_, owners := p.resolve(ref, sc)
		for _, it := range owners {
			if !it.global && !it.catalog {
				return true
			}
		}
		if len(owners) == 0 {
			return true
		}
	}
	return false
}

// partsFailLate tells so for conditions that are joined by AND or OR, or negated: one that fails and another that has columns are enough.
func (p *pass) partsFailLate(parts []*pg.Node, sc *scope) bool {
	rows, fails := false, false
	for _, n := range parts {
		w := p.weigh(n, sc)
		rows, fails = rows || w.rows && p.besideOthers(n, sc), fails || w.risk.some()
	}
	return rows && fails
}

// weighDown puts LEAST around the sub-selects of an unsafe condition, if that makes it safe.
func (p *pass) weighDown(cond *pg.Node, sc *scope) bool {
	type change struct {
		n   *pg.Node
		sub *pg.Node_SubLink
	}
	var changes []change
	eachOperand(cond, func(n *pg.Node) {
		l, ok := n.Node.(*pg.Node_SubLink)
		if !ok || l.SubLink.Testexpr != nil || !p.ordered(l.SubLink) {
			return
		}
		changes = append(changes, change{n, l})
		n.Node = &pg.Node_MinMaxExpr{MinMaxExpr: &pg.MinMaxExpr{Op: pg.MinMaxOp_IS_LEAST, Location: -1, Args: []*pg.Node{{Node: l}}}}
	})
	if len(changes) > 0 && !p.unsafe(cond, sc) {
		return true
	}
	for _, c := range changes {
		c.n.Node = c.sub
	}
	return false
}

// eachOperand visits the nodes of an expression but for those inside sub-selects.
func eachOperand(n *pg.Node, visit func(*pg.Node)) {
	switch v := n.GetNode().(type) {
	case *pg.Node_AExpr:
		eachOperand(v.AExpr.Lexpr, visit)
		eachOperand(v.AExpr.Rexpr, visit)
	case *pg.Node_BoolExpr:
		eachOperandOf(v.BoolExpr.Args, visit)
	case *pg.Node_List:
		eachOperandOf(v.List.Items, visit)
	case *pg.Node_CoalesceExpr:
		eachOperandOf(v.CoalesceExpr.Args, visit)
	case *pg.Node_AArrayExpr:
		eachOperandOf(v.AArrayExpr.Elements, visit)
	case *pg.Node_FuncCall:
		eachOperandOf(v.FuncCall.Args, visit)
	case *pg.Node_TypeCast:
		eachOperand(v.TypeCast.Arg, visit)
	case *pg.Node_BooleanTest:
		eachOperand(v.BooleanTest.Arg, visit)
	case *pg.Node_SubLink:
		visit(n)
	}
}

func eachOperandOf(list []*pg.Node, visit func(*pg.Node)) {
	for _, n := range list {
		eachOperand(n, visit)
	}
}

// ordered tells whether a sub-select yields one value of a type that surely has an order, as LEAST needs.
func (p *pass) ordered(l *pg.SubLink) bool {
	if l.SubLinkType != pg.SubLinkType_EXPR_SUBLINK && l.SubLinkType != pg.SubLinkType_ARRAY_SUBLINK {
		return false
	}
	s := l.Subselect.GetSelectStmt()
	for s != nil && s.Op != pg.SetOperation_SETOP_NONE {
		s = s.Larg
	}
	return s != nil && len(s.ValuesLists) == 0 && p.levels[s] != nil && len(s.TargetList) == 1 && p.orderedExpr(s.TargetList[0].GetResTarget().GetVal(), p.levels[s])
}

// orderedExpr tells so for an expression.
func (p *pass) orderedExpr(n *pg.Node, sc *scope) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_AConst:
		return !v.AConst.Isnull
	case *pg.Node_ParamRef:
		return true // of an unknown type it is a text
	case *pg.Node_ColumnRef:
		if isStar(n) {
			cols := starColumns(v.ColumnRef, sc)
			return len(cols) == 1 && p.orderedType(cols[0].typ)
		}
		return p.orderedType(p.typeOf(n, sc))
	case *pg.Node_AExpr:
		return (v.AExpr.Lexpr == nil || p.orderedExpr(v.AExpr.Lexpr, sc)) && p.orderedExpr(v.AExpr.Rexpr, sc)
	case *pg.Node_CoalesceExpr:
		return len(v.CoalesceExpr.Args) > 0 && p.orderedExpr(v.CoalesceExpr.Args[0], sc)
	case *pg.Node_CaseExpr:
		return len(v.CaseExpr.Args) > 0 && p.orderedExpr(v.CaseExpr.Args[0].GetCaseWhen().GetResult(), sc)
	case *pg.Node_MinMaxExpr, *pg.Node_SqlvalueFunction:
		return true
	case *pg.Node_SubLink:
		return v.SubLink.Testexpr == nil && p.ordered(v.SubLink)
	case *pg.Node_FuncCall:
		return p.orderedCall(v.FuncCall, sc)
	}
	return p.orderedType(p.typeOf(n, sc))
}

func (p *pass) orderedCall(f *pg.FuncCall, sc *scope) bool {
	if len(f.Funcname) != 2 || f.Funcname[0].GetString_().GetSval() != "pg_catalog" {
		return false
	}
	found := false
	for _, o := range p.cat.Schemas["pg_catalog"].Functions[opName(f.Funcname)] {
		switch {
		case !takes(o, len(f.Args)) && !f.AggStar:
			continue
		case p.orderedType(o.Return):
		case isPolymorphic(o.Return) && len(f.Args) > 0 && p.orderedExpr(f.Args[0], sc):
		case len(f.Args) > 0 && p.orderedExpr(f.Args[0], sc) && !p.takesOrdered(o):
		default:
			return false
		}
		found = true
	}
	return found
}

// takesOrdered tells whether a function's first argument is of a type with an order: one of another type, as sum(box), is not meant by
// a call with such an argument.
func (p *pass) takesOrdered(f *catalog.Function) bool {
	return len(f.Args) > 0 && (p.orderedType(f.Args[0]) || isPolymorphic(f.Args[0]))
}

func isPolymorphic(oid uint32) bool {
	switch oid {
	case oidAnyElement, oidAnyArray, oidAnyCompatible, oidAnyCompatibleArray:
		return true
	}
	return false
}

// orderedType tells whether a type surely has an order: the built-in ones on which operators are harmless have, and those made of them.
func (p *pass) orderedType(oid uint32) bool {
	t := p.cat.TypeByOID[oid]
	return harmlessType(oid) || t != nil && (t.Kind == 'e' || t.Kind == 'd' && harmlessType(t.Base) || t.Extension == "citext" && t.Name == "citext")
}

// weighCast: a constant is read when the statement is, and a parameter without a type gets that of the cast.
func (p *pass) weighCast(c *pg.TypeCast, sc *scope) weight {
	w := p.weigh(c.Arg, sc)
	harmless := p.harmlessCast(c, sc)
	switch v := c.Arg.GetNode().(type) {
	case *pg.Node_AConst:
		return w.call(harmless, false)
	case *pg.Node_ParamRef:
		harmless = harmless || p.openParam(v.ParamRef.Number, c.TypeName)
	}
	return w.unfolded().call(harmless, false)
}

// openParam tells whether a parameter has no type of its own, or one of which the cast makes no call that can fail.
func (p *pass) openParam(n int32, t *pg.TypeName) bool {
	if len(t.GetTypmods()) > 0 || n < 1 {
		return false // the value has to fit
	}
	declared := uint32(0)
	switch {
	case !p.preparing && int(n) <= len(p.req.ParamTypes):
		declared = p.req.ParamTypes[n-1]
	case p.preparing && int(n) <= len(p.argTypes) && !isUnknown(p.argTypes[n-1].GetTypeName()):
		if declared = p.typeNameOID(p.argTypes[n-1].GetTypeName()); declared == 0 {
			return false
		}
	}
	to := p.typeNameOID(t)
	return declared == 0 || declared == oidUnknown || declared == to || harmlessType(declared) && (to == oidText || to == oidVarchar)
}
