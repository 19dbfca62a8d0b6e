package rewriter

import (
	"sync"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Order of evaluation. Postgres sorts the conditions of a scan by cost, so a tenant predicate, which costs one operator, runs
// before everything that costs more. A client's condition of a single call costs as much and may run first, on rows of every
// tenant: if it can raise an error or have an effect that depends on the row, another tenant's row can be noticed.
//
// So each condition is weighed. It is left alone when all of its calls are harmless (they cannot fail, whatever the row holds) or when
// it surely costs at least two calls and the planner does not try it on statistics (estimate.go). Otherwise it is guarded: `CASE WHEN <tenant predicate> THEN (condition) ELSE false END`,
// which the planner does not take apart; a sub-select or common table expression gets a barrier instead.
//
// AND, OR and NOT are looked through, because the planner takes them apart; calls that it could fold away do not count (vanish.go).

// weight is what is known of an expression's evaluation.
type weight struct {
	harmless bool // no call in it can fail or be noticed
	calls    int  // calls that surely remain after planning
	rows     bool // it refers to a column
	folding  bool // its collation may be nondeterministic (like.go)
	late     bool // it refers to rows that are chosen by conditions of any cost (late.go)
	// Of a text (collation.go): its collation, whether COLLATE has chosen it, and whether there may be none.
	collation       uint32
	explicit, clash bool
	// Of what refers to no column (lazy.go): that it may be known only when it runs, its calls, and whether it can fail then.
	loose bool
	still int
	risk  risk
}

var weightless = weight{harmless: true}

func (w weight) and(v weight) weight {
	return weight{harmless: w.harmless && v.harmless, calls: w.calls + v.calls, rows: w.rows || v.rows, folding: w.folding || v.folding,
		late: w.late || v.late, loose: w.loose || v.loose, still: w.still + v.still, risk: w.risk.least(v.risk)}.collate(w, v)
}

// call adds one call to the weight of its arguments. Without a column in them the call is folded or runs as lazy.go tells.
func (w weight) call(harmless, counts bool) weight {
	if !w.rows {
		return w.idle(harmless)
	}
	w.harmless = w.harmless && harmless
	if counts {
		w.calls++
	}
	return w
}

// guard returns the condition with every conjunct that needs it guarded.
//
// Beside a guard stands what the conjunct needs of items that a join can extend with NULLs, which Postgres does not see through it (strict.go).
func (p *pass) guard(cond *pg.Node, sc *scope) *pg.Node {
	needed := sync.OnceValue(func() needs { return p.neededBy(cond, sc) })
	guarded := p.eachUnsafe(cond, sc, func(c *pg.Node) []*pg.Node {
		preds, barred := p.guardPredicates(c, sc, needed())
		hide := len(preds) == 0 && barred && p.tried(c, sc) && !omitted("condition kept from estimates")
		if len(preds) == 0 && !hide {
			return []*pg.Node{c}
		}
		var out []*pg.Node
		for _, n := range p.neededBy(c, sc) {
			if n.it.nullable {
				out = append(out, n.notNull())
			}
		}
		if hide {
			return append(out, opaque(c))
		}
		return append(out, caseWhen(p.guardTest(c, sc, preds), c))
	})
	return and(guarded, nil)
}

// guardFull guards the ON of a FULL JOIN, which can only be planned when it is left as it is: its sides, all of them wrapped, get barriers.
func (p *pass) guardFull(cond *pg.Node, sc *scope) *pg.Node {
	guarded := p.eachUnsafe(cond, sc, func(c *pg.Node) []*pg.Node {
		preds, barred := p.guardPredicates(c, sc, nil)
		if len(preds) > 0 {
			p.deny(stateFeature, ruleEvaluationOrder, "a condition of a FULL JOIN could be evaluated on rows of other tenants",
				"Put the condition into a sub-select.")
		}
		switch e := c.GetAExpr(); {
		case !barred || !p.tried(c, sc):
		case !joins(c) || p.comparesRows(e, sc):
			c = opaque(c)
		case p.clashes(sc, e.Lexpr, e.Rexpr):
			p.deny(stateFeature, ruleEvaluationOrder, "a condition of a FULL JOIN could compare texts of two collations on statistics of other tenants' rows",
				"Use the COLLATE clause on one side, or name the columns by their table.")
		}
		return []*pg.Node{c}
	})
	return and(guarded, nil)
}

// guardHaving guards HAVING, of which Postgres moves conditions without aggregates into WHERE: an aggregate in the condition
// keeps it where it is, after the rows were chosen.
func (p *pass) guardHaving(cond *pg.Node, sc *scope) *pg.Node {
	guarded := p.eachUnsafe(cond, sc, func(c *pg.Node) []*pg.Node {
		count := &pg.Node{Node: &pg.Node_FuncCall{FuncCall: &pg.FuncCall{
			Funcname: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("count")},
			AggStar:  true, Funcformat: pg.CoercionForm_COERCE_EXPLICIT_CALL,
		}}}
		zero := pg.MakeAConstIntNode(0, -1)
		always := &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{
			Kind: pg.A_Expr_Kind_AEXPR_OP, Name: []*pg.Node{pg.MakeStrNode(">=")}, Lexpr: count, Rexpr: zero}}}
		return []*pg.Node{caseWhen(always, c)}
	})
	return and(guarded, nil)
}

