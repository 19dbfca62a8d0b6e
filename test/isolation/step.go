package isolation

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Mode is how a statement is sent.
type Mode uint8

// The modes.
const (
	SimpleQuery Mode = iota
	ExtendedQuery
	NamedStatement // Parse and Describe under a name, then executed twice when it only reads
	CopyOut        // a Query that is COPY TO STDOUT
	CopyIn         // a Query that is COPY FROM STDIN, with its rows
)

// Step is one message of one tenant's.
type Step struct {
	Tenant int
	Mode   Mode
	Query  *Node
	// Data are the rows of COPY FROM STDIN, as they are sent; else nil.
	Data *Node
	// BinaryResult asks for results in binary, in the extended modes.
	BinaryResult bool
	// Draws are the tables whose sequences the statement draws from: the runner sets them alike in both worlds first.
	Draws []string
	// Ordered marks results whose order is part of the answer.
	Ordered bool
	// Hostile marks statements that may be refused: they try what a tenant may not do.
	Hostile bool
	// Probe marks steps that run through the proxy alone, and only for what they may leak: their answer depends on rows of others, as
	// that of an INSERT of an id which another tenant has.
	Probe bool
	// Views marks statements that may read views. The proxy puts a view's query in its place, so a result's columns come from
	// the tables below it.
	Views bool
	// Mistaken marks statements that are made for their error: rows, which can be those of an EXPLAIN, are not compared.
	Mistaken bool
	// NoHints marks statements to which the proxy may give fewer hints: those that guess at a name could tell one that is hidden.
	NoHints bool
	// Scratch marks statements that name a temporary table, which may be gone: then which of several mistakes is found first is open.
	Scratch bool
	// Undo takes back in the tenant's own world what a ROLLBACK does not, of a step that the proxy refuses.
	Undo string
	Kind string
}

// Batch is what is run on freshly loaded rows.
type Batch struct {
	Schema *Schema
	Rows   Rows
	Steps  []*Step
}

// depths are how deep a statement may nest: mostly little, so that many run and those that fail are short.
var depths = []int{0, 1, 1, 2, 2, 3}

// NewBatch makes rows and about size steps. The same r gives the same batch.
func NewBatch(r *rand.Rand, s *Schema, size int) *Batch {
	g := &generator{Rand: r, s: s, path: s.Path}
	b := &Batch{Schema: s, Rows: NewRows(r, s)}
	for len(b.Steps) < size {
		b.Steps = append(b.Steps, g.unit()...)
	}
	return b
}

// unit makes a few steps that belong together.
func (g *generator) unit() []*Step {
	first := g.IntN(Tenants)
	g.tenants = []int{first}
	if g.chance(8) {
		return g.session()
	}
	switch k := g.IntN(100); {
	case k < 8:
		return g.transaction()
	case k < 10:
		return g.settingChange()
	case k < 13:
		return []*Step{g.several()}
	case k < 15:
		return []*Step{g.hostileStep()}
	case k < 17:
		if probe := g.probe(); probe != nil {
			return probe
		}
		return []*Step{g.hostileStep()}
	case k < 28:
		// The same text runs as several tenants, so that they share a plan.
		if g.chance(50) {
			g.tenants = []int{first, (first + 1) % Tenants}
		} else {
			g.tenants = []int{0, 1, 2}
		}
		step := g.statement(func() (*Node, string, bool) { return g.readOnly() })
		var steps []*Step
		for _, t := range g.tenants {
			copied := *step
			copied.Tenant = t
			steps = append(steps, &copied)
		}
		return steps
	}
	if g.chance(5) {
		return []*Step{g.copyOut()}
	}
	if g.chance(6) {
		return []*Step{g.copyIn(true)}
	}
	return []*Step{g.statement(g.anything)}
}

