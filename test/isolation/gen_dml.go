package isolation

import (
	"fmt"
	"slices"
)

// value makes an expression for a column that is written. It stays within what the column holds, so that a statement over
// many rows does not fail on some of them only.
func (g *generator) value(c *Column, sc *scope, depth int) *Node {
	as := &col{name: c.Name, typ: c.Type, use: c.Use, safe: c.Safe}
	switch {
	case c.Use == UseTenant:
		return n(g.constant(c.Type, g.s.IDs[g.tenants[0]]))
	case c.Use == UsePlain && !c.NotNull && c.Type != Varchar && g.chance(50):
		return g.bounded(c, sc, depth)
	case !c.NotNull && g.chance(8):
		return n("NULL")
	case c.Use == UseParent && g.chance(20):
		return n("NULL")
	}
	return n(g.likeColumn(as))
}

// bounded makes an expression over the columns in scope whose value fits the column's type and checks.
func (g *generator) bounded(c *Column, sc *scope, depth int) *Node {
	x := g.expr(c.Type, sc, min(depth, 1))
	switch c.Type {
	case Int4:
		return n("abs(", x, ") % 50").or(n("1"))
	case Int8:
		return n(x, " % 1000").or(n("1"))
	case Numeric:
		return n(x, " % 1000").or(n("1"))
	}
	return x
}

// insert makes an INSERT for one tenant.
func (g *generator) insert(depth int, with *List, returning bool) (*Node, *Table, []*col) {
	t := pick(g, g.writable())
	cols := g.insertColumns(t)
	names := list(" (", ", ", ")", 1)
	for _, c := range cols {
		names.Items = append(names.Items, n(ident(c.Name)))
	}
	var rows *Node
	switch {
	case g.chance(25):
		rows = g.insertSelect(cols, depth)
	default:
		rows = g.insertValues(cols)
	}
	if g.chance(6+boolInt(t.Shared != nil)*40) && !slices.ContainsFunc(cols, func(c *Column) bool { return c.Use == UseTenant }) && g.inOrder(t, cols) {
		names = list("", "", "", 0)
	}
	alias, target := t.Name, n(g.tableName(t))
	if g.chance(20) {
		alias = g.alias()
		target = n(target, " AS ", alias)
	}
	src := &source{alias: alias, cols: columnsOf(t), table: t}
	conflict := g.onConflict(t, src, cols)
	ret, retCols := g.returning(&scope{sources: []*source{src}}, depth, returning, false)
	return n(with, "INSERT INTO ", target, names, " ", rows, conflict, ret), t, retCols
}

// inOrder reports whether cols are the first columns of t in order, so that the list of names can go.
func (g *generator) inOrder(t *Table, cols []*Column) bool {
	for i, c := range cols {
		if t.Columns[i] != c {
			return false
		}
	}
	return true
}

// insertColumns chooses the columns to give; the tenant column mostly is not among them.
func (g *generator) insertColumns(t *Table) []*Column {
	var cols []*Column
	all := g.chance(15) // in the table's order, which allows to leave the names out
	for _, c := range t.Columns {
		switch {
		case c.Generated != "", c.Use == UseMark:
		case c.Use == UseTenant:
			if g.chance(25) || all && g.chance(70) {
				cols = append(cols, c)
			}
		case c.Use == UseID:
			if c.Serial && g.chance(70) {
				g.draws = append(g.draws, t)
				continue
			}
			cols = append(cols, c)
		case all || c.NotNull && c.Default == "" || g.chance(60):
			cols = append(cols, c)
		}
	}
	if len(cols) == 0 {
		cols = append(cols, t.by(UseNote))
	}
	if !all {
		g.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] })
	}
	return cols
}

func (g *generator) insertValues(cols []*Column) *Node {
	rows := list("VALUES ", ", ", "", 1)
	count := 1
	if g.chance(35) {
		count = 2 + g.IntN(2)
	}
	for range count {
		row := list("(", ", ", ")", len(cols))
		for _, c := range cols {
			row.Items = append(row.Items, g.insertValue(c))
		}
		rows.Items = append(rows.Items, n(row))
	}
	return n(rows)
}

