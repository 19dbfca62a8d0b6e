package isolation

import (
	"fmt"

	"pgcordon/policy"
)

// shape is what the place where a query stands asks of it.
type shape struct {
	types   []Type // the columns' types; nil: any
	named   bool   // its columns need names of their own
	ordered bool   // its rows must come in one order only
	single  bool   // at most one row
	top     bool   // it is the statement itself
}

// query makes a SELECT, VALUES, TABLE or set operation, perhaps below WITH.
func (g *generator) query(outer *scope, depth int, sh shape) (*Node, []*col) {
	mark := len(g.ctes)
	defer func() { g.ctes = g.ctes[:mark] }()
	with := list("WITH ", ", ", " ", 0)
	if depth > 0 && g.chance(12) {
		with = g.with(outer, depth)
	}
	var body *Node
	var cols []*col
	switch k := g.IntN(100); {
	case depth > 0 && k < 10:
		body, cols = g.setOperation(outer, depth, sh)
	case k < 13 && sh.types == nil && sh.top:
		t := pick(g, g.readable())
		body, cols = n("TABLE ", g.tableName(t)), columnsOf(t)
	case k < 16:
		body, cols = g.valuesQuery(outer, depth, sh)
	default:
		return g.selectCore(outer, depth, sh, with)
	}
	return n(with, body, g.tail(len(cols), sh, true)), cols
}

// tail makes ORDER BY all columns, where an order is wanted, and a LIMIT, which is only right with an order.
func (g *generator) tail(columns int, sh shape, limit bool) *List {
	l := list("", "", "", 0)
	if !(sh.ordered || sh.single || g.chance(20)) || columns == 0 {
		return l
	}
	order := list(" ORDER BY ", ", ", "", 1)
	for i := range columns {
		order.Items = append(order.Items, n(fmt.Sprintf("%d%s", i+1, g.word("", "", " DESC", " ASC NULLS FIRST"))))
	}
	parts := []any{order}
	switch {
	case sh.single:
		parts = append(parts, " LIMIT 1")
	case limit && g.chance(4):
		parts = append(parts, n(" LIMIT (SELECT count(*) FROM ", g.tableName(pick(g, g.writable())), " lim)").or(n(" LIMIT 3")))
	case limit && g.chance(30):
		parts = append(parts, g.word(" LIMIT 2", " LIMIT 5 OFFSET 1", " OFFSET 2", " FETCH FIRST 3 ROWS ONLY", " FETCH FIRST 2 ROWS WITH TIES"))
	}
	tail := n(parts...)
	if sh.single || sh.ordered {
		return &List{Items: []*Node{tail}, Min: 1}
	}
	return &List{Items: []*Node{tail}}
}

func (g *generator) setOperation(outer *scope, depth int, sh shape) (*Node, []*col) {
	types := sh.types
	if types == nil {
		for range 1 + g.IntN(3) {
			types = append(types, pick(g, exprTypes))
		}
	}
	left, cols := g.query(outer, depth-1, shape{types: types, named: true})
	right, _ := g.query(outer, depth-1, shape{types: types})
	op := g.word(" UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT ", " EXCEPT ALL ", " UNION DISTINCT ")
	l, r := n("(", left, ")"), n("(", right, ")")
	return n(l, op, r).or(l, r), plain(cols)
}

// plain forgets what columns were made of.
func plain(cols []*col) []*col {
	out := make([]*col, len(cols))
	for i, c := range cols {
		out[i] = &col{name: c.name, typ: c.typ}
	}
	return out
}

func (g *generator) valuesQuery(outer *scope, depth int, sh shape) (*Node, []*col) {
	types := sh.types
	if types == nil {
		types = []Type{Int4, Text}
	}
	rows := list("VALUES ", ", ", "", 1)
	for range 1 + g.IntN(3) {
		row := list("(", ", ", ")", len(types))
		for _, t := range types {
			row.Items = append(row.Items, g.expr(t, outer, min(depth, 1)))
		}
		rows.Items = append(rows.Items, n(row))
	}
	cols := make([]*col, len(types))
	for i, t := range types {
		cols[i] = &col{name: fmt.Sprintf("column%d", i+1), typ: t}
	}
	return n(rows), cols
}

