package isolation

import (
	"slices"

	"pgcordon/policy"
)

// truncate makes a TRUNCATE of some tables: mostly with those whose foreign keys reference them. Tables with default rows are left
// out: row security keeps these rows in a tenant's own world, and TRUNCATE passes it by.
func (g *generator) truncate() *Node {
	all := slices.DeleteFunc(g.bases(), func(t *Table) bool { return t.Scope == policy.ScopeMixed })
	tables := []*Table{pick(g, all)}
	behavior := g.word("", "", " RESTRICT", " CONTINUE IDENTITY")
	if g.chance(70) {
		for grown := true; grown; {
			grown = false
			for _, t := range all {
				if c := t.by(UseParent); c != nil && slices.Contains(tables, c.Parent) && !slices.Contains(tables, t) {
					tables, grown = append(tables, t), true
				}
			}
		}
		behavior = g.word(behavior, " CASCADE") // which reaches no others, of which Postgres would tell in a notice
	} else if g.chance(15) {
		tables = append(tables, pick(g, all))
	}
	g.Shuffle(len(tables), func(i, j int) { tables[i], tables[j] = tables[j], tables[i] })
	names := list("", ", ", "", 1)
	for _, t := range tables {
		names.Items = append(names.Items, n(g.word("", "", "", "ONLY "), g.tableName(t)))
	}
	return n(g.word("TRUNCATE ", "TRUNCATE TABLE "), names, behavior)
}

// lockTable makes a LOCK TABLE in a mode that every tenant may take.
func (g *generator) lockTable() *Node {
	t, mode := pick(g, g.bases()), g.word("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE")
	if g.chance(10) {
		t, mode = g.s.Tables[0], "ACCESS SHARE" // the global one
	}
	return n("LOCK ", g.word("", "TABLE "), g.word("", "", "ONLY "), t.Full(), " IN ", mode, " MODE", g.word("", " NOWAIT"))
}
