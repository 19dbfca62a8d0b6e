package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
)

// Strictness. Postgres makes an inner join of an outer one when a condition above it cannot be true for a row that the join extended with
// NULLs, and only then are row locks on that side allowed. It sees so in operators and functions that are strict (find_nonnullable_rels in
// clauses.c), and not through the CASE of a guard. So a guarded condition says beside its guard which columns it needs:
// `i.n IS NOT NULL AND CASE WHEN i.tenant = $1 THEN i.n::int = 4 ELSE false END`.
//
// What is found here must be true, or rows are lost: a condition that needs an item is false or NULL for the item's NULLs. And it should be
// what Postgres finds, or locks are refused that a direct connection allows, or the other way round.

// need says that one of the columns, all of one item, must not be NULL.
type need struct {
	it   *item
	cols []*pg.ColumnRef
}

// needs are in the order in which the items were met. There is one need for an item.
type needs []need

func (a needs) find(it *item) *need {
	for i := range a {
		if a[i].it == it {
			return &a[i]
		}
	}
	return nil
}

// both is what is needed when both of two things are.
func (a needs) both(b needs) needs {
	out := slices.Clip(a)
	for _, n := range b {
		if out.find(n.it) == nil {
			out = append(out, n)
		}
	}
	return out
}

// either is what is needed when one of two things is, whichever it is.
func (a needs) either(b needs) needs {
	var out needs
	for _, n := range a {
		if o := b.find(n.it); o != nil {
			out = append(out, need{n.it, appendColumns(n.cols, o.cols)})
		}
	}
	return out
}

func appendColumns(to, more []*pg.ColumnRef) []*pg.ColumnRef {
	to = slices.Clip(to)
	for _, c := range more {
		if !slices.ContainsFunc(to, func(o *pg.ColumnRef) bool { return columnName(o) == columnName(c) }) {
			to = append(to, c)
		}
	}
	return to
}

func columnName(c *pg.ColumnRef) string { return c.Fields[len(c.Fields)-1].GetString_().GetSval() }

// notNull is the condition that the need is met.
func (n need) notNull() *pg.Node {
	tests := make([]*pg.Node, len(n.cols))
	for i, c := range n.cols {
		tests[i] = &pg.Node{Node: &pg.Node_NullTest{NullTest: &pg.NullTest{
			Arg: columnRef(c.Fields), Nulltesttype: pg.NullTestType_IS_NOT_NULL}}}
	}
	if len(tests) == 1 {
		return tests[0]
	}
	return boolExpr(pg.BoolExprType_OR_EXPR, tests)
}

// neededBy returns what a condition needs to be true.
func (p *pass) neededBy(cond *pg.Node, sc *scope) needs {
	return strictness{p, sc}.of(cond, place{top: true})
}

// place is where an expression stands in a condition: at its top, where NULL is as good as false, or below something that tells them
// apart; and whether its negation is meant, because a NOT above was carried down to it.
type place struct{ top, not bool }

var argument = place{}

type strictness struct {
	p  *pass
	sc *scope
}

// of returns what n needs to be true, or, where it is not at the top, not NULL. What it does not know needs nothing.
func (s strictness) of(n *pg.Node, at place) needs {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return s.column(v.ColumnRef)
	case *pg.Node_TypeCast:
		if s.p.strictCast(v.TypeCast, s.sc) {
			return s.of(v.TypeCast.Arg, argument)
		}
	case *pg.Node_CollateClause:
		return s.of(v.CollateClause.Arg, argument)
	case *pg.Node_NamedArgExpr:
		return s.of(v.NamedArgExpr.Arg, argument)
	case *pg.Node_FuncCall:
		if s.p.strictFunction(v.FuncCall) && !slices.ContainsFunc(v.FuncCall.Args, constNull) {
			return s.all(v.FuncCall.Args)
		}
	case *pg.Node_AExpr:
		return s.operator(v.AExpr, at)
	case *pg.Node_BoolExpr:
		if v.BoolExpr.Boolop == pg.BoolExprType_NOT_EXPR {
			return s.of(v.BoolExpr.Args[0], place{at.top, !at.not})
		}
		parts := make([]needs, len(v.BoolExpr.Args))
		for i, a := range v.BoolExpr.Args {
			parts[i] = s.of(a, at)
		}
		return combine(v.BoolExpr.Boolop == pg.BoolExprType_AND_EXPR, at, parts)
	case *pg.Node_NullTest:
		if at.top && (v.NullTest.Nulltesttype == pg.NullTestType_IS_NOT_NULL) != at.not {
			return s.of(v.NullTest.Arg, argument)
		}
	case *pg.Node_BooleanTest:
		if at.top && rejectsNull(v.BooleanTest.Booltesttype) != at.not {
			return s.of(v.BooleanTest.Arg, argument)
		}
	case *pg.Node_SubLink:
		return s.subLink(v.SubLink, at)
	}
	return nil
}

