package isolation

import (
	"fmt"
	"slices"

	"pgcordon/policy"
)

// merge makes a MERGE whose source meets each row of the target once at most, so that which of several source rows acts is never the plan's choice.
func (g *generator) merge(with *List) *Node {
	target, dst := g.target()
	for dst.table.Scope == policy.ScopeMixed || dst.table.View != "" && g.s.Major < 17 { // row security does not pass default rows by in MERGE, but raises an error
		target, dst = g.target()
	}
	from, src, on := g.mergeSource(dst)
	both := &scope{sources: []*source{dst, src}, qualified: true}
	conds := list("", " AND ", "", 1, on)
	if g.chance(35) {
		conds.Items = append(conds.Items, g.cond(both, 1))
	}
	if g.chance(15) {
		conds.Items = append(conds.Items, g.tenantEquality([]*source{dst}, []*source{src}))
	}
	whens := list("", "", "", 1)
	for last := g.IntN(3); last >= 0; last-- { // an unconditional one ends its kind
		if g.chance(55) {
			whens.Items = append(whens.Items, g.whenMatched(dst, both, last > 0))
		} else {
			whens.Items = append(whens.Items, g.whenNotMatched(dst.table, src, last > 0))
		}
	}
	return n(with, "MERGE INTO ", target, " USING ", from, " ON ", conds, whens)
}

// mergeSource makes what stands behind USING, and the condition by which it meets the target.
func (g *generator) mergeSource(dst *source) (*Node, *source, *Node) {
	other, on := g.keyed(dst)
	switch {
	case other == nil || g.chance(40):
		return g.mergeValues(dst)
	case g.chance(40):
		inner := &source{alias: g.alias(), cols: other.cols, table: other.table}
		where := g.where(&scope{sources: []*source{inner}}, 1)
		other.table = nil
		return n("(SELECT * FROM ", g.tableName(inner.table), " ", inner.alias, where, ") AS ", other.alias), other, on
	case g.chance(25): // each row once, whatever the join finds
		inner := &source{alias: g.alias(), cols: other.cols, table: other.table}
		third := &source{alias: g.alias(), cols: columnsOf(other.table), table: other.table}
		join := g.word("LEFT JOIN", "JOIN", "RIGHT JOIN", "FULL JOIN")
		other.table = nil
		return n("(SELECT ", inner.alias, ".* FROM ", g.tableName(inner.table), " ", inner.alias, " ", join, " ",
			g.tableName(third.table), " ", third.alias, " ON ", third.alias, ".id = ", inner.alias, ".id) AS ", other.alias), other, on
	}
	return n(g.tableName(other.table), " ", other.alias), other, on
}

// mergeValues makes a source of constants, whose ids differ from each other.
func (g *generator) mergeValues(dst *source) (*Node, *source, *Node) {
	src := &source{alias: g.alias(), cols: []*col{{name: "id", typ: Int4, use: UseID}, {name: "x", typ: Int4}, {name: "y", typ: Text}}}
	rows := list("", ", ", "", 1)
	var seen []string
	for range 1 + g.IntN(4) {
		id := g.ownID()
		if g.chance(40) {
			id = g.newID()
		}
		if slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		rows.Items = append(rows.Items, n("(", n(g.constant(Int4, id)), ", ", g.typed(Int4), ", ", g.typed(Text), ")"))
	}
	return n("(VALUES ", rows, ") AS ", src.alias, "(id, x, y)"), src, n(src.alias, ".id = ", ident(dst.alias), ".id")
}

func (g *generator) whenCondition(sc *scope, must bool) *List {
	if !must && !g.chance(30) {
		return list("", "", "", 0)
	}
	return opt(" AND ", g.cond(sc, 1))
}

func (g *generator) whenMatched(dst *source, both *scope, must bool) *Node {
	head := n(" WHEN MATCHED", g.whenCondition(both, must), " THEN ")
	switch k := g.IntN(10); {
	case k < 1:
		return n(head, "DO NOTHING")
	case k < 3:
		return n(head, "DELETE")
	}
	sets := list("", ", ", "", 1)
	for _, c := range g.settable(dst.table) {
		sets.Items = append(sets.Items, n(ident(c.Name), " = ", g.value(c, both, 1)))
	}
	if tenant := dst.table.tenantColumn(); tenant != nil && g.chance(6) {
		value := n(g.constant(tenant.Type, g.s.IDs[g.tenants[0]]))
		if g.chance(30) {
			g.hostile = true
			value = n(g.constant(tenant.Type, g.s.IDs[g.IntN(Tenants)]))
		}
		sets.Items = append(sets.Items, n(ident(tenant.Name), " = ", value))
	}
	return n(head, "UPDATE SET ", sets)
}

func (g *generator) whenNotMatched(t *Table, src *source, must bool) *Node {
	sc := &scope{sources: []*source{src}}
	head := n(" WHEN NOT MATCHED", g.whenCondition(sc, must), " THEN ")
	if g.chance(10) {
		return n(head, "DO NOTHING")
	}
	names, values := list("(", ", ", ")", 1), list("(", ", ", ")", 1)
	for _, c := range t.Columns {
		var x *Node
		switch {
		case c.Generated != "", c.Use == UseMark:
			continue
		case c.Use == UseID && src.cols[0].name == "id" && src.cols[0].use == UseID && len(src.cols) == 3:
			x = n(src.alias, ".id")
		case c.Use == UseID:
			x = n(fmt.Sprintf("%d + ", g.idSpan()), src.alias, ".id % 1000")
		case c.Use == UseCode:
			x = n("'m' || ", src.alias, ".id")
		case c.Use == UseTenant:
			if x = g.tenantOfRow(c, src); x == nil {
				continue
			}
		case c.Default != "" && g.chance(30):
			x = n("DEFAULT")
		case !c.NotNull && !g.chance(50):
			continue
		default:
			x = g.value(c, sc, 0)
		}
		names.Items, values.Items = append(names.Items, n(ident(c.Name))), append(values.Items, x)
	}
	return n(head, "INSERT ", names, " VALUES ", values)
}

// tenantOfRow sometimes gives the tenant column a value: the tenant's id, or the source's own tenant column.
func (g *generator) tenantOfRow(c *Column, src *source) *Node {
	switch {
	case g.chance(70):
		return nil
	case g.chance(10):
		return n("DEFAULT")
	}
	for _, o := range src.cols {
		if o.use == UseTenant && o.typ == c.Type && g.chance(60) {
			return n(ref(src, o))
		}
	}
	return n(g.constant(c.Type, g.s.IDs[g.tenants[0]]))
}