func (g *generator) insertValue(c *Column) *Node {
	switch {
	case c.Use == UseID && g.chance(75):
		return n(g.constant(c.Type, g.newID()))
	case c.Use == UseID:
		return n(g.constant(c.Type, g.ownID()))
	case c.Use == UseCode:
		return n(g.constant(c.Type, fmt.Sprintf("c%d", 1+g.IntN(3*maxRows))))
	case c.Default != "" && g.chance(15):
		return n("DEFAULT")
	case c.Use == UseTenant && g.chance(5):
		g.hostile = true
		return n(g.constant(c.Type, g.s.IDs[(g.tenants[0]+1)%Tenants]))
	case c.Use == UseTenant && g.chance(10):
		return n("DEFAULT")
	}
	return g.value(c, nil, 1)
}

// ownID returns an id of the tenant's that likely exists: ids of others cannot be told from a shared key's collisions.
func (g *generator) ownID() string { return fmt.Sprint(firstID(g.tenants[0], g.IntN(30))) }

// insertSelect takes rows from one table in the order of its key, with ids of a fresh span.
func (g *generator) insertSelect(cols []*Column, depth int) *Node {
	from := pick(g, g.writable())
	src := &source{alias: g.alias(), cols: columnsOf(from), table: from}
	sc := &scope{sources: []*source{src}}
	targets := list("", ", ", "", len(cols))
	span := g.idSpan()
	for _, c := range cols {
		var x *Node
		same := g.columns(sc, func(o *col) bool { return o.typ == c.Type && o.use == c.Use && o.base == c })
		switch {
		case c.Use == UseID:
			x = n(fmt.Sprintf("%d + %s.id %% 1000", span, src.alias))
		case c.Use == UseCode:
			x = n(ident(src.alias), ".code || 'x'")
			if c.NotNull {
				x = n("coalesce(", x, ", ", src.alias, ".id::text)")
			}
		case len(same) > 0 && !c.NotNull && c.Use != UseTenant && g.chance(60):
			x = same[0].node()
		default:
			x = g.value(c, sc, depth)
		}
		targets.Items = append(targets.Items, x)
	}
	return n("SELECT ", targets, " FROM ", g.tableName(from), " ", src.alias, g.where(sc, min(depth, 1)), " ORDER BY ", src.alias, ".id")
}

// onConflict makes ON CONFLICT with an arbiter that holds the tenant column.
func (g *generator) onConflict(t *Table, src *source, cols []*Column) *List {
	if !g.chance(30) {
		return list("", "", "", 0)
	}
	if len(t.Unique) == 0 || t.conditional() { // through a view with a condition DO UPDATE is not supported
		return opt(" ON CONFLICT DO NOTHING")
	}
	arbiter := idents(pick(g, t.Unique))
	where := ""
	if t.SoftDelete != nil {
		where = " WHERE " + t.live()
	}
	if g.chance(30) {
		return opt(" ON CONFLICT", g.word("", " ("+arbiter+")"+where), " DO NOTHING")
	}
	target := "(" + arbiter + ")" + where
	if c := t.by(UseTenant); c != nil && g.chance(20) && t.Over == nil && t.Inherits == nil && t.PartitionBy == "" && t.PartitionOf == nil && t.SoftDelete == nil {
		target = "ON CONSTRAINT " + ident(t.Name+"_"+c.Name+"_code_key")
	}
	excluded := &source{alias: "excluded", cols: src.cols}
	sc := &scope{sources: []*source{src}, qualified: true} // excluded has the same names
	sets := list("", ", ", "", 1)
	for _, c := range g.settable(t) {
		x := g.value(c, sc, 0)
		if slices.Contains(cols, c) && g.chance(60) {
			x = n("excluded.", ident(c.Name))
		}
		sets.Items = append(sets.Items, n(ident(c.Name), " = ", x))
	}
	if len(sets.Items) == 0 {
		return opt(" ON CONFLICT DO NOTHING")
	}
	cond := list(" WHERE ", " AND ", "", 0)
	if g.chance(30) {
		cond.Items = append(cond.Items, g.simpleCond(&scope{sources: []*source{src, excluded}}, 0))
	}
	return opt(" ON CONFLICT ", target, " DO UPDATE SET ", sets, cond)
}

// settable draws one to three columns that an UPDATE may change without touching a key.
func (g *generator) settable(t *Table) []*Column {
	var can []*Column
	for _, c := range t.Columns {
		if c.Generated == "" && c.Use != UseTenant && c.Use != UseID && c.Use != UseCode && c.Use != UseMark {
			can = append(can, c)
		}
	}
	g.Shuffle(len(can), func(i, j int) { can[i], can[j] = can[j], can[i] })
	return can[:min(len(can), 1+g.IntN(3))]
}