// combine is AND or OR of parts. Below the top an AND of NULL can be false: then all of them must be NULL to make it NULL.
func combine(and bool, at place, parts []needs) needs {
	var out needs
	for i, n := range parts {
		switch {
		case i == 0:
			out = n
		case and != at.not && at.top:
			out = out.both(n)
		default:
			out = out.either(n)
		}
	}
	return out
}

// all is what the arguments of something strict need.
func (s strictness) all(args []*pg.Node) needs {
	var out needs
	for _, a := range args {
		out = out.both(s.of(a, argument))
	}
	return out
}

// column needs itself, unless it could be a row: `IS NOT NULL` says more of a row than that it is there. Nor does a virtual generated column,
// which is an expression that must not run before the guard.
func (s strictness) column(c *pg.ColumnRef) needs {
	col, owners := s.p.resolve(c, s.sc)
	if col == nil || col.name == "" || len(owners) != 1 || !s.p.scalar(col.typ) || owners[0].table != nil && col.unharmless {
		return nil
	}
	return needs{{owners[0], []*pg.ColumnRef{c}}}
}

func rejectsNull(t pg.BoolTestType) bool {
	return t == pg.BoolTestType_IS_TRUE || t == pg.BoolTestType_IS_FALSE || t == pg.BoolTestType_IS_NOT_UNKNOWN
}

func (s strictness) operator(e *pg.A_Expr, at place) needs {
	if len(e.Name) == 0 {
		return nil
	}
	list := e.Rexpr.GetList().GetItems()
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP, pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE, pg.A_Expr_Kind_AEXPR_SIMILAR:
		return s.compare(e.Name, e.Lexpr, e.Rexpr, at)
	case pg.A_Expr_Kind_AEXPR_OP_ANY:
		if at.top && !at.not || len(e.Rexpr.GetAArrayExpr().GetElements()) > 0 { // of no elements it is false, not NULL
			return s.compare(e.Name, e.Lexpr, e.Rexpr, argument)
		}
	case pg.A_Expr_Kind_AEXPR_OP_ALL:
		if len(e.Rexpr.GetAArrayExpr().GetElements()) > 0 {
			return s.compare(e.Name, e.Lexpr, e.Rexpr, argument)
		}
	case pg.A_Expr_Kind_AEXPR_IN:
		return s.in(e, list, at)
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		if len(list) == 2 {
			return s.between(e, list, at)
		}
	}
	return nil
}

// in is x = a OR x = b; NOT IN is x <> a AND x <> b. Items without a column make one array, if there are several, in which a NULL counts for
// nothing.
func (s strictness) in(e *pg.A_Expr, list []*pg.Node, at place) needs {
	var fixed int
	for _, item := range list {
		if len(columnRefs(item)) == 0 {
			fixed++
		}
	}
	var parts []needs
	for _, item := range list {
		if fixed > 1 && constNull(item) && e.Lexpr.GetRowExpr() == nil {
			continue
		}
		parts = append(parts, s.compare(e.Name, e.Lexpr, item, at))
	}
	return combine(opName(e.Name) == "<>", at, parts)
}

// between is x >= a AND x <= b; SYMMETRIC is that or x >= b AND x <= a.
func (s strictness) between(e *pg.A_Expr, list []*pg.Node, at place) needs {
	bounds := func(low, high *pg.Node) needs {
		inside := e.Kind == pg.A_Expr_Kind_AEXPR_BETWEEN || e.Kind == pg.A_Expr_Kind_AEXPR_BETWEEN_SYM
		from, to := "<", ">"
		if inside {
			from, to = ">=", "<="
		}
		return combine(inside, at, []needs{
			s.compare([]*pg.Node{pg.MakeStrNode(from)}, e.Lexpr, low, at),
			s.compare([]*pg.Node{pg.MakeStrNode(to)}, e.Lexpr, high, at),
		})
	}
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_BETWEEN_SYM:
		return combine(false, at, []needs{bounds(list[0], list[1]), bounds(list[1], list[0])})
	case pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return combine(true, at, []needs{bounds(list[0], list[1]), bounds(list[1], list[0])})
	}
	return bounds(list[0], list[1])
}

// compare is one operator, or one for each column of two rows. An operand that is NULL for sure makes the whole NULL, and Postgres then
// does not look at the other.
func (s strictness) compare(name []*pg.Node, l, r *pg.Node, at place) needs {
	if row := l.GetRowExpr(); row != nil {
		return s.compareRows(name, row.Args, r, at)
	}
	if constNull(l) || constNull(r) || !s.p.strictOperator(name, s.p.typeOf(l, s.sc), s.p.typeOf(r, s.sc), l == nil) {
		return nil
	}
	return s.all([]*pg.Node{l, r})
}