// eachUnsafe puts what guarded returns in the place of each conjunct that needs it, and returns the conjuncts: of an AND that is itself a
// conjunct, that AND.
// joins tells whether a condition is an equality of two expressions over columns: Postgres joins by it, and finds no other way for a FULL JOIN.
// Of such a clause it replaces no side by a constant.
func joins(c *pg.Node) bool {
	e := c.GetAExpr()
	return e != nil && e.Kind == pg.A_Expr_Kind_AEXPR_OP && opName(e.Name) == "=" && len(columnRefs(e.Lexpr)) > 0 && len(columnRefs(e.Rexpr)) > 0
}

func (p *pass) eachUnsafe(cond *pg.Node, sc *scope, guarded func(*pg.Node) []*pg.Node) []*pg.Node {
	if cond == nil {
		return nil
	}
	if p.denial != nil || omitted("guard") {
		return []*pg.Node{cond}
	}
	if p.draws {
		p.noDraw(cond)
	}
	if b := cond.GetBoolExpr(); b != nil && b.Boolop == pg.BoolExprType_AND_EXPR {
		var args []*pg.Node
		for _, c := range b.Args {
			args = append(args, p.eachUnsafe(c, sc, guarded)...)
		}
		b.Args = args
		return []*pg.Node{cond}
	}
	if p.unsafe(cond, sc) && !p.weighDown(cond, sc) {
		return guarded(cond)
	}
	return []*pg.Node{cond}
}

func caseWhen(when, then *pg.Node) *pg.Node {
	no := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Boolval{Boolval: &pg.Boolean{}}}}}
	return &pg.Node{Node: &pg.Node_CaseExpr{CaseExpr: &pg.CaseExpr{
		Args:      []*pg.Node{{Node: &pg.Node_CaseWhen{CaseWhen: &pg.CaseWhen{Expr: when, Result: then}}}},
		Defresult: no,
	}}}
}

// guardPredicates returns the conditions under which the conjunct may run, and sets the barriers it needs; barred tells whether it needs one.
// The whole condition is false or NULL where an item that it needs is extended with NULLs.
func (p *pass) guardPredicates(c *pg.Node, sc *scope, needed needs) (preds []*pg.Node, barred bool) {
	seen := map[*item]bool{}
	for s := sc.parent; s != nil; s = s.parent {
		for _, it := range s.items {
			seen[it] = seen[it] || s.chosen // its groups have no tenant column, unless the client groups by it
		}
	}
	refs := columnRefs(c)
	if hasEffect(c) || len(refs) == 0 {
		refs = append(refs, &pg.ColumnRef{}) // it may depend on no column, and must still not run for other rows
	}
	for _, ref := range refs {
		var owners []*item
		if len(ref.Fields) > 0 {
			_, owners = p.resolve(ref, sc)
		}
		if owners == nil {
			for s := sc; s != nil; s = s.parent {
				owners = append(owners, s.items...)
			}
		}
		for _, it := range owners {
			if seen[it] || it.global {
				continue
			}
			seen[it] = true
			switch {
			case it.table != nil:
				preds = append(preds, p.guardPredicate(it, it.nullable && needed.find(it) == nil))
			case it.barrier != nil:
				it.barrier()
				barred = true
			default:
				p.deny(stateFeature, ruleEvaluationOrder, "a condition on "+it.name+" could be evaluated on rows of other tenants",
					"Name the columns by their table.")
			}
		}
	}
	return preds, barred
}