// returning makes a RETURNING clause over the target alone: which row of a joined table it meets is the plan's choice.
func (g *generator) returning(sc *scope, depth int, must, joined bool) (*List, []*col) {
	if !must && !g.chance(35) {
		return list("", "", "", 0), nil
	}
	src := sc.sources[0]
	sc.qualified = joined
	if !must && !src.noRow && g.chance(30) {
		if joined {
			return opt(" RETURNING ", ident(src.alias), ".*"), nil
		}
		return opt(" RETURNING *"), nil
	}
	targets, cols := g.targets(sc, min(depth, 1), shape{named: true, types: []Type{Int4, Text}}, g.plainTarget)
	if c := src.table.by(UseTenant); c != nil && g.chance(30) {
		targets.Items = append(targets.Items, n(ident(src.alias), ".", ident(c.Name)))
	}
	if must {
		return list("", "", "", 1, n(" RETURNING ", targets)), cols
	}
	return opt(" RETURNING ", targets), cols
}

// target draws a table for UPDATE or DELETE and prints it under an alias.
func (g *generator) target() (*Node, *source) {
	t := pick(g, g.writable())
	src := &source{alias: t.Name, cols: columnsOf(t), table: t}
	node := n(g.word("", "", "", "", "ONLY "), g.tableName(t))
	if g.chance(60) {
		src.alias = g.alias()
		node = n(node, g.word(" ", " AS "), src.alias)
	}
	return node, src
}

// update makes an UPDATE. One with FROM joins along a key, so that no row is met twice.
func (g *generator) update(depth int, with *List, returning bool) (*Node, *Table, []*col) {
	target, src := g.target()
	own := &scope{sources: []*source{src}}
	sc := own
	where := list(" WHERE ", " AND ", "", 0)
	from := list("", "", "", 0)
	if g.chance(25) {
		if other, on := g.keyed(src); other != nil {
			from = list("", "", "", 1, n(" FROM ", g.tableName(other.table), " ", other.alias))
			where.Items = append(where.Items, on)
			where.Min = 1
			sc = &scope{sources: []*source{src, other}}
		}
	}
	if !g.chance(15) {
		where.Items = append(where.Items, g.cond(sc, min(depth, 2)))
	}
	sets := list("", ", ", "", 1)
	for _, c := range g.settable(src.table) {
		sets.Items = append(sets.Items, n(ident(c.Name), " = ", g.value(c, sc, min(depth, 1))))
	}
	if g.chance(8) {
		if several := g.severalAtOnce(src.table, sc, depth); several != nil {
			sets = list("", ", ", "", 1, several)
		}
	}
	if g.chance(5) && len(g.tenants) == 1 {
		id, _ := g.rowID(src)
		joined := where.Items[:where.Min] // without it FROM would meet the row several times
		where = list(" WHERE ", " AND ", "", len(joined)+1, append(joined, id)...)
		sets.Items = append(sets.Items, n("code = ", n(g.constant(Text, fmt.Sprintf("c%d", 1+g.IntN(maxRows))))))
	}
	if tenant := src.table.tenantColumn(); tenant != nil && g.chance(3) {
		g.hostile = true
		sets.Items = append(sets.Items, n(ident(tenant.Name), " = ", n(g.constant(tenant.Type, g.s.IDs[g.IntN(Tenants)]))))
	}
	ret, cols := g.returning(own, depth, returning, len(from.Items) > 0)
	return n(with, "UPDATE ", target, " SET ", sets, from, where, ret), src.table, cols
}

// severalAtOnce sets two columns from a row or a sub-select; nil for a table without two that may be NULL.
func (g *generator) severalAtOnce(t *Table, sc *scope, depth int) *Node {
	cols := g.settable(t)
	if len(cols) < 2 || cols[0].NotNull || cols[1].NotNull {
		return nil
	}
	a, b := cols[0], cols[1]
	if g.chance(40) {
		return n("(", ident(a.Name), ", ", ident(b.Name), ") = ROW(", g.value(a, sc, 0), ", ", g.value(b, sc, 0), ")")
	}
	other, alias := pick(g, g.writable()), g.alias()
	inner := &scope{sources: []*source{{alias: alias, cols: columnsOf(other), table: other}}, outer: sc}
	return n("(", ident(a.Name), ", ", ident(b.Name), ") = (SELECT ", g.value(a, nil, 0), ", ", g.value(b, nil, 0),
		" FROM ", g.tableName(other), " ", alias, g.where(inner, min(depth, 1)), " LIMIT 1)")
}

