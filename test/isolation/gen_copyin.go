package isolation

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"pgcordon/policy"
)

// copyRows is how the rows of one COPY FROM STDIN are written.
type copyRows struct {
	g                              *generator
	cols                           []*Column
	csv, binary                    bool
	delimiter, quote, escape, null string
}

// copyIn makes a COPY FROM STDIN with its rows. In some a row is malformed, in some it gives another tenant. Options that Postgres refuses
// are odd: in a read-only transaction it says that first, and the proxy, which reads the statement before, does not. Nor do they stand beside
// a condition, whose mistakes Postgres finds before those of options.
func (g *generator) copyIn(odd bool) *Step {
	g.aliases, g.ctes, g.draws, g.hostile, g.views = 0, nil, nil, false, false
	t := g.copyTarget()
	c := &copyRows{g: g, delimiter: "\t", null: `\N`}
	names := list(" (", ", ", ")", 1)
	if t.NoWrites || g.chance(30) {
		names = list("", "", "", 0)
		c.cols = slices.DeleteFunc(slices.Clone(t.Columns), func(c *Column) bool { return c.Generated != "" })
	} else {
		c.cols = g.insertColumns(t)
	}
	for _, col := range c.cols {
		if names.Min > 0 {
			names.Items = append(names.Items, n(ident(col.Name)))
		}
	}
	if hidden := t.tenantColumn(); names.Min > 0 && t.Shared != nil && hidden != nil && g.chance(3) {
		names.Items = append(names.Items, n(ident(hidden.Name))) // which the client does not know of
	}
	conditional := g.chance(15)
	options, header := c.options(odd && !conditional)
	where := list("", "", "", 0)
	if conditional {
		src := &source{alias: t.Name, cols: slices.DeleteFunc(columnsOf(t), func(c *col) bool { return c.base.Generated != "" }), table: t}
		where = opt(" WHERE ", g.simpleCond(&scope{sources: []*source{src}}, 0))
	}
	step := &Step{Tenant: g.tenants[0], Mode: CopyIn, Kind: "COPY FROM",
		Query: n("COPY ", g.tableName(t), names, " FROM ", g.word("STDIN", "stdin"), options, where), Data: c.data(header)}
	step.Hostile = g.hostile
	for _, t := range g.draws {
		step.Draws = append(step.Draws, t.sequence())
	}
	return step
}

// copyTarget draws a table, seldom one that nobody may write. Tables with default rows are left out: Postgres does not copy into
// a table with row security, which keeps these rows in a tenant's own world.
func (g *generator) copyTarget() *Table {
	if g.chance(3) {
		g.hostile = true
		return pick(g, slices.DeleteFunc(slices.Clone(g.s.Tables), func(t *Table) bool { return !t.NoWrites }))
	}
	return pick(g, slices.DeleteFunc(g.bases(), func(t *Table) bool { return t.Scope == policy.ScopeMixed }))
}

