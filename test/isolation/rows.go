package isolation

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Row is the text of a row's values in column order, nil for NULL; generated columns hold nil.
type Row []*string

// Rows are a batch's first rows: by table (index in Schema.Tables) and slot. The slots below Tenants hold a tenant's rows each. Tables
// without a tenant column keep theirs in slot 0, the same in every world.
type Rows [][slots][]Row

const (
	idBlock = 1_000_000 // ids of tenant i are from (i+1)*idBlock on
	maxRows = 7
)

// firstID returns the id of tenant i's row number n.
func firstID(i, n int) int { return (i+1)*idBlock + n }

// marker stands in every note of tenant i's and nowhere else.
func marker(i int) string { return fmt.Sprintf("mark%dmark", i) }

// NewRows draws rows for every table and tenant.
func NewRows(r *rand.Rand, s *Schema) Rows {
	rows := make(Rows, len(s.Tables))
	index := map[*Table]int{}
	next := [Tenants]int{}
	for ti, t := range s.Tables {
		index[t] = ti
		if t.View != "" || t.PartitionOf != nil {
			continue
		}
		if t.tenantColumn() == nil {
			rows[ti][0] = sharedRows(t)
			continue
		}
		for tenant := range Tenants {
			for i := range r.IntN(maxRows + 1) {
				parents := func(p *Table) []string { return idsOf(p, rows[index[p]][tenant]) }
				row := make(Row, len(t.Columns))
				for ci, c := range t.Columns {
					row[ci] = firstValue(r, s, c, tenant, i, firstID(tenant, next[tenant]), parents)
				}
				rows[ti][tenant] = append(rows[ti][tenant], row)
				next[tenant]++
			}
		}
	}
	addSpecialRows(r, s, rows)
	return rows
}

func text(v ...string) Row {
	row := make(Row, len(v))
	for i := range v {
		row[i] = &v[i]
	}
	return row
}

func sharedRows(t *Table) []Row {
	if t.SoftDelete != nil {
		return sharedLive()
	}
	if t.Name == "secrets" {
		return []Row{text("1", "top secret")}
	}
	return []Row{text("de", "Germany", "1"), text("fr", "France", "2"), text("is", "Iceland", "3")}
}

func idsOf(t *Table, rows []Row) []string {
	var ids []string
	for ci, c := range t.Columns {
		if c.Use == UseID {
			for _, row := range rows {
				ids = append(ids, *row[ci])
			}
		}
	}
	return ids
}

func firstValue(r *rand.Rand, s *Schema, c *Column, tenant, n, id int, parents func(*Table) []string) *string {
	var v string
	switch c.Use {
	case UseTenant:
		v = s.IDs[tenant]
	case UseID:
		v = strconv.Itoa(id)
	case UseCode:
		v = "c" + strconv.Itoa(n+1)
	case UseParent:
		ids := parents(c.Parent)
		if len(ids) == 0 || r.IntN(5) == 0 {
			return nil
		}
		v = ids[r.IntN(len(ids))]
	case UseMark:
		return nil
	default:
		if c.Generated != "" || !c.NotNull && r.IntN(6) == 0 {
			return nil
		}
		v = sample(r, c.Type, c.Use, tenant, c.Safe[tenant])
	}
	return &v
}

// hazards are the values that raise errors, by use.
var hazards = map[Use][]string{
	UseDivisor: {"0"},
	UseNumeral: {"none", "12x", ""},
	UseTruth:   {"perhaps"},
	UseDay:     {"someday"},
	UseDoc:     {`{"a": "x"}`, `{"a": {"b": 1}}`},
	UsePattern: {"(", "a{2,1}"},
}

