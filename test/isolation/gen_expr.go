package isolation

import "strings"

// expr makes an expression of the type over the columns in scope.
func (g *generator) expr(t Type, sc *scope, depth int) *Node {
	leaf := g.leaf(t, sc)
	if depth <= 0 || g.chance(35) {
		return leaf
	}
	var x *Node
	switch k := g.IntN(10); {
	case k == 0:
		x = n("CASE WHEN ", g.cond(sc, depth-1), " THEN ", g.expr(t, sc, depth-1), " ELSE ", leaf, " END")
	case k == 1:
		x = n("coalesce(", g.expr(t, sc, depth-1), ", ", n(g.literalOf(t)), ")")
	case k == 2:
		x = n("nullif(", g.expr(t, sc, depth-1), ", ", g.typed(t), ")")
	case k == 3:
		x = n("(", g.scalarQuery(t, sc, depth-1), ")")
	default:
		x = g.operation(t, sc, depth-1)
	}
	return x.or(leaf, n("NULL::"+t.Name))
}

// literalOf is a literal whose type cannot be mistaken.
func (g *generator) literalOf(t Type) *Literal {
	l := g.literal(t)
	l.Cast = true
	return l
}

func (g *generator) typed(t Type) *Node { return n(g.literalOf(t)) }

// leaf makes a column reference or, when there is none of the type, a constant.
func (g *generator) leaf(t Type, sc *scope) *Node {
	if cols := g.columns(sc, func(c *col) bool { return c.typ == t }); len(cols) > 0 && !g.chance(15) {
		return pick(g, cols).node()
	}
	return g.typed(t)
}

// operation makes an operator or function call. Integers stay small: the sum of a few columns, never a product of two.
func (g *generator) operation(t Type, sc *scope, depth int) *Node {
	e := func(t Type) *Node { return g.expr(t, sc, depth) }
	leaf := func(t Type) *Node { return g.leaf(t, sc) }
	if name := g.extension(20); name != "" {
		if x := g.extensionCall(name, t, sc, depth); x != nil {
			return x
		}
	}
	switch t {
	case Int4:
		if x := g.hazardous(sc); x != nil && g.chance(40) {
			return x
		}
		switch g.IntN(9) {
		case 0:
			return n("(", e(Int4), " % 1000 + ", leaf(Int4), ")")
		case 1:
			return n("(", e(Int4), " / 2 - ", leaf(Int4), ")")
		case 2:
			return n("length(", e(Text), ")")
		case 3:
			return n("abs(", e(Int4), ")")
		case 4:
			return n("cardinality(", leaf(Ints), ")")
		case 5:
			return n("extract(year FROM ", leaf(Date), ")::int4")
		case 6:
			return n("(", leaf(Ints), ")[1]")
		case 7:
			return n("greatest(", e(Int4), ", ", leaf(Int4), ")")
		}
		return n("position('a' IN ", leaf(Text), ")")
	case Int8:
		return n("(", e(Int4), "::int8 + 1)")
	case Numeric:
		switch g.IntN(3) {
		case 0:
			return n("round(", e(Numeric), ", 2)") // one scale throughout: of 1.5 and 1.50, which are equal, Postgres keeps either
		case 1:
			return n("(", e(Numeric), " + ", leaf(Int4), ")")
		}
		return n("(", e(Numeric), " * 2)")
	case Text, Varchar:
		return g.textOperation(sc, depth)
	case Bool:
		return n("(", g.cond(sc, depth), ")")
	case Date:
		return n("(", e(Date), " + ", n("3"), ")")
	case Stamp:
		return n("date_trunc('month', ", e(Stamp), ")")
	case JSONB:
		if g.chance(50) {
			return n("jsonb_build_object('k', ", e(Int4), ", 'v', ", leaf(Text), ")")
		}
		return n("to_jsonb(", e(Text), ")")
	case Ints:
		if g.chance(30) {
			return n("ARRAY(", g.columnQuery(Int4, sc, depth), ")")
		}
		return n("ARRAY[", e(Int4), ", ", leaf(Int4), "]")
	case Texts:
		return n("array_append(", e(Texts), ", ", leaf(Text), ")")
	}
	return g.leaf(t, sc)
}