// guardPredicate is the item's predicate; with nulls also true for the NULLs with which a join extends the item.
func (p *pass) guardPredicate(it *item, nulls bool) *pg.Node {
	switch {
	case it.target, it.locked:
		return p.targetPredicate(it.ref, it.table)
	case nulls:
		return and(p.predicates(it.ref, it.table, extended), nil)
	}
	return p.predicate(it.ref, it.table)
}

// unsafe tells whether a condition, or a part of it that the planner can make a condition of its own, could run too early.
func (p *pass) unsafe(n *pg.Node, sc *scope) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_BoolExpr:
		for _, a := range v.BoolExpr.Args {
			if p.unsafe(a, sc) {
				return true
			}
		}
		return p.partsFailLate(v.BoolExpr.Args, sc)
	case *pg.Node_BooleanTest:
		return p.unsafe(v.BooleanTest.Arg, sc) || p.partsFailLate([]*pg.Node{v.BooleanTest.Arg}, sc)
	}
	if p.failsLate(n, sc) {
		return true
	}
	w := p.weigh(n, sc)
	return w.rows && !w.harmless && (w.calls < 2 || w.late || p.tried(n, sc) && !omitted("condition kept from estimates"))
}

// weigh computes the weight of an expression. What it does not know is not harmless and counts for nothing.
func (p *pass) weigh(n *pg.Node, sc *scope) weight {
	switch v := n.GetNode().(type) {
	case nil:
		return weightless
	case *pg.Node_AConst:
		return weightless
	case *pg.Node_ParamRef:
		return weightless.withCollation(p.paramCollation(v.ParamRef.Number)).unfolded()
	case *pg.Node_SqlvalueFunction:
		return weightless.withCollation(valueCollation(v.SqlvalueFunction)).unfolded().heavier()
	case *pg.Node_ColumnRef:
		return p.weighColumn(v.ColumnRef, sc)
	case *pg.Node_AExpr:
		return p.weighOperator(v.AExpr, sc)
	case *pg.Node_FuncCall:
		return p.weighFunction(v.FuncCall, sc)
	case *pg.Node_TypeCast:
		w := p.weighCast(v.TypeCast, sc)
		w.collation = p.castCollation(v.TypeCast, w.collation)
		return w
	case *pg.Node_NullTest:
		return p.weigh(v.NullTest.Arg, sc).uncollated()
	case *pg.Node_CollateClause:
		return p.weigh(v.CollateClause.Arg, sc).collated(v.CollateClause)
	case *pg.Node_SubLink:
		return p.weighSubLink(v.SubLink, sc)
	case *pg.Node_BoolExpr:
		return p.weighAll(v.BoolExpr.Args, sc)
	case *pg.Node_BooleanTest:
		return p.weighAll([]*pg.Node{v.BooleanTest.Arg}, sc)
	case *pg.Node_CoalesceExpr:
		return p.weighAll(v.CoalesceExpr.Args, sc)
	case *pg.Node_MinMaxExpr:
		if args := v.MinMaxExpr.Args; len(args) == 1 {
			if w := p.weigh(args[0], sc).part(); w.rows {
				return w.heavier().call(true, true) // which is not taken apart
			}
		}
		return p.weighAll(v.MinMaxExpr.Args, sc).heavier()
	case *pg.Node_RowExpr:
		return p.weighAll(v.RowExpr.Args, sc)
	case *pg.Node_List:
		return p.weighAll(v.List.Items, sc)
	case *pg.Node_AArrayExpr:
		return p.weighAll(v.AArrayExpr.Elements, sc)
	case *pg.Node_CaseExpr:
		w := p.weigh(v.CaseExpr.Arg, sc).part().and(p.weigh(v.CaseExpr.Defresult, sc).part())
		for _, c := range v.CaseExpr.Args {
			w = w.and(p.weigh(c.GetCaseWhen().GetExpr(), sc).part()).and(p.weigh(c.GetCaseWhen().GetResult(), sc).part())
		}
		w.calls = 0
		return w
	}
	return weight{rows: true, collation: anyCollation}
}

