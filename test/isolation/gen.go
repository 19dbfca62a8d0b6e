package isolation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"pgcordon/policy"
)

// generator makes random statements over one schema. What it makes has one right answer: rows are ordered in full before a
// LIMIT, aggregates do not depend on the order of rows, and only hazard columns that are safe for every tenant that the
// statement is meant for stand where an error could depend on the plan.
type generator struct {
	*rand.Rand
	s *Schema
	// path is the session's search_path.
	path []string
	// tenants are those that will run the statement.
	tenants []int
	aliases int
	ctes    []*source // common table expressions in scope, the innermost last
	// used counts ids handed out in this batch, per tenant.
	used [Tenants]int
	// draws collects the tables whose sequences the statement draws from.
	draws []*Table
	// hostile is set when the statement tries what a tenant may not do.
	hostile bool
	// views is set when the statement reads a view.
	views bool
	// scratch is set when the statement names the session's temporary table.
	scratch bool
	// cursorOpen is set while a cursor may read a table: Postgres then refuses to TRUNCATE it, and the proxy's DELETE runs.
	cursorOpen bool
	// temporary is the session's temporary table, nil for none.
	temporary *Table
}

// col is a column that expressions can refer to.
type col struct {
	name string
	typ  Type
	use  Use
	safe [Tenants]bool
	base *Column // of a plain reference to a table's column, else nil
}

// source is something that can stand in FROM: columns under an alias.
type source struct {
	alias string
	cols  []*col
	table *Table // when it is a table itself and not what a query makes of it
	// only marks a table without its children.
	only bool
	// name is the name of a CTE.
	name string
	// noRow marks a source of which not all columns may be asked for: neither its star nor a whole row.
	noRow bool
	// partial marks a source that has columns which no name can tell apart, and so are not in cols.
	partial bool
}

// scope holds the sources that names are looked up in; outer is the enclosing query's.
type scope struct {
	sources []*source
	outer   *scope
	// qualified asks for names with their source: more than sources is in sight.
	qualified bool
}

// local is the scope without the enclosing queries': an aggregate over their columns would be theirs.
func (sc *scope) local() *scope { return &scope{sources: sc.sources, qualified: sc.qualified} }