func (g *generator) textOperation(sc *scope, depth int) *Node {
	e := func(t Type) *Node { return g.expr(t, sc, depth) }
	switch g.IntN(9) {
	case 0:
		return n("upper(", e(Text), ")")
	case 1:
		return n("(", e(Text), " || '-' || ", g.leaf(Text, sc), ")")
	case 2:
		return n("substr(", e(Text), ", 1, 3)")
	case 3:
		return n(e(Int4), "::text")
	case 4:
		return n("(", g.leaf(JSONB, sc), " ->> 'a')")
	case 5:
		return n("concat(", e(Text), ", ':', ", g.leaf(Int4, sc), ")")
	case 6:
		return n("array_to_string(", g.leaf(Texts, sc), ", ',')")
	case 7:
		return n("convert_from(convert_to(", e(Text), ", 'UTF8'), 'UTF8')")
	}
	return n("lower(trim(", e(Text), "))")
}

// hazardous makes an int4 expression that would raise an error on other tenants' rows; nil without a column for it.
func (g *generator) hazardous(sc *scope) *Node {
	cols := g.columns(sc, g.safeFor)
	if len(cols) == 0 {
		return nil
	}
	b := pick(g, cols)
	c := b.node()
	switch b.col.use {
	case UseDivisor:
		return n("(", g.word("100", "7", "-5"), " / ", c, ")")
	case UseNumeral:
		if g.chance(30) {
			return n("CAST(", c, " AS int4)")
		}
		return n(c, "::int4")
	case UseTruth:
		return n(c, "::bool::int4")
	case UseDay:
		return n("(", c, "::date - DATE '2020-01-01')")
	case UseDoc:
		return n("(", c, " ->> 'a')::int4")
	case UsePattern:
		return n("('abc' ~ ", c, ")::int4")
	}
	return nil
}

// cond makes a condition.
func (g *generator) cond(sc *scope, depth int) *Node {
	if depth > 0 {
		switch g.IntN(9) {
		case 0:
			return n("(", g.cond(sc, depth-1), " OR ", g.cond(sc, depth-1), ")").or(n("true"))
		case 1:
			return n("NOT (", g.cond(sc, depth-1), ")").or(n("true"))
		case 2, 3:
			return g.sublink(sc, depth-1).or(n("true"))
		case 4:
			return n("(", g.cond(sc, depth-1), " AND ", g.cond(sc, depth-1), ")").or(n("true"))
		}
	}
	return g.simpleCond(sc, depth).or(n("true"))
}

var comparisons = []string{"=", "=", "=", "<>", "<", "<=", ">", ">="}

// simpleCond makes a condition on one or two columns.
func (g *generator) simpleCond(sc *scope, depth int) *Node {
	if x := g.hazardous(sc); x != nil && g.chance(25) {
		return n(x, " ", pick(g, comparisons), " ", g.typed(Int4))
	}
	if name := g.extension(15); name != "" {
		return g.extensionCondition(name, sc)
	}
	cols := g.columns(sc, func(c *col) bool { return true })
	if len(cols) == 0 {
		return n(g.typed(Int4), " ", pick(g, comparisons), " ", g.typed(Int4))
	}
	if x := g.singleHazard(sc); x != nil && g.chance(12) {
		return x
	}
	b := pick(g, cols)
	c := b.node()
	switch g.IntN(12) {
	case 0:
		return n(c, " IS ", g.word("", "NOT "), "NULL")
	case 1:
		return n(c, g.word("", " NOT"), " IN ", list("(", ", ", ")", 1, n(g.likeColumn(b.col)), n(g.likeColumn(b.col)), n(g.likeColumn(b.col))))
	case 2:
		return n(c, " IS ", g.word("", "NOT "), "DISTINCT FROM ", n(g.likeColumn(b.col)))
	case 3:
		return n(c, " BETWEEN ", g.word("", "SYMMETRIC "), n(g.likeColumn(b.col)), " AND ", n(g.likeColumn(b.col)))
	case 4:
		return g.special(b)
	case 5, 6:
		same := g.columns(sc, func(o *col) bool { return o != b.col && o.typ == b.col.typ })
		if len(same) > 0 {
			return n(c, " ", pick(g, comparisons), " ", pick(g, same).node())
		}
	case 7:
		t := pick(g, exprTypes)
		return n(g.expr(t, sc, depth-1), " ", pick(g, comparisons), " ", g.expr(t, sc, depth-1))
	case 8:
		return n("(", c, ", ", g.typed(Int4), ") ", pick(g, comparisons), " (", n(g.likeColumn(b.col)), ", ", g.leaf(Int4, sc), ")")
	}
	return n(c, " ", pick(g, comparisons), " ", n(g.likeColumn(b.col)))
}