// selectCore makes one SELECT of a random form.
func (g *generator) selectCore(outer *scope, depth int, sh shape, with *List) (*Node, []*col) {
	if g.chance(4) && depth > 0 && sh.types == nil {
		targets, cols := g.targets(&scope{outer: outer}, depth, sh, g.plainTarget)
		return n(with, "SELECT ", targets, g.tail(len(cols), sh, true)), cols
	}
	f := g.from(outer, depth, 3)
	where := g.where(f.scope, depth)
	switch k := g.IntN(100); {
	case k < 12:
		targets, cols := g.targets(f.scope, depth, sh, g.aggregateTarget)
		return n(with, "SELECT ", targets, " FROM ", f.node, where, g.having(f.scope, 20), g.tail(len(cols), sh, true)), cols
	case k < 26:
		return g.grouped(f, where, depth, sh, with)
	case k < 32 && sh.types == nil && !sh.named:
		if node, cols := g.groupedByKey(f, where, sh, with); node != nil {
			return node, cols
		}
	case k < 42:
		return g.windowed(f, where, depth, sh, with)
	case k < 48:
		targets, cols := g.targets(f.scope, depth, sh, g.plainTarget)
		return n(with, "SELECT DISTINCT ", targets, " FROM ", f.node, where, g.tail(len(cols), sh, true)), cols
	case k < 53:
		return g.distinctOn(f, where, depth, sh, with)
	}
	targets, cols := g.plainTargets(f, depth, sh)
	lock := list("", "", "", 0)
	if sh.top && g.chance(15) {
		lock = g.locking(f)
	}
	return n(with, "SELECT ", g.word("", "", "", "ALL "), targets, " FROM ", f.node, where, g.tail(len(cols), sh, true), lock), cols
}

// target makes an expression of the type and says what column it becomes.
type target func(t Type, sc *scope, depth int) (*Node, *col)

func (g *generator) plainTarget(t Type, sc *scope, depth int) (*Node, *col) {
	if cols := g.columns(sc, func(c *col) bool { return c.typ == t }); len(cols) > 0 && g.chance(60) {
		b := pick(g, cols)
		return b.node(), &col{name: b.col.name, typ: t, use: b.col.use, safe: b.col.safe}
	}
	return g.expr(t, sc, depth), &col{typ: t}
}

// targets makes a target list with the wanted types and names.
func (g *generator) targets(sc *scope, depth int, sh shape, make target) (*List, []*col) {
	types := sh.types
	if types == nil {
		for range 1 + g.IntN(4) {
			types = append(types, g.typeIn(sc))
		}
	}
	least := 1
	if sh.types != nil {
		least = len(types)
	}
	l := list("", ", ", "", least)
	var cols []*col
	for _, t := range types {
		x, c := make(t, sc, min(depth, 2))
		if sh.named || g.chance(30) {
			c.name = fmt.Sprintf("c%d", len(cols)+1)
			x = n(x, g.word(" AS ", " AS ", " "), c.name)
		}
		l.Items = append(l.Items, x)
		cols = append(cols, c)
	}
	return l, cols
}

// typeIn draws a type, mostly one that a column in scope has.
func (g *generator) typeIn(sc *scope) Type {
	if cols := g.columns(sc, func(*col) bool { return true }); len(cols) > 0 && g.chance(75) {
		return pick(g, cols).col.typ
	}
	return pick(g, exprTypes)
}

// plainTargets may use stars, where the number of columns is free.
func (g *generator) plainTargets(f *fromClause, depth int, sh shape) (*List, []*col) {
	src := pick(g, f.scope.sources)
	if sh.types != nil || src.table == nil || !g.chance(35) {
		return g.targets(f.scope, depth, sh, g.plainTarget)
	}
	if !sh.named && g.chance(15) {
		whole := g.word("to_jsonb(%s)", "%s IS NOT NULL", "row(%s.*) IS NULL", "(%s).note", "%s::text")
		return list("", ", ", "", 1, n(fmt.Sprintf(whole, ident(src.alias)))), []*col{{typ: Text}}
	}
	star := ident(src.alias) + ".*"
	if !f.joined && g.chance(50) {
		star = "*"
	}
	return list("", ", ", "", 1, n(star)), src.cols
}

