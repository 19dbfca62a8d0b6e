package isolation

import (
	"fmt"

	"pgcordon/policy"
)

// temporaries makes a temporary table, filled from a query or by rows, and statements that use it beside the ordinary tables. Often it has
// the name of one of them, which then means the temporary one wherever no schema is given.
func (g *generator) temporaries() []*Step {
	t := &Table{Schema: "pg_temp", Name: g.word("scratch", "Mine", "w1"), Scope: policy.ScopeTemporary, NoWrites: true}
	if g.chance(40) {
		t.Name = pick(g, g.bases()).Name
	}
	inside := g.chance(35)
	var steps []*Step
	if inside {
		steps = append(steps, g.say("transaction", "BEGIN"))
	}
	steps = append(steps, g.makeTemporary(t, inside))
	g.temporary = t
	for range 2 + g.IntN(4) {
		switch k := g.IntN(10); {
		case k < 4:
			steps = append(steps, g.statement(func() (*Node, string, bool) { return g.writeTemporary(t), "temporary table", false }))
		case k < 6:
			steps = append(steps, g.statement(g.anything))
		default:
			steps = append(steps, g.statement(g.readOnly))
		}
	}
	if inside {
		steps = append(steps, g.say("transaction", g.word("COMMIT", "ROLLBACK")))
		if g.chance(40) {
			steps = append(steps, g.statement(g.readOnly))
		}
	}
	g.temporary = nil
	// Without the schema an ordinary table could be meant, where a ROLLBACK has taken the temporary one away.
	return append(steps, g.say("temporary table", "DROP TABLE IF EXISTS pg_temp."+ident(t.Name)))
}

// makeTemporary makes the statement that creates t, and gives t its columns.
func (g *generator) makeTemporary(t *Table, inside bool) *Step {
	name := n(g.word("TEMP ", "TEMPORARY "), "TABLE ", g.word("", "", "IF NOT EXISTS "), g.word("", "pg_temp."), ident(t.Name))
	commit := ""
	if inside {
		commit = g.word("", " ON COMMIT DROP", " ON COMMIT DELETE ROWS", " ON COMMIT PRESERVE ROWS")
	}
	return g.statement(func() (*Node, string, bool) {
		if g.chance(25) {
			t.Columns = []*Column{{Name: "id", Type: Int4}, {Name: "note", Type: Text}, {Name: "qty", Type: Int4, Default: "3"}, {Name: "amount", Type: Numeric}}
			return n("CREATE ", name, " (id int4, note ", g.word("text", "pg_catalog.text"), ", qty int4 DEFAULT 3",
				g.word("", " CHECK (qty < 40)"), ", amount numeric)", commit), "temporary table", false
		}
		if like := g.alike(); like != nil && g.chance(20) {
			for _, c := range like.Columns { // neither defaults nor what computes a column
				t.Columns = append(t.Columns, &Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull})
			}
			return n("CREATE ", name, " (LIKE ", like.Full(), g.word("", ", extra int4"), ")", commit), "temporary table", false
		}
		q, cols := g.query(nil, pick(g, depths), shape{named: true, types: g.someTypes()})
		for _, c := range cols {
			t.Columns = append(t.Columns, &Column{Name: c.name, Type: c.typ}) // anything may be written there, so it is safe for nothing
		}
		return n("CREATE ", name, commit, " AS ", q, g.word("", "", "", " WITH DATA", " WITH NO DATA")), "temporary table", false
	})
}

// alike draws a table that LIKE can name: it has the same columns in every world.
func (g *generator) alike() *Table {
	like := pick(g, g.bases())
	if like.Shared != nil || like.Schema != "public" {
		return nil
	}
	return like
}

func (g *generator) someTypes() []Type {
	types := []Type{Int4}
	for range g.IntN(4) {
		types = append(types, pick(g, exprTypes))
	}
	return types
}

// writeTemporary makes INSERT, UPDATE or DELETE of a temporary table.
func (g *generator) writeTemporary(t *Table) *Node {
	src := &source{alias: g.alias(), cols: columnsOf(t), table: t}
	sc := &scope{sources: []*source{src}}
	switch g.IntN(5) {
	case 0, 1:
		types := make([]Type, len(t.Columns))
		names := list(" (", ", ", ")", len(t.Columns))
		for i, c := range t.Columns {
			types[i] = c.Type
			names.Items = append(names.Items, n(ident(c.Name)))
		}
		q, _ := g.query(nil, pick(g, depths), shape{types: types})
		return n("INSERT INTO ", g.tableName(t), names, " ", q, opt(" RETURNING *"))
	case 2:
		c := pick(g, t.Columns)
		return n("UPDATE ", g.tableName(t), " ", src.alias, " SET ", ident(c.Name), " = ", g.bounded(c, sc, 1), g.where(sc, 2), opt(" RETURNING *"))
	case 3:
		other := pick(g, g.readable())
		s := &source{alias: g.alias(), cols: columnsOf(other), table: other}
		on, _ := g.equality([]*source{src}, []*source{s})
		return n("DELETE FROM ", g.tableName(t), " ", src.alias, " USING ", g.tableName(other), " ", s.alias, " WHERE ", on)
	}
	w := pick(g, g.bases())
	s := &source{alias: g.alias(), cols: columnsOf(w), table: w}
	set := g.settable(w)[0]
	return n("UPDATE ", g.tableName(w), " ", s.alias, " SET ", ident(set.Name), " = ", g.value(set, nil, 0),
		fmt.Sprintf(" WHERE %s.id IN (SELECT %s FROM ", ident(s.alias), ident(t.Columns[0].Name)), g.tableName(t), ")")
}
