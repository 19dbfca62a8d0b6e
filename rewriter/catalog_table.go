package rewriter

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// What tenants see of the system catalogs is a checked-in table, catalogs.txt, which says what its lines mean. It is closed: a relation or a
// function that is not there is refused, a column that is not there is NULL. The rewriter and the sweep read the same
// table, and share nothing else.

//go:embed catalogs.txt
var catalogsText string

// systemRelation is what tenants see of one relation of pg_catalog or information_schema.
type systemRelation struct {
	schema, name string
	denied       string              // why it cannot be read; empty when it can
	columns      map[string]string   // by name: columnOpen, or what stands in its place
	computed     map[string]*pg.Node // by name: the sub-select in the column's place
	refused      map[string]string   // by name: why the column cannot be read
	where        []systemCondition
	// hides are what stands in the place of columns where the policy hides columns, hideWhere the conditions of that case.
	hides     map[string]*pg.Node
	hideWhere []*pg.Node
}

const columnComputed = "computed"

const columnOpen = "open"

// columnRefused is one that statements may not name: the sub-select is without it.
const columnRefused = "refused"

// systemCondition is one condition that the rows must meet, on servers that have the column it needs.
type systemCondition struct {
	needs string // empty: on every server
	expr  *pg.Node
}

// systemCall is a function that reads catalogs, and how it may be called.
type systemCall struct {
	name  string
	least int // arguments
	most  int
	// arg is the argument, from 1 on, that must be the oid of a row that tenants see; of is the relation of that row, or
	// empty when the constant text in argument by names it.
	arg, by int
	of      string
	// read is the argument, from 1 on, that must be such an oid unless it is a column of the catalogs.
	read int
	// key is the column of that relation which the argument names: its oid, or another.
	key string
	// null is the argument, from 1 on, that is replaced by NULL where it comes from the catalogs.
	null int
	// self is the number of arguments without a user; the user, who then comes first, can be the session's own alone.
	self int
	// named says that the oid can be given as a relation's name.
	named bool
	// hides are the sub-selects that stand for calls where the policy hides columns, by the number of arguments: in them, $1 is the first argument.
	// forms are those that always do, and rows those that stand for a call in FROM.
	hides, forms, rows map[int]*pg.Node
}

type systemTable struct {
	relations map[string]*systemRelation // by schema.name
	calls     map[string]*systemCall     // by name, outside of pg_catalog by schema.name
	words     map[string]definition
	casts     map[string]string // for the types reg*: the relation whose rows they name, or empty when all of them may be named
}

// systemCatalogs reads the table once, at first use. A line of another shape is a fault of the build.
var systemCatalogs = sync.OnceValue(func() *systemTable {
	t := &systemTable{relations: map[string]*systemRelation{}, calls: map[string]*systemCall{}, words: map[string]definition{}, casts: map[string]string{}}
	var last *systemRelation
	var lastCall *systemCall
	for line := range strings.Lines(catalogsText) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case word == "relation":
			last = newSystemRelation(rest)
			t.relations[rest] = last
		case word == "deny":
			name, reason, _ := strings.Cut(rest, ": ")
			t.relations[name] = newSystemRelation(name)
			t.relations[name].denied = reason
		case word == "call":
			c := readSystemCall(strings.Fields(rest))
			t.calls[c.name], lastCall = c, c
		case word == "define":
			t.define(rest)
		case word == "hide":
			what, text, _ := strings.Cut(rest, " ")
			t.hide(last, lastCall, what, text)
		case word == "form":
			number, text, _ := strings.Cut(rest, " ")
			lastCall.forms[mustInt(number)] = t.expression(text)
		case word == "rows":
			number, text, _ := strings.Cut(rest, " ")
			lastCall.rows[mustInt(number)] = t.expression(text)
		case word == "hidewhere":
			last.hideWhere = append(last.hideWhere, t.expression(rest))
		case word == "cast":
			name, of, _ := strings.Cut(rest, " of=")
			t.casts[name] = of
		default:
			last.read(word, rest)
		}
	}
	return t
})

func newSystemRelation(full string) *systemRelation {
	schema, name, _ := strings.Cut(full, ".")
	return &systemRelation{schema: schema, name: name, columns: map[string]string{}, computed: map[string]*pg.Node{}, refused: map[string]string{},
		hides: map[string]*pg.Node{}}
}

func (r *systemRelation) read(word, rest string) {
	switch {
	case word == "open":
		for _, c := range strings.Fields(rest) {
			r.columns[c] = columnOpen
		}
	case word == "mask":
		for _, m := range strings.Fields(rest) {
			c, mask, _ := strings.Cut(m, "=")
			r.columns[c] = mask
		}
	case word == "compute":
		c, sql, _ := strings.Cut(rest, " ")
		r.columns[c], r.computed[c] = columnComputed, parseCondition(sql)
	case word == "refuse":
		names, why, _ := strings.Cut(rest, ": ")
		for _, c := range strings.Fields(names) {
			r.columns[c], r.refused[c] = columnRefused, why
		}
	case strings.HasPrefix(word, "where"):
		needs := strings.Trim(strings.TrimPrefix(word, "where"), "()")
		r.where = append(r.where, systemCondition{needs: needs, expr: parseCondition(rest)})
	default:
		panic("rewriter: catalogs.txt: " + word)
	}
}

func parseCondition(text string) *pg.Node {
	tree, err := pg.Parse("SELECT WHERE " + text)
	if err != nil {
		panic(fmt.Sprintf("rewriter: catalogs.txt: %v: %s", err, text))
	}
	expr := tree.Stmts[0].Stmt.GetSelectStmt().WhereClause
	forgetLocations(expr.ProtoReflect())
	return expr
}

func readSystemCall(words []string) *systemCall {
	c := &systemCall{name: words[0], key: "oid", hides: map[int]*pg.Node{}, forms: map[int]*pg.Node{}, rows: map[int]*pg.Node{}}
	least, most, ranged := strings.Cut(words[1], "-")
	c.least, c.most = mustInt(least), mustInt(least)
	if ranged {
		c.most = mustInt(most)
	}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "arg":
			c.arg = n
		case "by":
			c.by = n
		case "read":
			c.read = n
		case "self":
			c.self = n
		case "key":
			c.key = value
		case "named":
			c.named = true
		case "null":
			c.null = n
		case "of":
			c.of = value
		default:
			panic("rewriter: catalogs.txt: " + w)
		}
	}
	return c
}

// classRelation is the relation whose rows a name of a system catalog means where comments are asked for; nil when there is none.
func classRelation(class string) *systemRelation {
	if class == "pg_authid" {
		class = "pg_roles"
	}
	r := systemCatalogs().relations["pg_catalog."+class]
	if r == nil || r.denied != "" || r.columns["oid"] != columnOpen {
		return nil
	}
	return r
}