// distinctOn keeps the first row of each group, under an order that leaves no choice.
func (g *generator) distinctOn(f *fromClause, where *List, depth int, sh shape, with *List) (*Node, []*col) {
	targets, cols := g.targets(f.scope, depth, sh, g.plainTarget)
	keys := g.columns(f.scope.local(), func(*col) bool { return true })
	if len(keys) == 0 {
		return n(with, "SELECT ", targets, " FROM ", f.node, where, g.tail(len(cols), sh, true)), cols
	}
	key := pick(g, keys).node()
	order := list(" ORDER BY ", ", ", "", 1, key)
	for i := range cols {
		order.Items = append(order.Items, n(fmt.Sprint(i+1)))
	}
	limit := ""
	if sh.single {
		limit = " LIMIT 1"
	}
	return n(with, "SELECT DISTINCT ON (", key, ") ", targets, " FROM ", f.node, where, order, limit), cols
}

// locking makes FOR UPDATE and its kin for tables that the tenant may write.
func (g *generator) locking(f *fromClause) *List {
	strength := g.word(" FOR UPDATE", " FOR NO KEY UPDATE", " FOR SHARE", " FOR KEY SHARE")
	wait := g.word("", "", " NOWAIT", " SKIP LOCKED")
	for _, s := range f.scope.sources {
		// A view with aggregates cannot be locked, which Postgres says in other words once its query stands in its place.
		// Default rows are left out where nothing else is joined; elsewhere it may be refused.
		mixed := s.table != nil && s.table.Scope == policy.ScopeMixed && s.table.View == "" && len(f.scope.sources) == 1
		if s.table == nil || s.table.Scope != policy.ScopeTenant && !mixed || s.table.Name == "customer_totals" {
			return list("", "", "", 0)
		}
	}
	of := ""
	if g.chance(50) {
		of = " OF " + ident(pick(g, f.scope.sources).alias)
	}
	return opt(strength, of, wait)
}

// with makes a WITH clause, whose names are visible until the query that it belongs to is complete.
func (g *generator) with(outer *scope, depth int) *List {
	if g.chance(20) {
		return g.recursive(depth)
	}
	w := list("WITH ", ", ", " ", 0)
	for range 1 + g.IntN(2) {
		q, cols := g.query(outer, depth-1, shape{named: true})
		cte := &source{name: g.cteName(), cols: cols}
		aliases := g.columnAliases(cte)
		w.Items = append(w.Items, n(ident(cte.name), aliases, " AS ", g.word("", "", "MATERIALIZED ", "NOT MATERIALIZED "), "(", q, ")"))
		g.ctes = append(g.ctes, cte)
	}
	return w
}

// cteName draws a name, often one that a table has too.
func (g *generator) cteName() string {
	g.aliases++
	if t := pick(g, g.s.Tables); g.chance(35) && !g.taken(t.Name) {
		return t.Name
	}
	return fmt.Sprintf("w%d", g.aliases)
}

// recursive makes a WITH RECURSIVE that walks a few steps over a table.
func (g *generator) recursive(depth int) *List {
	t := pick(g, g.writable())
	start, step := n(g.tableName(t)), n(g.tableName(t))
	a, b := g.alias(), g.alias()
	name := fmt.Sprintf("w%d", g.aliases)
	first := &scope{sources: []*source{{alias: a, cols: columnsOf(t), table: t}}}
	next := " = r.v + 1"
	if g.chance(50) {
		next = " > r.v"
	}
	g.ctes = append(g.ctes, &source{name: name, cols: []*col{{name: "v", typ: Int4}, {name: "lvl", typ: Int4}}})
	return list("WITH RECURSIVE ", ", ", " ", 1, n(name, "(v, lvl) AS (SELECT ", a, ".qty, 1 FROM ", start, " ", a, g.where(first, min(depth-1, 0)),
		g.word(" UNION ", " UNION ALL "), "SELECT ", b, ".qty, r.lvl + 1 FROM ", name, " r JOIN ", step, " ", b, " ON ", b, ".qty", next, " WHERE r.lvl < 3)"))
}