// statement runs a maker with a clean slate and dresses up its result.
func (g *generator) statement(make func() (*Node, string, bool)) *Step {
	g.aliases, g.ctes, g.draws, g.hostile, g.views, g.scratch = 0, nil, nil, false, false, false
	node, kind, ordered := make()
	step := &Step{Tenant: g.tenants[0], Query: node, Kind: kind, Ordered: ordered, Hostile: g.hostile, Views: g.views, Scratch: g.scratch}
	for _, t := range g.draws {
		step.Draws = append(step.Draws, t.sequence())
	}
	switch g.IntN(5) {
	case 0, 1:
		step.Mode = ExtendedQuery
	case 2:
		step.Mode = NamedStatement
	}
	step.BinaryResult = step.Mode != SimpleQuery && g.chance(50)
	return step
}

func (g *generator) readOnly() (*Node, string, bool) {
	ordered := g.chance(40)
	q, cols := g.query(nil, pick(g, depths), shape{top: true, ordered: ordered})
	return q, "SELECT", ordered && len(cols) > 0
}

func (g *generator) anything() (*Node, string, bool) {
	switch k := g.IntN(100); {
	case k < 18:
		if g.chance(8) {
			return g.insertDefaults(), "INSERT", false
		}
		x, _, _ := g.insert(1, g.leading(), false)
		return x, "INSERT", false
	case k < 35:
		x, _, _ := g.update(2, g.leading(), false)
		return x, "UPDATE", false
	case k < 45:
		x, _, _ := g.remove(2, g.leading(), false)
		return x, "DELETE", false
	case k < 50:
		return g.writingCTE(2), "SELECT with writes", false
	case k < 52:
		return g.failing(), "SELECT", false
	case k < 58:
		return g.merge(g.leading()), "MERGE", false
	case k < 59 && !g.cursorOpen && g.chance(40):
		return g.truncate(), "TRUNCATE", false
	case k < 60 && g.chance(30):
		return g.lockTable(), "LOCK TABLE", false
	}
	return g.readOnly()
}

// leading sometimes makes a WITH clause for DML.
func (g *generator) leading() *List {
	if g.chance(10) {
		return g.with(nil, 1)
	}
	return list("", "", "", 0)
}

// insertDefaults makes INSERT ... DEFAULT VALUES, which most tables refuse for want of an id.
func (g *generator) insertDefaults() *Node {
	t := pick(g, g.writable())
	for _, other := range g.writable() {
		if other.sequence() != "" && !g.chance(30) {
			t = other
		}
	}
	if t.sequence() != "" {
		g.draws = append(g.draws, t)
	}
	return n("INSERT INTO ", g.tableName(t), " DEFAULT VALUES", opt(" RETURNING *"))
}

// failing makes a statement that raises an error on any row of the tenant's own that has a hazard, in one place only,
// so that the error does not depend on the plan.
func (g *generator) failing() *Node {
	t := pick(g, g.writable())
	return n("SELECT ", g.word("100 / divisor", "numeral::int4"), " FROM ", g.tableName(t), " AS a", g.word("", " WHERE true"))
}

// transaction makes a block with savepoints and an end.
func (g *generator) transaction() []*Step {
	var steps []*Step
	say := func(sql string) {
		steps = append(steps, &Step{Tenant: g.tenants[0], Query: n(sql), Kind: "transaction", Mode: Mode(g.IntN(2))})
	}
	say(g.word("BEGIN", "START TRANSACTION", "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN READ WRITE", "begin work", "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY"))
	savepoint := false
	for range 1 + g.IntN(5) {
		switch k := g.IntN(10); {
		case k < 2:
			say("SAVEPOINT s1")
			savepoint = true
		case k < 4 && savepoint:
			say(g.word("ROLLBACK TO SAVEPOINT s1", "ROLLBACK TO s1", "RELEASE SAVEPOINT s1"))
		case k == 4 && g.chance(30):
			say("SELECT 1 / 0")
		case k == 5 && g.chance(60):
			steps = append(steps, g.copyIn(false))
		default:
			steps = append(steps, g.statement(g.anything))
		}
	}
	say(g.word("COMMIT", "COMMIT", "ROLLBACK", "END", "ABORT", "COMMIT AND NO CHAIN"))
	return steps
}