var harmless = map[Use][]string{
	UseDivisor: {"1", "2", "5", "-4", "7"},
	UseNumeral: {"1", "2", "10", "-3", "42"},
	UseTruth:   {"t", "f", "yes", "off", "true"},
	UseDay:     {"2024-02-29", "2023-01-01", "2020-12-31"},
	UseDoc:     {`{"a": 1}`, `{"a": 5, "b": [1, 2]}`, `{"b": {"c": "x"}}`, `{"a": "7", "k": null}`},
	UsePattern: {"^a", "b.*", "[it]", "mark"},
	UseCountry: {"de", "fr", "is"},
}

// byType are the values of plain columns: few, so that rows of different tables and tenants meet.
var byType = map[Type][]string{
	Int4:    {"0", "1", "2", "3", "7", "-4"},
	Int8:    {"0", "1", "5", "3000000000", "-2"},
	Numeric: {"0.00", "1.50", "2.00", "19.99", "-3.25"},
	Text:    {"a", "b", "apple", "", "it's", `x\y`},
	Varchar: {"a", "b", "2020-01-01", "zz"},
	Bool:    {"true", "false"},
	Date:    {"2024-02-29", "2023-01-01", "2020-12-31"},
	Stamp:   {"2024-02-29 10:00:00+00", "2023-01-01 00:00:00+00", "2020-12-31 23:59:59.5+00"},
	JSONB:   {`{"a": 1}`, `[1, 2, 3]`, `"text"`, `null`},
	Ints:    {"{}", "{1,2,3}", "{7}", "{NULL,2}"},
	Texts:   {"{}", "{a,b}", "{apple}", `{"x y",NULL}`},
	UUID:    {"11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"},
}

// sample draws a value; for a hazard column that is not safe, often one that raises errors.
func sample(r *rand.Rand, typ Type, use Use, tenant int, safe bool) string {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	switch {
	case use.hazard() && !safe && r.IntN(4) > 0:
		return pick(hazards[use])
	case use.hazard(), use == UseCountry:
		return pick(harmless[use])
	case use == UseNote:
		return marker(tenant) + " " + pick([]string{"a", "b", "it's"})
	}
	return pick(byType[typ])
}

// LoadSQL returns what fills the shared database (own < 0) with every tenant's rows, or a world with its tenant's and those that every world has;
// it empties the tables first. Triggers, and so foreign keys, are off meanwhile.
func (s *Schema) LoadSQL(rows Rows, own int) string {
	keep := func(slot int) bool { return own < 0 || slot == own || slot == defaultRows }
	var b strings.Builder
	b.WriteString("SET session_replication_role = replica;\n")
	for ti, t := range s.Tables {
		if t.View != "" || t.PartitionOf != nil {
			continue
		}
		fmt.Fprintf(&b, "DELETE FROM %s;\n", t.Full())
		for slot := range slots {
			if keep(slot) || slot == 0 && t.tenantColumn() == nil {
				hidden := ""
				if own < 0 {
					hidden = s.hiddenID(t, slot)
				}
				insertRows(&b, t, rows[ti][slot], hidden)
			}
		}
	}
	return b.String()
}

// insertRows writes rows of one tenant; hidden is the value of a tenant column that rows do not hold.
func insertRows(b *strings.Builder, t *Table, rows []Row, hidden string) {
	if len(rows) == 0 {
		return
	}
	var names []string
	for _, c := range t.Columns {
		if c.Generated == "" {
			names = append(names, c.Name)
		}
	}
	if hidden != "" {
		names = append(names, t.tenantColumn().Name)
	}
	fmt.Fprintf(b, "INSERT INTO %s (%s) VALUES", t.Full(), idents(names))
	for ri, row := range rows {
		if ri > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n  (")
		sep := ""
		for ci, c := range t.Columns {
			if c.Generated != "" {
				continue
			}
			b.WriteString(sep)
			sep = ", "
			if row[ci] == nil {
				b.WriteString("NULL")
			} else {
				b.WriteString(quote(*row[ci]))
			}
		}
		if hidden != "" {
			b.WriteString(", " + quote(hidden))
		}
		b.WriteString(")")
	}
	b.WriteString(";\n")
}