// singleHazard makes a condition of one operator, which Postgres may evaluate before a comparison with a constant that costs as
// much, and which would raise an error on other tenants' rows; nil without a column for it.
func (g *generator) singleHazard(sc *scope) *Node {
	cols := g.columns(sc, func(c *col) bool { return c.use == UsePattern && g.safeFor(c) })
	if len(cols) == 0 {
		return nil
	}
	return n(g.word("'it''s'", "'mark'", "'abc'"), g.word(" ~ ", " !~ ", " ~* "), pick(g, cols).node())
}

// pattern makes a pattern for LIKE. One that ends in an escape is an error on another tenant's rows, which it matches that far.
func (g *generator) pattern() *Node {
	if len(g.tenants) == 1 && g.chance(20) {
		other := (g.tenants[0] + 1 + g.IntN(Tenants-1)) % Tenants
		return n(g.constant(Text, strings.TrimSuffix(marker(other), "mark")+`\`))
	}
	x := g.word("a%", "%b%", "c_", "mark%", `m\ark%`, `%\\`)
	if g.chance(20) {
		return n(n(g.constant(Text, x)), " || '%'")
	}
	return n(g.constant(Text, x))
}

// special makes a condition that only a column of this type can have; many are a single function or operator call.
func (g *generator) special(b bound) *Node {
	c := b.node()
	switch b.col.typ {
	case Text, Varchar:
		switch g.IntN(5) {
		case 0:
			return n(c, g.word(" LIKE ", " NOT LIKE ", " ILIKE "), g.pattern())
		case 1:
			return n("starts_with(", c, ", 'a')")
		case 2:
			return n(c, g.word(" ~ ", " !~* "), "'^[a-c]'")
		case 3:
			return n("length(", c, ") ", pick(g, comparisons), " 2")
		}
		return n("lower(", c, ") = ", n(g.likeColumn(b.col)))
	case Bool:
		return n(c, g.word("", " IS TRUE", " IS NOT TRUE", " IS UNKNOWN", " = false"))
	case JSONB:
		return n(c, g.word(" ? 'a'", ` @> '{"a": 1}'`, " -> 'a' = '5'", " IS NOT NULL", " ->> 'a' = '7'"))
	case Ints:
		return n(g.word("2 = ANY (", "1 <> ALL (", "0 < ANY ("), c, ")")
	case Texts:
		return n(c, g.word(" && ", " @> ", " <@ "), "ARRAY['a', 'b']")
	case Date:
		return n(c, " ", pick(g, comparisons), " DATE '2023-06-01'")
	case Stamp:
		return n("extract(year FROM ", c, ") = 2024")
	}
	return n(c, " IS NOT NULL")
}

// sublink makes a condition with a sub-select.
func (g *generator) sublink(sc *scope, depth int) *Node {
	t := Int4
	if g.chance(30) {
		t = Text
	}
	left := g.leaf(t, sc)
	switch g.IntN(8) {
	case 0, 1:
		q, _ := g.query(sc, depth, shape{})
		return n(g.word("", "NOT "), "EXISTS (", q, ")")
	case 2:
		return n(left, g.word("", " NOT"), " IN (", g.columnQuery(t, sc, depth), ")")
	case 3:
		return n(left, " ", pick(g, comparisons), g.word(" ANY (", " SOME ("), g.columnQuery(t, sc, depth), ")")
	case 4:
		return n(left, " ", pick(g, comparisons), " ALL (", g.columnQuery(t, sc, depth), ")")
	case 5:
		return n(left, " ", pick(g, comparisons), " (", g.scalarQuery(t, sc, depth), ")")
	case 6:
		return n(left, " = ANY (ARRAY(", g.columnQuery(t, sc, depth), "))")
	}
	q, _ := g.query(sc, depth, shape{types: []Type{t, Int4}})
	return n("(", left, ", ", g.leaf(Int4, sc), ")", g.word("", " NOT"), " IN (", q, ")")
}

// columnQuery makes a query of one column, its rows in one order only: ARRAY(...) keeps it.
func (g *generator) columnQuery(t Type, sc *scope, depth int) *Node {
	q, _ := g.query(sc, depth, shape{types: []Type{t}, ordered: true})
	return q
}

// scalarQuery makes a query of one column and at most one row.
func (g *generator) scalarQuery(t Type, sc *scope, depth int) *Node {
	if g.chance(60) && (t == Int4 || t == Text || t == Numeric || t == Date || t == Int8) {
		f := g.from(sc, depth-1, 1)
		return n("SELECT ", g.word("max", "min"), "(", g.expr(t, f.scope.local(), depth-1), ") FROM ", f.node, g.where(f.scope, depth))
	}
	q, _ := g.query(sc, depth, shape{types: []Type{t}, single: true})
	return q
}
