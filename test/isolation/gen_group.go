package isolation

import (
	"slices"
	"strings"
)

// aggregateTarget makes an aggregate whose value does not depend on the order of rows.
func (g *generator) aggregateTarget(t Type, sc *scope, depth int) (*Node, *col) {
	sc = sc.local()
	e := func(t Type) *Node { return g.expr(t, sc, min(depth-1, 1)) }
	filter := list("", "", "", 0)
	if g.chance(15) {
		filter = opt(" FILTER (WHERE ", g.cond(sc, 0), ")")
	}
	var x *Node
	switch t {
	case Int8:
		if g.chance(50) {
			x = n("count(", g.word("*", wholeRow(sc)), ")", filter)
		} else {
			x = n(g.word("sum(", "count(", "count(DISTINCT "), e(Int4), ")", filter)
		}
	case Bool:
		x = n(g.word("bool_and(", "bool_or(", "every("), e(Bool), ")", filter)
	case JSONB:
		v := g.leaf(Int4, sc)
		x = n("jsonb_agg(", v, " ORDER BY ", v, ")", filter)
	case Ints:
		v := g.leaf(Int4, sc)
		x = n("array_agg(", v, " ORDER BY ", v, ")", filter)
	case Texts:
		v := g.leaf(Text, sc)
		x = n("array_agg(DISTINCT ", v, ")", filter)
	case Text:
		if g.chance(50) {
			v := g.leaf(Text, sc)
			x = n("string_agg(", v, ", ',' ORDER BY ", v, ")", filter)
		} else {
			x = n(g.word("max(", "min("), e(Text), ")", filter)
		}
	case Numeric:
		x = n(g.word("sum(", "max("), e(Numeric), ")", filter)
		if g.chance(30) {
			x = n("round(avg(", e(Numeric), ")", filter, ", 2)")
		}
	case Int4, Date, Stamp:
		x = n(g.word("max(", "min("), e(t), ")", filter)
	case UUID:
		v := g.leaf(UUID, sc)
		x = n("(array_agg(", v, " ORDER BY ", v, "))[1]")
	default:
		return n("max(", e(Text), ")::", t.Name), &col{typ: t} // varchar
	}
	return x.or(n("NULL::" + t.Name)), &col{typ: t}
}

// wholeRow names a table of the scope as a value, or stands for all rows.
func wholeRow(sc *scope) string {
	for _, s := range sc.sources {
		if s.table != nil {
			return ident(s.alias)
		}
	}
	return "*"
}

func (g *generator) having(sc *scope, percent int) *List {
	h := list(" HAVING ", " AND ", "", 0)
	if g.chance(percent) {
		x, _ := g.aggregateTarget(Int8, sc, 1)
		h.Items = append(h.Items, n(x, " ", pick(g, comparisons), " ", g.word("0", "1", "2")))
		if g.chance(20) {
			h.Items = append(h.Items, g.sublink(&scope{}, 0))
		}
	}
	return h
}

// grouped makes GROUP BY over some columns, plain or with grouping sets.
func (g *generator) grouped(f *fromClause, where *List, depth int, sh shape, with *List) (*Node, []*col) {
	all := g.columns(f.scope.local(), func(c *col) bool { return true })
	if len(all) == 0 {
		targets, cols := g.targets(f.scope, depth, sh, g.plainTarget)
		return n(with, "SELECT ", targets, " FROM ", f.node, where, g.tail(len(cols), sh, true)), cols
	}
	var keys []bound
	for range 1 + g.IntN(2) {
		keys = append(keys, pick(g, all))
	}
	make := func(t Type, sc *scope, depth int) (*Node, *col) {
		for _, k := range keys {
			if k.col.typ == t && g.chance(70) {
				return k.node(), &col{name: k.col.name, typ: t, use: k.col.use, safe: k.col.safe}
			}
		}
		return g.aggregateTarget(t, sc, depth)
	}
	if sh.types == nil && g.chance(50) {
		sh.types = []Type{keys[0].col.typ, Int8}
	}
	targets, cols := g.targets(f.scope, depth, sh, make)
	// Where a condition compares a key with a constant, servers before 18 take the key for that constant also in the order of the rows of
	// grouping sets, in which it is NULL; so do conditions inside of sub-selects and views, which are pulled up. So there no order is asked for
	// that a LIMIT or the comparison depends on.
	plainKeys := len(where.Items) == 0 && len(f.scope.sources) == 1 && f.scope.sources[0].table != nil && f.scope.sources[0].table.View == ""
	by, sets := g.groupBy(keys, plainKeys || !sh.ordered && !sh.single)
	return n(with, "SELECT ", targets, " FROM ", f.node, where, " GROUP BY ", by, g.having(f.scope, 30),
		g.tail(len(cols), sh, plainKeys || !sets)), cols
}

