package isolation

import (
	"fmt"
	"slices"
	"strings"

	"pgcordon/policy"
)

// fromClause is what stands after FROM and what it brings into scope.
type fromClause struct {
	node  *Node
	scope *scope
	// joined marks that there is more than one source, or one that is not a plain table.
	joined bool
}

// from makes a FROM list of at most limit items.
func (g *generator) from(outer *scope, depth, limit int) *fromClause {
	f := &fromClause{scope: &scope{outer: outer}}
	items := list("", ", ", "", 1)
	count := 1
	if limit > 1 && g.chance(20) {
		count = 2
	}
	for i := range count {
		size := 0 // joins in this item
		if limit > 1 && depth > 0 && g.chance(60) {
			size = 1 + g.IntN(2)
		}
		if i > 0 {
			size = 0
		}
		node, sources := g.joinTree(f.scope, depth, size)
		items.Items = append(items.Items, node)
		f.scope.sources = append(f.scope.sources, sources...)
	}
	f.node = n(items)
	f.joined = count > 1 || len(f.scope.sources) != 1 || f.scope.sources[0].table == nil
	return f
}

// joinTree makes a table factor or a join of up to joins+1 of them. sc holds the sources to its left, which LATERAL may use.
func (g *generator) joinTree(sc *scope, depth, joins int) (*Node, []*source) {
	if joins == 0 {
		return g.factor(sc, depth)
	}
	left, ls := g.joinTree(sc, depth, joins-1)
	lateral := &scope{sources: append(slices.Clone(sc.sources), ls...), outer: sc.outer}
	kind := pick(g, joinKinds)
	if kind == "LATERAL" {
		return g.lateralJoin(left, ls, lateral, depth)
	}
	right, rs := g.joinTree(&scope{outer: sc.outer}, depth-1, boolInt(joins > 1 && g.chance(25)))
	if len(rs) > 1 {
		right = n("(", right, ")")
	}
	node, merged := g.join(kind, left, right, ls, rs, sc.outer, depth)
	both := append(slices.Clone(ls), rs...)
	if merged != nil && joins == 1 {
		both = append(both, merged)
	}
	if g.chance(15) {
		return g.parenthesised(node, both)
	}
	return node.or(left, right), both
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

var joinKinds = []string{"JOIN", "JOIN", "INNER JOIN", "LEFT JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "RIGHT JOIN", "RIGHT JOIN", "FULL JOIN", "FULL OUTER JOIN", "CROSS JOIN", "LATERAL"}

// join writes left kind right with NATURAL, USING or ON. For USING it returns the merged columns as a source without a name, or with that
// of its alias.
func (g *generator) join(kind string, left, right *Node, ls, rs []*source, outer *scope, depth int) (*Node, *source) {
	if kind == "CROSS JOIN" {
		return n(left, " CROSS JOIN ", right), nil
	}
	shared, natural := sharedColumns(ls, rs)
	switch {
	case natural && len(shared) > 0 && g.chance(20):
		return n(left, " NATURAL ", kind, " ", right), nil
	case len(shared) > 0 && g.chance(35):
		using := list("(", ", ", ")", 1)
		merged := &source{}
		for _, i := range g.Perm(len(shared))[:1+g.IntN(min(2, len(shared)))] {
			using.Items = append(using.Items, n(ident(shared[i])))
			if c := mergedColumn(shared[i], ls, rs); c != nil {
				merged.cols = append(merged.cols, c)
			}
		}
		alias := ""
		if g.chance(8) {
			name := g.alias()
			alias = " AS " + name
			if g.chance(60) {
				merged.alias = name
			}
		}
		return n(left, " ", kind, " ", right, " USING ", using, alias), merged
	}
	both := &scope{sources: append(slices.Clone(ls), rs...), outer: outer}
	on := list(" AND ", " AND ", "", 0)
	eq, joins := g.equality(ls, rs)
	if !joins && strings.HasPrefix(kind, "FULL") {
		return n(left, " CROSS JOIN ", right), nil // a FULL JOIN needs a condition that can be hashed
	}
	if g.chance(30) {
		on.Items = append(on.Items, g.tenantEquality(ls, rs))
	}
	if g.chance(30) {
		on.Items = append(on.Items, g.cond(both, min(depth-1, 1)))
	}
	return n(left, " ", kind, " ", right, " ON ", eq, on), nil
}

// mergedColumn is what USING makes of the two columns of a name; nil when their types differ. It is a hazard for whom either is.
func mergedColumn(name string, ls, rs []*source) *col {
	var found []*col
	for _, s := range append(slices.Clone(ls), rs...) {
		for _, c := range s.cols {
			if c.name == name {
				found = append(found, c)
			}
		}
	}
	if len(found) != 2 || found[0].typ != found[1].typ {
		return nil
	}
	m := *found[0]
	m.base = nil
	for t := range m.safe {
		m.safe[t] = m.safe[t] && found[1].safe[t] && found[1].use == m.use
	}
	return &m
}

// sharedColumns returns the names that exactly one column has on each side, in types that join; natural tells whether a
// NATURAL join of the two would be legal.
func sharedColumns(ls, rs []*source) (shared []string, natural bool) {
	partial := func(s *source) bool { return s.partial }
	natural = !slices.ContainsFunc(ls, partial) && !slices.ContainsFunc(rs, partial)
	count := func(name string, in []*source) (int, Type) {
		k, t := 0, Type{}
		for _, s := range in {
			for _, c := range s.cols {
				if c.name == name {
					k, t = k+1, c.typ
				}
			}
		}
		return k, t
	}
	for _, s := range ls {
		for _, c := range s.cols {
			inLeft, lt := count(c.name, ls)
			inRight, rt := count(c.name, rs)
			switch {
			case inRight == 0:
			case inLeft > 1 || inRight > 1 || !joinable(lt, rt):
				natural = false
			default:
				shared = append(shared, c.name)
			}
		}
	}
	return shared, natural
}

// equality makes left.x = right.y: along a foreign key, the codes, or any two columns of like type; false when there are none.
func (g *generator) equality(ls, rs []*source) (*Node, bool) {
	var likely, possible []*Node
	for _, l := range ls {
		for _, lc := range l.cols {
			for _, r := range rs {
				for _, rc := range r.cols {
					if !joinable(lc.typ, rc.typ) || lc.typ == Bool {
						continue
					}
					eq := n(ref(l, lc), " = ", ref(r, rc))
					possible = append(possible, eq)
					key := func(a, b Use) bool { return lc.use == a && rc.use == b }
					if key(UseID, UseParent) || key(UseParent, UseID) || key(UseCode, UseCode) || lc.name == rc.name && lc.use != UseTenant && lc.use != UseID {
						likely = append(likely, eq)
					}
				}
			}
		}
	}
	switch {
	case len(likely) > 0 && !g.chance(25):
		return pick(g, likely), true
	case len(possible) > 0:
		return pick(g, possible), true
	}
	return n("true"), false
}

// tenantEquality joins on the tenant columns, as an application that knows of them would.
func (g *generator) tenantEquality(ls, rs []*source) *Node {
	for _, l := range ls {
		for _, lc := range l.cols {
			for _, r := range rs {
				for _, rc := range r.cols {
					if lc.use == UseTenant && rc.use == UseTenant && joinable(lc.typ, rc.typ) {
						return n(ref(l, lc), " = ", ref(r, rc))
					}
				}
			}
		}
	}
	return n("true")
}

// lateralJoin joins left with a sub-select or a function that refers to it.
func (g *generator) lateralJoin(left *Node, ls []*source, sc *scope, depth int) (*Node, []*source) {
	alias := g.alias()
	var right *Node
	var cols []*col
	if arrays := g.columns(&scope{sources: ls}, func(c *col) bool { return c.typ == Ints }); len(arrays) > 0 && g.chance(30) {
		right = n(g.word("", "LATERAL "), "unnest(", pick(g, arrays).node(), ") AS ", alias, "(e)")
		cols = []*col{{name: "e", typ: Int4}}
	} else {
		q, qc := g.query(sc, depth-1, shape{named: true})
		right = n("LATERAL (", q, ") AS ", alias)
		cols = qc
	}
	src := &source{alias: alias, cols: cols}
	both := append(slices.Clone(ls), src)
	switch g.IntN(3) {
	case 0:
		return n(left, " CROSS JOIN ", right).or(left), both
	case 1:
		return n(left, " LEFT JOIN ", right, " ON true").or(left), both
	}
	return n(left, " JOIN ", right, " ON ", g.cond(&scope{sources: both, outer: sc.outer}, 0)).or(left), both
}

// parenthesised puts a join in parentheses, with an alias that hides the names within, or without.
func (g *generator) parenthesised(join *Node, inner []*source) (*Node, []*source) {
	// Names that hide others cannot be told apart from outside any more.
	if g.chance(40) || slices.ContainsFunc(inner, func(s *source) bool { return s.partial }) {
		return n("(", join, ")").or(join), inner
	}
	alias := &source{alias: g.alias()}
	count := map[string]int{}
	for _, s := range inner {
		for _, c := range s.cols {
			count[c.name]++
		}
	}
	for _, s := range inner {
		for _, c := range s.cols {
			if count[c.name] == 1 {
				alias.cols = append(alias.cols, c)
			} else {
				alias.partial = true
			}
		}
	}
	if len(alias.cols) == 0 {
		return n("(", join, ")").or(join), inner
	}
	return n("(", join, ") AS ", alias.alias), []*source{alias}
}

// factor makes a table, view, common table expression, sub-select, VALUES list or function.
func (g *generator) factor(sc *scope, depth int) (*Node, []*source) {
	k := g.IntN(100)
	switch {
	case len(g.ctes) > 0 && k < 30:
		return g.cteFactor()
	case depth > 0 && k < 38:
		q, cols := g.query(sc.outer, depth-1, shape{named: true})
		src := &source{alias: g.alias(), cols: cols}
		return n("(", q, ")", g.word(" ", " AS "), src.alias, g.columnAliases(src)), []*source{src}
	case k < 42:
		return g.valuesFactor()
	case k < 45:
		src := &source{alias: g.alias(), cols: []*col{{name: "n", typ: Int4}}}
		return n("generate_series(1, ", g.word("2", "3", "4"), ") AS ", src.alias, "(n)"), []*source{src}
	}
	return g.tableFactor()
}

func (g *generator) tableFactor() (*Node, []*source) {
	t := pick(g, g.readable())
	if t.Scope == policy.ScopeGlobal && g.chance(60) {
		t = pick(g, g.readable())
	}
	src := &source{cols: columnsOf(t), table: t}
	name := g.tableName(t)
	only := ""
	if g.chance(5) {
		only, src.only = "ONLY ", true
	}
	if g.chance(10) && !g.taken(t.Name) {
		src.alias = t.Name
		g.ctes = append(g.ctes, &source{alias: t.Name}) // once under its own name in a statement
		return n(only, name), []*source{src}
	}
	src.alias = g.alias()
	sample := ""
	if g.chance(3) && t.View == "" {
		sample = " TABLESAMPLE " + g.word("BERNOULLI (100)", "SYSTEM (100)", "system (100) REPEATABLE (7)")
	}
	return n(only, name, g.word(" ", " AS "), src.alias, g.columnAliases(src), sample), []*source{src}
}

// taken reports whether some table or CTE already goes by this name in the statement.
func (g *generator) taken(name string) bool {
	return slices.ContainsFunc(g.ctes, func(s *source) bool { return s.alias == name || s.name == name })
}

// columnAliases sometimes renames the first columns of a source.
func (g *generator) columnAliases(src *source) string {
	if !g.chance(10) || len(src.cols) == 0 {
		return ""
	}
	count := 1 + g.IntN(len(src.cols))
	names := make([]string, count)
	renamed := make([]*col, len(src.cols))
	for i, c := range src.cols {
		d := *c
		if i < count {
			d.name = fmt.Sprintf("r%d", i+1)
			names[i] = d.name
		}
		renamed[i] = &d
	}
	src.cols = renamed
	src.table = nil
	return "(" + strings.Join(names, ", ") + ")"
}

func (g *generator) valuesFactor() (*Node, []*source) {
	src := &source{alias: g.alias(), cols: []*col{{name: "x", typ: Int4}, {name: "y", typ: Text}}}
	rows := list("", ", ", "", 1)
	for range 1 + g.IntN(3) {
		rows.Items = append(rows.Items, n("(", g.typed(Int4), ", ", g.typed(Text), ")"))
	}
	return n("(VALUES ", rows, ") AS ", src.alias, "(x, y)"), []*source{src}
}

func (g *generator) cteFactor() (*Node, []*source) {
	var named []*source
	for _, c := range g.ctes {
		if c.name != "" {
			named = append(named, c)
		}
	}
	if len(named) == 0 {
		return g.tableFactor()
	}
	cte := pick(g, named)
	// An inner CTE may have the same name: the last one counts.
	for _, c := range named {
		if c.name == cte.name {
			cte = c
		}
	}
	src := &source{alias: g.alias(), cols: cte.cols}
	return n(ident(cte.name), g.word(" ", " AS "), src.alias), []*source{src}
}

// where makes an optional WHERE clause.
func (g *generator) where(sc *scope, depth int) *List {
	w := list(" WHERE ", " AND ", "", 0)
	if g.chance(30) {
		return w
	}
	for range 1 + g.IntN(2) {
		w.Items = append(w.Items, g.cond(sc, min(depth, 2)))
	}
	return w
}