// options draws the format and prints the options; header is set when the first line holds names.
func (c *copyRows) options(odd bool) (node *Node, header bool) {
	g := c.g
	l := list(g.word(" WITH (", " ("), ", ", ")", 0)
	add := func(parts ...any) { l.Items = append(l.Items, n(parts...)) }
	switch g.IntN(4) {
	case 0:
		c.binary = true
		add("FORMAT binary")
		l.Min = 1
		return n(l), false
	case 1, 2:
		c.csv, c.delimiter, c.quote, c.escape, c.null = true, ",", `"`, `"`, ""
		add("FORMAT csv")
	default:
		if g.chance(20) {
			add("FORMAT 'text'")
		}
	}
	if g.chance(25) {
		c.delimiter = g.word("|", ";", "\t", " ")
		add("DELIMITER ", quote(c.delimiter))
	}
	if g.chance(25) {
		c.null = g.word("nil", "", `\N`, g.s.IDs[g.tenants[0]])
		add("NULL ", quote(c.null))
	}
	if c.csv && g.chance(20) {
		c.quote = g.word("'", "~")
		c.escape = c.quote
		add("QUOTE ", quote(c.quote))
	}
	if c.csv && g.chance(20) {
		c.escape = g.word(`\`, "^")
		add("ESCAPE ", quote(c.escape))
	}
	if c.csv && g.chance(20) {
		add(g.word("FORCE_NULL (", "FORCE_NOT_NULL ("), ident(pick(g, c.cols).Name), ")")
	}
	if g.chance(25) {
		header = true
		add("HEADER", g.word("", " true", " match", " match"))
	}
	if odd && g.chance(5) {
		add(g.word("ENCODING 'utf-8'", "FREEZE false", "FORMAT yaml", "HEADER maybe", "DELIMITER 'ab'"))
	}
	l.Min = len(l.Items)
	return n(l), header
}

// data makes the rows. At most one of them has a mistake, so that it does not matter which of several is found first.
func (c *copyRows) data(header bool) *Node {
	g := c.g
	count := g.IntN(7)
	faulty, hostile := -1, -1
	switch k := g.IntN(100); {
	case k < 18:
		faulty = g.IntN(max(count, 1))
	case k < 26:
		hostile = g.IntN(max(count, 1))
	}
	rows := list("", "", "", 0)
	for i := range count {
		var fields []string
		for _, col := range c.cols {
			v := c.value(col)
			if col.Use == UseTenant && i == hostile {
				g.hostile = true
				v = c.foreign()
			}
			fields = append(fields, c.field(col, v))
		}
		if i == faulty {
			fields = c.spoil(fields)
		}
		rows.Items = append(rows.Items, n(c.row(fields)))
	}
	if c.binary {
		head := "PGCOPY\n\xff\r\n\x00" + strings.Repeat("\x00", 8)
		if g.chance(10) {
			head = head[:15] + "\x00\x00\x00\x03abc"
		}
		return n(head, rows, g.word("\xff\xff", "\xff\xff", "\xff\xff", ""))
	}
	rows.Sep = g.word("\n", "\n", "\r\n", "\r")
	rows.After = g.word(rows.Sep, rows.Sep, "", rows.Sep+c.endMark()+rows.Sep)
	if !header {
		return n(rows)
	}
	var line []string
	for _, col := range c.cols {
		line = append(line, c.field(nil, &col.Name))
	}
	if g.chance(10) {
		line = c.spoil(line)
	}
	return n(strings.Join(line, c.delimiter)+rows.Sep, rows)
}

// endMark is the line that ends the rows. In CSV it is a row like others from 18 on: one that is too short, of which the proxy sends the tenant for
// whatever stands first.
func (c *copyRows) endMark() string {
	if c.csv && c.g.s.Major >= 18 {
		return ""
	}
	return `\.`
}

// foreign is a value for the tenant column that is not the tenant's id.
func (c *copyRows) foreign() *string {
	g := c.g
	if g.chance(20) {
		return nil
	}
	v := g.s.IDs[(g.tenants[0]+1)%Tenants]
	return &v
}

// value draws a column's value, nil for NULL.
func (c *copyRows) value(col *Column) *string {
	g, t := c.g, c.g.tenants[0]
	var v string
	switch {
	case col.Use == UseTenant:
		v = c.spelling(col)
	case col.Use == UseMark && col.Type == Bool && g.chance(50):
		v = "false"
	case col.Use == UseMark:
		return nil
	case col.Use == UseID && g.chance(94):
		v = g.newID()
	case col.Use == UseID:
		v = g.ownID()
	case col.Use == UseCode && g.chance(90):
		v = "k" + g.newID()
	case col.Use == UseCode:
		v = fmt.Sprintf("c%d", 1+g.IntN(maxRows))
	case !col.NotNull && (col.Use == UseParent && g.chance(70) || g.chance(10)):
		return nil
	case col.Use == UseParent:
		v = g.someID(true)
	case col.Name == "qty" && g.chance(2):
		v = "-9" // which a check may refuse
	default:
		v = sample(g.Rand, col.Type, col.Use, t, col.Safe[t] || !col.Use.hazard())
	}
	return &v
}

// spelling is one of the ways to write the tenant's id that its column reads as the same.
func (c *copyRows) spelling(col *Column) string {
	g := c.g
	id := g.s.IDs[g.tenants[0]]
	switch col.Type {
	case Int4, Int8, Numeric:
		return g.word(id, id, id, "0"+id, " "+id, "+"+id, id+"  ")
	case UUID:
		return g.word(id, id, id, strings.ToUpper(id), "{"+id+"}", strings.ReplaceAll(id, "-", ""))
	}
	return id
}

// field writes a value; col is nil for a name in the header.
func (c *copyRows) field(col *Column, v *string) string {
	switch {
	case c.binary && v == nil:
		return "\xff\xff\xff\xff"
	case c.binary:
		b, err := binaryForm(pgtype.NewMap(), col.Type, []byte(*v))
		if err != nil {
			b = []byte(*v)
		}
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
	case v == nil:
		return c.null
	case c.csv && (c.g.chance(30) || strings.ContainsAny(*v, c.delimiter+c.quote+"\r\n") || *v == c.null):
		var b strings.Builder
		for _, r := range *v {
			if s := string(r); s == c.quote || s == c.escape {
				b.WriteString(c.escape)
			}
			b.WriteRune(r)
		}
		return c.quote + b.String() + c.quote
	case c.csv:
		return *v
	}
	var b strings.Builder
	for i, r := range *v {
		switch {
		case string(r) == c.delimiter, r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x80 && (c.g.chance(3) || i == 0 && *v == c.null):
			fmt.Fprintf(&b, c.g.word(`\%03o`, `\x%02x`), r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (c *copyRows) row(fields []string) string {
	if c.binary {
		return string(binary.BigEndian.AppendUint16(nil, uint16(len(fields)))) + strings.Join(fields, "")
	}
	return strings.Join(fields, c.delimiter)
}

// spoil makes a row that Postgres refuses, or reads otherwise than it looks. Where that changes the tenant's value, the proxy refuses it.
func (c *copyRows) spoil(fields []string) []string {
	g := c.g
	at := g.IntN(len(fields))
	rubbish := "\x01\x00\x02"
	if slices.ContainsFunc(c.cols, func(c *Column) bool { return c.Use == UseTenant }) {
		g.hostile, rubbish = true, "\x01\x02" // of which there can be something behind the value that is refused
	}
	switch g.IntN(6) {
	case 0:
		return fields[:len(fields)-1]
	case 1:
		return append(fields, fields[at])
	case 2:
		fields[at] = ""
	case 3:
		fields[at] += c.quote + rubbish[g.IntN(2):]
	case 4:
		return []string{c.endMark()}
	case 5:
		fields[at] = "x" + strconv.Itoa(g.IntN(100)) + fields[at]
	}
	return fields
}