// settingChange makes SET, statements under it, and RESET.
func (g *generator) settingChange() []*Step {
	say := func(sql string) *Step {
		return &Step{Tenant: g.tenants[0], Query: n(sql), Kind: "setting", Mode: Mode(g.IntN(2))}
	}
	if g.chance(40) {
		return []*Step{say("SHOW " + g.word("search_path", "server_version", "client_encoding", "TimeZone", "standard_conforming_strings", "transaction_isolation"))}
	}
	name, value := "DateStyle", "'German'"
	switch g.IntN(5) {
	case 3:
		name, value, g.path = "search_path", "billing, public", []string{"billing", "public"}
		defer func() { g.path = g.s.Path }()
	case 0:
		name, value = "TimeZone", "'Europe/Berlin'"
	case 1:
		name, value = "extra_float_digits", "0"
	case 2:
		name, value = "application_name", "'app of mine'"
	}
	return []*Step{say("SET " + name + g.word(" = ", " TO ") + value), g.statement(g.readOnly), say("SHOW " + name), say("RESET " + name)}
}

// several makes one message of two or three statements.
func (g *generator) several() *Step {
	first := g.statement(g.anything)
	first.Mode, first.BinaryResult, first.Ordered = SimpleQuery, false, false
	items := list("", "; ", g.word("", ";", "; "), 1, first.Query)
	for range 1 + g.IntN(2) {
		next := g.statement(g.anything)
		items.Items = append(items.Items, next.Query)
		first.Draws = append(first.Draws, next.Draws...)
		first.Hostile, first.Views, first.Scratch = first.Hostile || next.Hostile, first.Views || next.Views, first.Scratch || next.Scratch
	}
	first.Query, first.Kind = n(items), "several statements"
	return first
}

// probe makes a transaction that inserts a row under an id of another tenant's and, on conflict, would show the row that has it.
func (g *generator) probe() []*Step {
	for _, i := range g.Perm(len(g.s.Tables)) {
		t := g.s.Tables[i]
		if t.NoWrites || len(t.PrimaryKey) != 1 || t.by(UseNote) == nil {
			continue
		}
		victim := (g.tenants[0] + 1 + g.IntN(Tenants-1)) % Tenants
		insert := fmt.Sprintf("INSERT INTO %s AS mine (id, code) VALUES (%d, 'probe') ON CONFLICT (id) DO UPDATE SET code = mine.code RETURNING *",
			t.Full(), firstID(victim, g.IntN(30)))
		say := func(sql string) *Step { return &Step{Tenant: g.tenants[0], Query: n(sql), Kind: "transaction"} }
		shown := say(insert)
		shown.Kind, shown.Probe, shown.Hostile, shown.Mode = "hostile", true, true, Mode(g.IntN(2))
		return []*Step{say("BEGIN"), shown, say("ROLLBACK")}
	}
	return nil
}

// hostileStep makes a statement that a tenant may not run.
func (g *generator) hostileStep() *Step {
	g.aliases, g.ctes = 0, nil
	t := pick(g, g.bases())
	other := quote(g.s.IDs[(g.tenants[0]+1)%Tenants])
	tenant := ident(t.tenantColumn().Name)
	victim := strconv.Itoa(firstID((g.tenants[0]+1)%Tenants, 0))
	sql := pick(g, []string{
		"SELECT * FROM secrets",
		"SELECT s.secret FROM countries c JOIN secrets s ON true",
		"INSERT INTO countries VALUES ('xx', 'Nowhere', 9)",
		"UPDATE countries SET rank = 0",
		"DELETE FROM countries",
		fmt.Sprintf("SELECT * FROM %s WHERE %s = %s", t.Full(), tenant, other),
		fmt.Sprintf("UPDATE %s SET note = 'x' WHERE %s = %s OR id = %s", t.Full(), tenant, other, victim),
		fmt.Sprintf("DELETE FROM %s WHERE %s <> %s OR true", t.Full(), tenant, quote(g.s.IDs[g.tenants[0]])),
	})
	return &Step{Tenant: g.tenants[0], Query: n(sql), Kind: "hostile", Hostile: true, Mode: Mode(g.IntN(2))}
}
