package isolation

import (
	"fmt"
	"slices"
	"strings"

	"pgcordon/policy"
)

// session makes a few steps that use the session's own state: cursors, prepared statements, temporary tables, advisory locks, channels and
// sequences. The last of them put that state away, so that the units behind them begin alike in both worlds.
func (g *generator) session() []*Step {
	switch k := g.IntN(100); {
	case k < 30:
		return g.cursor()
	case k < 55:
		return g.preparation()
	case k < 85:
		return g.temporaries()
	case k < 90:
		return g.advisory()
	case k < 95:
		return g.channels()
	}
	return g.sequences()
}

// say makes a step of fixed text.
func (g *generator) say(kind, sql string) *Step {
	return &Step{Tenant: g.tenants[0], Query: n(sql), Kind: kind, Mode: Mode(g.IntN(2))}
}

// cursor makes a transaction with a cursor over ordered rows, or one that is held beyond it. Backwards it goes only where it was declared so:
// what a plan can do by itself is the plan's choice.
func (g *generator) cursor() []*Step {
	name := ident(g.word("c", "cur", "select", "My Cursor"))
	declare, current := g.declare(name)
	scroll, hold := g.word("", "", "NO SCROLL ", "SCROLL ", "SCROLL "), g.word("", "", " WITHOUT HOLD", " WITH HOLD")
	if current != nil {
		scroll, hold = "", ""
	}
	declare.Query = n("DECLARE ", name, " ", g.word("", "", "BINARY ", "INSENSITIVE "), scroll, "CURSOR", hold, " FOR ", declare.Query)
	declare.Kind, declare.BinaryResult = "DECLARE", false
	move := func() *Step {
		direction := g.word("NEXT", "1", "2", "3", "FORWARD", "FORWARD 2", "FORWARD ALL", "ALL", "")
		if scroll == "SCROLL " && g.chance(60) {
			direction = g.word("PRIOR", "FIRST", "LAST", "ABSOLUTE 2", "ABSOLUTE -1", "RELATIVE 0", "0", "RELATIVE -2", "BACKWARD", "BACKWARD 2", "BACKWARD ALL", "-1")
		}
		step := g.say("FETCH", g.word("FETCH ", "FETCH ", "FETCH ", "MOVE ")+direction+g.word(" FROM ", " IN ", " FROM ")+name)
		step.Ordered, step.Views, step.Mode = true, declare.Views, pick(g, []Mode{SimpleQuery, ExtendedQuery, NamedStatement})
		return step
	}
	steps := []*Step{g.say("transaction", "BEGIN"), declare}
	g.cursorOpen = true
	for range 1 + g.IntN(4) {
		steps = append(steps, move())
		switch {
		case current != nil && g.chance(60):
			steps = append(steps, current())
		case g.chance(15):
			steps = append(steps, g.statement(g.anything))
		case g.chance(10):
			steps = append(steps, g.say("transaction", "SAVEPOINT s"), move(), g.say("transaction", "ROLLBACK TO s"))
		}
	}
	g.cursorOpen = false
	if g.chance(40) {
		steps = append(steps, g.say("CLOSE", "CLOSE "+g.word(name, name, "ALL")))
	}
	steps = append(steps, g.say("transaction", g.word("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))
	if hold == " WITH HOLD" {
		steps = append(steps, move(), move())
	}
	return append(steps, g.say("CLOSE", "CLOSE ALL"))
}

// declare makes a cursor's query, and for a cursor over a table what writes the row that it stands on.
func (g *generator) declare(name string) (*Step, func() *Step) {
	if g.chance(70) {
		return g.statement(func() (*Node, string, bool) {
			q, _ := g.query(nil, pick(g, depths), shape{top: true, ordered: true})
			return q, "DECLARE", true
		}), nil
	}
	t := pick(g, slices.DeleteFunc(g.bases(), func(t *Table) bool {
		// Default rows are locked by nobody; and a partition that a cursor over one tenant's rows leaves out keeps Postgres from WHERE CURRENT OF.
		return t.Scope == policy.ScopeMixed || strings.HasPrefix(t.PartitionBy, "LIST")
	}))
	step := g.statement(func() (*Node, string, bool) {
		a := g.alias()
		src := &source{alias: a, cols: columnsOf(t), table: t}
		order := list(" ORDER BY ", ", ", "", 1)
		for i := range t.Columns {
			order.Items = append(order.Items, n(fmt.Sprint(i+1)))
		}
		return n("SELECT * FROM ", g.tableName(t), " ", a, g.where(&scope{sources: []*source{src}}, 1), order, " FOR UPDATE"), "DECLARE", true
	})
	return step, func() *Step {
		return g.statement(func() (*Node, string, bool) {
			ret := opt(g.word("", "", " RETURNING *"))
			if g.chance(30) {
				return n("DELETE FROM ", g.tableName(t), g.word("", " x"), " WHERE CURRENT OF ", name, ret), "DELETE", false
			}
			sets := list("", ", ", "", 1)
			for _, c := range g.settable(t) {
				sets.Items = append(sets.Items, n(ident(c.Name), " = ", g.value(c, nil, 0)))
			}
			return n("UPDATE ", g.tableName(t), g.word("", " AS x"), " SET ", sets, " WHERE CURRENT OF ", name, ret), "UPDATE", false
		})
	}
}

// preparation makes PREPARE of some statement, executes it and deallocates it; inside a transaction as well, which it outlives.
func (g *generator) preparation() []*Step {
	name := ident(g.word("p", "plan", "select", "Plan 1"))
	inner := g.statement(g.anything)
	p := &Preparation{Name: name, Body: inner.Query}
	prepare := *inner
	prepare.Query, prepare.Kind, prepare.BinaryResult, prepare.Draws = n(p), "PREPARE", false, nil
	prepare.Undo = "DEALLOCATE " + name
	if prepare.Mode == NamedStatement {
		prepare.Mode = SimpleQuery
	}
	var steps []*Step
	ends := g.word("COMMIT", "ROLLBACK")
	inside := g.chance(30)
	if inside {
		steps = append(steps, g.say("transaction", "BEGIN"))
	}
	steps = append(steps, &prepare)
	if inside && g.chance(50) {
		steps, inside = append(steps, g.say("transaction", ends)), false
	}
	for range 1 + g.IntN(3) {
		execute := *inner
		execute.Query, execute.Kind = n(&Execution{Of: p}), "EXECUTE"
		execute.Mode = pick(g, []Mode{SimpleQuery, SimpleQuery, ExtendedQuery, NamedStatement})
		execute.BinaryResult = execute.Mode != SimpleQuery && g.chance(50)
		steps = append(steps, &execute)
		if g.chance(20) {
			steps = append(steps, g.statement(g.anything))
		}
	}
	if g.chance(20) {
		steps = append(steps, g.tableOf(p)...)
	}
	if inside {
		steps = append(steps, g.say("transaction", ends))
	}
	return append(steps, g.say("DROP TABLE", "DROP TABLE IF EXISTS made"), g.say("DEALLOCATE", "DEALLOCATE "+g.word("", "PREPARE ")+g.word(name, name, "ALL")))
}

// tableOf makes a temporary table of what a prepared statement returns, and reads it.
func (g *generator) tableOf(p *Preparation) []*Step {
	return []*Step{
		g.statement(func() (*Node, string, bool) {
			return n("CREATE TEMP TABLE ", g.word("", "", "IF NOT EXISTS "), "made AS ", &Execution{Of: p}, g.word("", "", " WITH NO DATA")), "CREATE TABLE AS EXECUTE", false
		}),
		g.statement(func() (*Node, string, bool) {
			return n("SELECT * FROM ", g.word("made", "pg_temp.made")), "SELECT", false
		}),
	}
}

// advisory makes steps of two tenants over the same keys: neither ever waits for the other.
func (g *generator) advisory() []*Step {
	key := g.word("7", "-1", "1, 2", "9223372036854775807", "0")
	other := (g.tenants[0] + 1 + g.IntN(Tenants-1)) % Tenants
	say := func(tenant int, sql string) *Step {
		step := g.say("advisory lock", sql)
		step.Tenant, step.Undo = tenant, "SELECT pg_advisory_unlock_all()"
		return step
	}
	var steps []*Step
	for _, t := range []int{g.tenants[0], other, g.tenants[0]} {
		steps = append(steps, say(t, "SELECT "+g.word("pg_advisory_lock", "pg_try_advisory_lock", "pg_try_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock_shared")+"("+key+")"))
	}
	steps = append(steps, say(other, "BEGIN"), say(other, "SELECT "+g.word("pg_advisory_xact_lock", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared")+"("+key+")"),
		say(other, "SELECT pg_try_advisory_xact_lock("+g.word("id", "qty")+") FROM orders"), say(other, "COMMIT"))
	for _, t := range []int{other, g.tenants[0]} {
		steps = append(steps, say(t, "SELECT "+g.word("pg_advisory_unlock", "pg_advisory_unlock_shared")+"("+key+")"), say(t, "SELECT pg_advisory_unlock_all()"))
	}
	return steps
}

// channels makes LISTEN and NOTIFY of two tenants over one name. A session hears itself before its NOTIFY is answered.
func (g *generator) channels() []*Step {
	name := ident(g.word("orders", "news", "My News"))
	other := (g.tenants[0] + 1) % Tenants
	var steps []*Step
	for _, t := range []int{other, g.tenants[0]} {
		tell := func(sql string) {
			step := g.say("channel", sql)
			step.Tenant, step.Undo = t, "UNLISTEN *"
			steps = append(steps, step)
		}
		tell("LISTEN " + name)
		tell(fmt.Sprintf("NOTIFY %s, '%s'", name, marker(t)))
		tell("BEGIN")
		tell(fmt.Sprintf("SELECT pg_notify('orders', '%s')", marker(t)))
		tell(g.word("NOTIFY ", "UNLISTEN ", "LISTEN ") + name)
		tell(g.word("COMMIT", "ROLLBACK"))
	}
	for _, t := range []int{other, g.tenants[0]} {
		step := g.say("channel", "UNLISTEN *")
		step.Tenant = t
		steps = append(steps, step)
	}
	return steps
}

// sequences makes a transaction that draws from a table's sequence and reads what it drew.
func (g *generator) sequences() []*Step {
	var owners []*Table
	for _, t := range g.s.Tables {
		if t.sequence() != "" && t.Over == nil {
			owners = append(owners, t)
		}
	}
	if len(owners) == 0 {
		return g.advisory()
	}
	t := pick(g, owners)
	name := quote(t.sequence())
	draw := g.say("sequence", "SELECT nextval("+name+g.word("", "::regclass")+")")
	draw.Draws = []string{t.sequence()}
	again := g.say("sequence", fmt.Sprintf("SELECT currval(%s), lastval(), pg_get_serial_sequence(%s, 'id')", name, quote(t.Full())))
	again.Mode = Mode(g.IntN(3))
	return []*Step{g.say("transaction", "BEGIN"), draw, again, g.say("transaction", g.word("COMMIT", "ROLLBACK"))}
}