// names counts the columns of this name; a source that hides some counts as having it.
func (sc *scope) names(name string) int {
	count := 0
	for _, s := range sc.sources {
		if s.partial {
			count++
		}
		for _, c := range s.cols {
			if c.name == name {
				count++
			}
		}
	}
	return count
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

func (g *generator) alias() string {
	g.aliases++
	return string(rune('a'+g.IntN(3))) + strconv.Itoa(g.aliases)
}

// word picks among keywords that mean the same or may be left out.
func (g *generator) word(of ...string) string { return pick(g, of) }

// newID hands out an id that no row of the tenant's has.
func (g *generator) newID() string {
	t := g.tenants[0]
	g.used[t]++
	return strconv.Itoa(firstID(t, 1000+g.used[t]))
}

// idSpan hands out a span of a thousand ids.
func (g *generator) idSpan() int {
	t := g.tenants[0]
	g.used[t]++
	return firstID(t, 10_000+g.used[t]*1000)
}

// someID returns an id that likely exists: of the tenant's own, or of another one's where that cannot collide.
func (g *generator) someID(others bool) string {
	t := pick(g, g.tenants)
	if others && g.chance(15) {
		t = g.IntN(Tenants)
	}
	if g.chance(20) && g.used[t] > 0 {
		return strconv.Itoa(firstID(t, 1001+g.IntN(g.used[t])))
	}
	return strconv.Itoa(firstID(t, g.IntN(30)))
}

// safeFor reports whether no row of the statement's tenants makes the column's hazard raise an error.
func (g *generator) safeFor(c *col) bool {
	if !c.use.hazard() {
		return false
	}
	for _, t := range g.tenants {
		if !c.safe[t] {
			return false
		}
	}
	return true
}

// readable returns the tables that a query may name.
func (g *generator) readable() []*Table {
	var out []*Table
	for _, t := range g.s.Tables {
		if t.Scope != policy.ScopeDenied {
			out = append(out, t)
		}
	}
	if g.temporary != nil {
		for range 1 + len(out)/3 {
			out = append(out, g.temporary)
		}
	}
	return out
}

// bases returns the tables that DML may target and that are no views.
func (g *generator) bases() []*Table {
	return slices.DeleteFunc(g.writable(), func(t *Table) bool { return t.View != "" })
}

// writable returns the tables that DML may target.
func (g *generator) writable() []*Table {
	var out []*Table
	for _, t := range g.s.Tables {
		if t.Scope.HasTenant() && !t.NoWrites {
			out = append(out, t)
		}
	}
	return out
}

// tableName prints a table's name, with its schema where the search path would find another one, else sometimes.
func (g *generator) tableName(t *Table) string {
	g.scratch = g.scratch || t == g.temporary
	g.views = g.views || t.View != "" || t.Shared != nil || t == g.temporary // then columns have other numbers, or an ordinary table is meant
	hidden := g.bare(t.Name) != t
	for _, c := range g.ctes {
		hidden = hidden || c.name == t.Name
	}
	if hidden || g.chance(25) {
		return t.Full()
	}
	return ident(t.Name)
}

// bare returns the table that a name without a schema means under the session's search_path.
func (g *generator) bare(name string) *Table {
	if g.temporary != nil && g.temporary.Name == name {
		return g.temporary
	}
	for _, schema := range g.path {
		for _, t := range g.s.Tables {
			if t.Schema == schema && t.Name == name {
				return t
			}
		}
	}
	return nil
}

func columnsOf(t *Table) []*col {
	cols := make([]*col, len(t.Columns))
	for i, c := range t.Columns {
		cols[i] = &col{name: c.Name, typ: c.Type, use: c.Use, safe: c.Safe, base: c}
	}
	return cols
}

// ref prints a reference to a column of a source.
func ref(s *source, c *col) string {
	if s.alias == "" {
		return ident(c.name) // merged by USING
	}
	return ident(s.alias) + "." + ident(c.name)
}

// bound is a column together with the source it is found in. A bare one can be named without its source.
type bound struct {
	src  *source
	col  *col
	bare bool
}

func (b bound) node() *Node {
	if b.bare {
		return n(ident(b.col.name))
	}
	return n(ref(b.src, b.col))
}

// columns returns the columns in scope for which fits holds; those of enclosing queries only sometimes.
func (g *generator) columns(sc *scope, fits func(*col) bool) []bound {
	var out []bound
	for innermost := true; sc != nil; sc, innermost = sc.outer, false {
		bare := innermost && !sc.qualified && g.chance(25)
		for _, s := range sc.sources {
			for _, c := range s.cols {
				if fits(c) {
					out = append(out, bound{s, c, bare && sc.names(c.name) == 1})
				}
			}
		}
		if len(out) > 0 && !g.chance(20) {
			break
		}
	}
	return out
}

// literal makes a constant of the type, drawn like a plain column's values.
func (g *generator) literal(t Type) *Literal {
	return g.constant(t, sample(g.Rand, t, UsePlain, g.tenants[0], true))
}

// constant makes a given constant.
func (g *generator) constant(t Type, text string) *Literal {
	return &Literal{Type: t, Text: text, Cast: g.chance(30), Param: g.chance(50), Binary: g.chance(40), Declare: g.chance(80)}
}

// tenantID makes a constant of the tenant column's type: the tenant's own id, which only a statement for one tenant can hold.
func (g *generator) tenantID(c *col) *Literal {
	t := g.tenants[0]
	if len(g.tenants) > 1 {
		t = g.IntN(Tenants)
	}
	return g.constant(c.typ, g.s.IDs[t])
}

// likeColumn draws a constant such as the column holds.
func (g *generator) likeColumn(c *col) *Literal {
	switch c.use {
	case UseTenant:
		if g.chance(30) {
			return g.constant(c.typ, pick(g, g.s.IDs[:]))
		}
		return g.tenantID(c)
	case UseID, UseParent:
		return g.constant(c.typ, g.someID(true))
	case UseCode:
		return g.constant(c.typ, fmt.Sprintf("c%d", 1+g.IntN(maxRows)))
	}
	safe := true
	for _, t := range g.tenants {
		safe = safe && c.safe[t]
	}
	return g.constant(c.typ, sample(g.Rand, c.typ, c.use, pick(g, g.tenants), safe || !c.use.hazard()))
}