// keyed finds a table whose rows a column of src identifies.
func (g *generator) keyed(src *source) (*source, *Node) {
	for _, c := range src.table.Columns {
		if c.Use == UseParent {
			other := &source{alias: g.alias(), cols: columnsOf(c.Parent), table: c.Parent}
			return other, n(other.alias, ".id = ", ident(src.alias), ".", ident(c.Name))
		}
	}
	other := pick(g, g.writable())
	if base := other.stored(); base.PartitionBy != "" || base.PartitionOf != nil || base.Inherits != nil || base.Name == "notes" {
		return nil, nil
	}
	s := &source{alias: g.alias(), cols: columnsOf(other), table: other}
	return s, n(s.alias, ".code = ", ident(src.alias), ".code")
}

// rowID makes a condition that at most one row of the tenant's meets.
func (g *generator) rowID(src *source) (*Node, *col) {
	for _, c := range src.cols {
		if c.use == UseID {
			return n(ref(src, c), " = ", n(g.constant(c.typ, g.someID(true)))), c
		}
	}
	return n("false"), nil
}

// remove makes a DELETE.
func (g *generator) remove(depth int, with *List, returning bool) (*Node, *Table, []*col) {
	target, src := g.target()
	own := &scope{sources: []*source{src}}
	sc := own
	using := list("", "", "", 0)
	where := list(" WHERE ", " AND ", "", 0)
	if g.chance(25) {
		var candidates []*Table
		for _, t := range g.readable() {
			if t.Scope.HasTenant() && t != src.table {
				candidates = append(candidates, t)
			}
		}
		other := pick(g, candidates)
		s := &source{alias: g.alias(), cols: columnsOf(other), table: other}
		using = list("", "", "", 1, n(" USING ", g.tableName(other), " ", s.alias))
		on, _ := g.equality([]*source{src}, []*source{s})
		where.Items = append(where.Items, on)
		sc = &scope{sources: []*source{src, s}}
	}
	if len(g.tenants) == 1 && g.chance(40) {
		id, _ := g.rowID(src)
		where.Items = append(where.Items, id)
	}
	if !g.chance(5) {
		where.Items = append(where.Items, g.cond(sc, min(depth, 2)))
	}
	ret, cols := g.returning(withoutMark(own), depth, returning, len(using.Items) > 0)
	return n(with, "DELETE FROM ", target, using, where, ret), src.table, cols
}

// writingCTE makes a query over the rows that a data-modifying common table expression returns.
func (g *generator) writingCTE(depth int) *Node {
	makers := []func(int, *List, bool) (*Node, *Table, []*col){g.insert, g.update, g.remove}
	none := list("", "", "", 0)
	dml, t, cols := pick(g, makers)(depth-1, none, true)
	name := g.alias()
	g.ctes = append(g.ctes, &source{name: name, cols: cols})
	with := list("WITH ", ", ", " ", 1, n(name, " AS (", dml, ")"))
	src := &source{alias: name, cols: cols}
	sc := &scope{sources: []*source{src}}
	if g.chance(30) && len(cols) > 0 {
		// A second table is written from the first one's rows; it is another one, because the order of the two is open.
		other := pick(g, g.writable())
		if other != t && !related(other, t) {
			s := &source{alias: g.alias(), cols: columnsOf(other), table: other}
			set := g.settable(other)[0]
			return n(with, "UPDATE ", g.tableName(other), " ", s.alias, " SET ", ident(set.Name), " = ", g.value(set, nil, 0),
				" WHERE ", ident(s.alias), ".id IN (SELECT ", name, ".", cols[0].name, " FROM ", name, ")")
		}
	}
	targets, out := g.targets(sc, 1, shape{}, g.plainTarget)
	return n(with, "SELECT ", targets, " FROM ", name, g.where(sc, 0), g.tail(len(out), shape{}, true))
}

// related reports whether writing one table can touch the other's rows.
func related(a, b *Table) bool {
	a, b = a.stored(), b.stored()
	if a == b {
		return true
	}
	parent := func(x, y *Table) bool {
		c := x.by(UseParent)
		return c != nil && (c.Parent == y || c.Parent.by(UseParent) != nil && c.Parent.by(UseParent).Parent == y)
	}
	if a.PartitionOf == b || b.PartitionOf == a {
		return true
	}
	return a.Inherits == b || b.Inherits == a || parent(a, b) || parent(b, a)
}