// weighAll weighs parts of which the planner may drop some: their calls do not count.
func (p *pass) weighAll(list []*pg.Node, sc *scope) weight {
	w := weightless
	for _, n := range list {
		w = w.and(p.weigh(n, sc).part())
	}
	w.calls, w.still = 0, 0
	return w
}

func (p *pass) weighColumn(c *pg.ColumnRef, sc *scope) weight {
	name := c.Fields[len(c.Fields)-1].GetString_().GetSval()
	_, owners := p.resolve(c, sc)
	w := weight{harmless: len(owners) > 0, calls: -1, rows: true}
	for _, it := range owners {
		col := it.column(name)
		if col == nil {
			return weight{rows: true, collation: it.collationOf(name)}
		}
		w.harmless, w.folding = w.harmless && p.harmlessColumn(col), w.folding || col.folding
		w.late = w.late || col.late
		w = w.collate(w, weightless.withCollation(col.collation))
		if w.calls < 0 || col.calls < w.calls {
			w.calls = col.calls
		}
	}
	w.calls = max(w.calls, 0)
	return w
}

// harmlessColumn tells whether the column's value is computed without harm and is of a type on which the verdicts about
// operators and functions hold.
func (p *pass) harmlessColumn(c *column) bool {
	if c.unharmless {
		return false
	}
	if harmlessType(c.typ) {
		return true
	}
	t := p.cat.TypeByOID[c.typ]
	if t != nil && t.Extension == "citext" && t.Name == "citext" {
		return true // text whose comparisons fold the case first
	}
	return t != nil && t.Schema != "pg_catalog" && (t.Kind == 'e' || t.Kind == 'd' && harmlessType(t.Base))
}

func (p *pass) weighOperator(e *pg.A_Expr, sc *scope) weight {
	w := p.weighComparison(e, sc)
	if e.Kind == pg.A_Expr_Kind_AEXPR_NULLIF || e.Kind == pg.A_Expr_Kind_AEXPR_OP && p.collatableOperator(opName(e.Name)) {
		return w
	}
	return w.uncollated()
}

func (p *pass) weighComparison(e *pg.A_Expr, sc *scope) weight {
	l, r := p.weigh(e.Lexpr, sc), p.weigh(e.Rexpr, sc)
	w := l.and(r).unfolded()
	if p.remains(e, l, r, sc) {
		w = w.heavier()
	}
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		if l.rows && r.rows && p.couldBecomeNullTest(e, sc) && !omitted("equality of like sides") {
			w.calls = max(l.calls, r.calls)
			return w.call(p.harmlessOp(e.Name), false)
		}
		return w.call(e.Lexpr != nil && p.harmlessOp(e.Name) && !(w.folding && opName(e.Name) == "^@"), !foldsToOperand(e))
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL, pg.A_Expr_Kind_AEXPR_IN,
		pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF:
		return w.call(p.harmlessOp(e.Name), false)
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return w.call(harmlessOperator("<=") && harmlessOperator(">="), false)
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		return w.call(!w.folding && p.harmlessLike(e, sc), false)
	}
	w.harmless, w.calls = false, 0
	return w
}

// foldsToOperand tells whether `x = const` could be a comparison with a boolean, which the planner replaces by x itself.
func foldsToOperand(e *pg.A_Expr) bool {
	op := e.Name[len(e.Name)-1].GetString_().GetSval()
	if op != "=" && op != "<>" {
		return false
	}
	return !notBoolean(e.Lexpr) && !notBoolean(e.Rexpr)
}

// notBoolean tells whether an operand is surely no boolean: a number, or a text that no boolean is read from.
func notBoolean(n *pg.Node) bool {
	c := n.GetAConst()
	if c == nil {
		return false
	}
	switch v := c.Val.(type) {
	case *pg.A_Const_Ival, *pg.A_Const_Fval:
		return true
	case *pg.A_Const_Sval:
		return !maybeBoolean(v.Sval.Sval)
	}
	return false
}