func (s strictness) compareRows(name []*pg.Node, l []*pg.Node, r *pg.Node, at place) needs {
	op := opName(name)
	right := r.GetRowExpr().GetArgs()
	if len(l) == 1 && len(right) == 1 {
		return s.compare(name, l[0], right[0], at)
	}
	if op != "=" && op != "<>" || len(right) != len(l) && r.GetSubLink() == nil {
		return nil
	}
	parts := make([]needs, len(l))
	for i := range l {
		var other *pg.Node
		if i < len(right) {
			other = right[i]
		} else {
			other = r
		}
		parts[i] = s.compare(name, l[i], other, at)
	}
	return combine(op == "=", at, parts)
}

// subLink: x IN (SELECT ...) is true only when x equals something.
func (s strictness) subLink(l *pg.SubLink, at place) needs {
	if l.SubLinkType != pg.SubLinkType_ANY_SUBLINK || !at.top || at.not {
		return nil
	}
	name := l.OperName
	if len(name) == 0 {
		name = []*pg.Node{pg.MakeStrNode("=")}
	}
	return s.compare(name, l.Testexpr, &pg.Node{Node: &pg.Node_SubLink{SubLink: l}}, at)
}

func opName(name []*pg.Node) string { return name[len(name)-1].GetString_().GetSval() }

func constNull(n *pg.Node) bool {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	return n.GetAConst().GetIsnull()
}

// scalar tells whether values of the type are surely no rows.
func (p *pass) scalar(oid uint32) bool {
	t := p.cat.TypeByOID[oid]
	for range maxDepth {
		if t == nil || t.Kind != 'd' {
			break
		}
		t = p.cat.TypeByOID[t.Base]
	}
	return t != nil && (t.Kind == 'b' || t.Kind == 'e' || t.Kind == 'r' || t.Kind == 'm')
}

// strictCast tells whether a cast makes NULL of NULL, and Postgres knows: every built-in cast does, and every one without a function to a base type of a trusted extension, for
// the input functions of those are strict; one to a domain need not.
func (p *pass) strictCast(c *pg.TypeCast, sc *scope) bool {
	names := c.TypeName.GetNames()
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n.GetString_().GetSval()
	}
	typ := p.findType(parts)
	if typ == nil || typ.Schema != "pg_catalog" && typ.Kind != 'e' && (typ.Kind != 'b' || !trustedExtensions[typ.Extension] || len(c.TypeName.GetTypmods()) > 0) {
		return false
	}
	from := p.typeOf(c.Arg, sc)
	return !slices.ContainsFunc(p.cat.Casts, func(c catalog.Cast) bool {
		return c.Function != 0 && c.Target == typ.OID && (from == 0 || c.Source == from)
	})
}

// strictFunction tells whether every function that the call could mean is strict.
func (p *pass) strictFunction(f *pg.FuncCall) bool {
	if len(f.Funcname) != 2 || f.AggStar || f.AggDistinct || f.AggWithinGroup || f.Over != nil || f.AggFilter != nil || len(f.AggOrder) > 0 {
		return false
	}
	schema := p.cat.Schemas[f.Funcname[0].GetString_().GetSval()]
	if schema == nil {
		return false
	}
	found := false
	for _, o := range schema.Functions[f.Funcname[1].GetString_().GetSval()] {
		if !takes(o, len(f.Args)) {
			continue
		}
		if o.Kind != 'f' || !o.Strict || o.ReturnsSet {
			return false
		}
		found = true
	}
	return found
}

// strictOperator tells whether every operator that the name could mean for operands of these types, 0 for unknown, is strict.
func (p *pass) strictOperator(name []*pg.Node, left, right uint32, prefix bool) bool {
	found := false
	for schema, s := range p.cat.Schemas {
		if len(name) > 1 && schema != name[0].GetString_().GetSval() {
			continue
		}
		for _, o := range s.Operators[opName(name)] {
			if (o.Left == 0) != prefix || !o.Strict && (p.noArrayFor(o.Left, left) || p.noArrayFor(o.Right, right)) {
				continue
			}
			if !o.Strict {
				return false
			}
			found = true
		}
	}
	return found
}

// noArrayFor tells whether an operand's type is surely no array where the operator takes one of any elements.
func (p *pass) noArrayFor(declared, actual uint32) bool {
	if declared != oidAnyArray && declared != oidAnyCompatibleArray {
		return false
	}
	t := p.cat.TypeByOID[actual]
	return t != nil && t.Kind == 'b' && t.Category != 'A'
}

// Type oids that Postgres fixes (pg_type.dat).
const oidAnyArray, oidAnyCompatibleArray = 2277, 5078