// groupBy makes a list of keys, or where sets may be, sometimes grouping sets of them.
func (g *generator) groupBy(keys []bound, maySets bool) (by *Node, sets bool) {
	items := list("", ", ", "", 1)
	for _, k := range keys {
		items.Items = append(items.Items, k.node())
	}
	if !maySets || !g.chance(30) {
		return n(items), false
	}
	plain := n(list("", ", ", "", 1, items.Items...))
	items.Sep = ", "
	switch g.IntN(3) {
	case 0:
		return n("ROLLUP (", items, ")").or(plain), true
	case 1:
		return n("CUBE (", items, ")").or(plain), true
	}
	return n("GROUPING SETS ((", items, "), ())").or(plain), true
}

// groupedByKey makes SELECT o.*, aggregate .. GROUP BY o's primary key, which makes o's columns depend on it. Rows of children may have the key of
// another row: which one's columns Postgres shows for both is the plan's choice, and below a FULL JOIN the proxy shows both.
func (g *generator) groupedByKey(f *fromClause, where *List, sh shape, with *List) (*Node, []*col) {
	for _, s := range f.scope.sources {
		if s.table == nil || s.table.PrimaryKey == nil || s.table.View != "" || !g.keyHolds(s) {
			continue
		}
		keys := make([]string, len(s.table.PrimaryKey))
		for i, k := range s.table.PrimaryKey {
			keys[i] = ident(s.alias) + "." + ident(k)
		}
		agg, c := g.aggregateTarget(Int8, f.scope, 1)
		cols := append(slices.Clone(s.cols), c)
		return n(with, "SELECT ", ident(s.alias), ".*, ", agg, " FROM ", f.node, where, " GROUP BY ", strings.Join(keys, ", "),
			g.having(f.scope, 20), g.tail(len(cols), sh, true)), cols
	}
	return nil, nil
}

// keyHolds reports whether no two rows of a table share its key: those of children are only unique among themselves.
func (g *generator) keyHolds(s *source) bool {
	base := s.table.stored()
	alone := s.only && s.table == base || !slices.ContainsFunc(g.s.Tables, func(child *Table) bool { return child.Inherits == base })
	return base.PrimaryKey != nil && alone
}

// windowed makes window functions that give peers the same value.
func (g *generator) windowed(f *fromClause, where *List, depth int, sh shape, with *List) (*Node, []*col) {
	window := list(" WINDOW ", ", ", "", 0)
	part := g.leaf(Int4, f.scope)
	spec := n("(PARTITION BY ", part, " ORDER BY ", g.leaf(Text, f.scope), g.word("", " DESC", " NULLS FIRST"), ")")
	name := ""
	if g.chance(40) {
		name = "win"
		window.Items = append(window.Items, n("win AS ", spec))
		window.Min = 1
	}
	over := func() *Node {
		if name != "" {
			return n(" OVER win")
		}
		return n(" OVER ", spec)
	}
	make := func(t Type, sc *scope, depth int) (*Node, *col) {
		switch t {
		case Int8:
			if id := g.uniqueKey(f); id != nil && g.chance(40) {
				return n("row_number() OVER (ORDER BY ", id, ")"), &col{typ: t}
			}
			if g.chance(50) {
				return n(g.word("rank()", "dense_rank()", "count(*)"), over()), &col{typ: t}
			}
			return n("sum(", g.leaf(Int4, sc), ")", over()), &col{typ: t}
		case Int4, Text, Date, Numeric:
			if id := g.uniqueKey(f); id != nil && g.chance(30) {
				return n(g.word("lag(", "lead(", "first_value(", "last_value("), g.leaf(t, sc), ") OVER (ORDER BY ", id, ")"), &col{typ: t}
			}
			if g.chance(40) {
				return n(g.word("max(", "min("), g.leaf(t, sc), ")", over()), &col{typ: t}
			}
		}
		return g.plainTarget(t, sc, depth)
	}
	if sh.types == nil {
		sh.types = []Type{Int8, g.typeIn(f.scope)}
	}
	targets, cols := g.targets(f.scope, depth, sh, make)
	return n(with, "SELECT ", targets, " FROM ", f.node, where, window, g.tail(len(cols), sh, true)), cols
}

// uniqueKey returns a column that no two rows of the FROM clause share, nil when there is none for sure.
func (g *generator) uniqueKey(f *fromClause) *Node {
	if f.joined || f.scope.sources[0].table == nil || !g.keyHolds(f.scope.sources[0]) {
		return nil
	}
	s := f.scope.sources[0]
	for _, c := range s.cols {
		if c.use == UseID && c.name == "id" {
			return n(ref(s, c))
		}
	}
	return nil
}