func (p *pass) harmlessOp(name []*pg.Node) bool {
	op := name[len(name)-1].GetString_().GetSval()
	return harmlessOperator(op) && (len(name) == 2 || !p.overloadedForBuiltins(op))
}

func (p *pass) weighFunction(f *pg.FuncCall, sc *scope) weight {
	if hasEffect(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: f}}) {
		return weight{rows: true, collation: anyCollation}
	}
	w := weightless
	for _, a := range f.Args {
		w = w.and(p.weigh(a, sc))
	}
	builtin := len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() == "pg_catalog"
	name := f.Funcname[len(f.Funcname)-1].GetString_().GetSval()
	remains := p.surelyCalled(f, sc)
	if remains {
		w = w.heavier()
	}
	switch p.volatility(f) {
	case 'v':
		w.rows = true // it runs for each row, whatever it refers to
	case 's':
		w.loose = true
	}
	w = w.call(builtin && harmlessFunction(name, len(f.Args)) && !(w.folding && searches[name]), remains)
	w.collation = p.callCollation(f, w.collation)
	return w
}

// harmlessCast tells whether a cast cannot fail for any value of its argument.
func (p *pass) harmlessCast(c *pg.TypeCast, sc *scope) bool {
	from := p.typeOf(c.Arg, sc)
	to := p.typeNameOID(c.TypeName)
	if from == 0 || to == 0 || !harmlessType(from) {
		return false
	}
	if len(c.TypeName.Typmods) > 0 {
		return false
	}
	if from == to || to == oidText || to == oidVarchar {
		return true
	}
	for _, safe := range wideningCasts {
		if safe[0] == from && safe[1] == to {
			return true
		}
	}
	return false
}

// Type oids that Postgres fixes (pg_type.dat).
const (
	oidBool, oidInt8, oidInt2, oidInt4, oidText                    = 16, 20, 21, 23, 25
	oidFloat4, oidFloat8, oidVarchar, oidDate, oidTimestamp        = 700, 701, 1043, 1082, 1114
	oidTimestamptz, oidNumeric, oidBpchar                   uint32 = 1184, 1700, 1042
)

// wideningCasts are casts that hold every value of their source.
var wideningCasts = [][2]uint32{
	{oidInt2, oidInt4}, {oidInt2, oidInt8}, {oidInt4, oidInt8}, {oidInt2, oidNumeric}, {oidInt4, oidNumeric}, {oidInt8, oidNumeric},
	{oidInt2, oidFloat8}, {oidInt4, oidFloat8}, {oidInt8, oidFloat8}, {oidFloat4, oidFloat8},
	{oidTimestamp, oidDate}, {oidTimestamptz, oidDate}, {oidVarchar, oidText},
}

// columnRefs lists the column references of an expression but for those inside sub-selects.
func columnRefs(n *pg.Node) []*pg.ColumnRef {
	var out []*pg.ColumnRef
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		switch v := m.Interface().(type) {
		case *pg.ColumnRef:
			out = append(out, v)
			return
		case *pg.SelectStmt:
			return
		}
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if fd.Message() == nil {
				return true
			}
			if fd.IsList() {
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message())
				}
				return true
			}
			walk(v.Message())
			return true
		})
	}
	walk(n.ProtoReflect())
	return out
}

// maybeBoolean tells whether Postgres could read s as a boolean (Postgres manual, "Boolean Type": unique prefixes, any case, spaces around).
func maybeBoolean(s string) bool {
	for _, c := range s {
		switch c {
		case 't', 'T', 'f', 'F', 'y', 'Y', 'n', 'N', 'o', 'O', '0', '1':
			return true
		case ' ', '\t', '\n', '\r', '\v', '\f':
		default:
			return false
		}
	}
	return false
}

// computed is an output column of a query, with the weight of the expression behind it.
func (p *pass) computed(name string, n *pg.Node, sc *scope) column {
	w := p.weigh(n, sc)
	return column{name: name, typ: p.typeOf(n, sc), unharmless: w.rows && !w.harmless || w.risk.some(), calls: w.calls, folding: w.folding, late: w.late,
		collation: w.collation, tried: w.rows && !w.harmless && p.tried(n, sc), tenant: p.isTenant(n, sc)}
}
