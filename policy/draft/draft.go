package draft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// rule is one line of the draft.
type rule struct {
	relation *catalog.Relation
	scope    policy.Scope
	typ      policy.ColumnType // when it differs from the policy's
	why      string
}

// Draft returns the text of a policy.yaml for the database of the snapshot. It parses, and binding it finds no problem.
func Draft(s *catalog.Snapshot) ([]byte, error) {
	d := &drafter{snapshot: s, relations: userRelations(s)}
	d.column, d.all = findColumn(s, d.relations)
	if d.column != nil {
		d.typ = d.column.typ()
	}
	text := d.write(d.rules())
	p, err := policy.ParsePolicy("draft", text)
	if err != nil {
		return nil, fmt.Errorf("the draft is not a policy: %w", err)
	}
	for _, r := range d.relations {
		if t := policy.Bind(p, s).Table(r.OID); t.Problem != "" {
			return nil, fmt.Errorf("the draft does not fit %s.%s: %s", r.Schema, r.Name, t.Problem)
		}
	}
	return text, nil
}

type drafter struct {
	snapshot  *catalog.Snapshot
	relations []*catalog.Relation
	column    *candidate // nil: none was found
	typ       policy.ColumnType
	all       int
}

// userRelations returns what a policy has to name, by schema and name.
func userRelations(s *catalog.Snapshot) []*catalog.Relation {
	var out []*catalog.Relation
	for _, r := range s.ByOID {
		switch r.Kind {
		case catalog.Table, catalog.PartitionedTable, catalog.View, catalog.MaterializedView, catalog.ForeignTable:
			if !catalog.IsSystem(r.Schema) {
				out = append(out, r)
			}
		default:
		}
	}
	slices.SortFunc(out, func(a, b *catalog.Relation) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (d *drafter) rules() []rule {
	var out []rule
	for _, r := range d.relations {
		if r.IsPartition {
			continue // reached through its table; by its own name it stays denied
		}
		out = append(out, d.classify(r))
	}
	return out
}

// classify gives a relation its scope. Every way out that is not sure ends in denied.
func (d *drafter) classify(r *catalog.Relation) rule {
	denied := func(format string, args ...any) rule {
		return rule{relation: r, why: fmt.Sprintf(format, args...)}
	}
	if r.Extension != "" {
		return denied("belongs to the extension %s", r.Extension)
	}
	if d.column != nil {
		if c := r.Column(d.column.name); c != nil && r.Kind != catalog.View {
			return d.withColumn(r, c)
		}
	}
	if r.Kind == catalog.View && d.column != nil {
		return rule{relation: r, scope: policy.ScopeTenant, why: "a view: the tables below it follow their own rules"}
	}
	if other := d.otherColumn(r); other != "" {
		return denied("unsure: %s may name its tenant; if so: scope tenant, column %s", other, other)
	}
	if slices.Contains(tenantTables, strings.ToLower(r.Name)) {
		return denied("one row per tenant, it seems, and no column %s; a tenant would see its own row with scope tenant and the key as column", d.columnName())
	}
	if target := d.refersToTenantTable(r); target != nil {
		return denied("its rows belong to tenants through %s.%s, but it has no tenant column of its own", target.Schema, target.Name)
	}
	if slices.Contains(referenceTables, strings.ToLower(r.Name)) && len(r.ForeignKeys) == 0 && holdsRows(r) {
		return rule{relation: r, scope: policy.ScopeGlobal, why: "by its name the same for everybody, and it refers to nothing"}
	}
	return denied("unsure: no tenant column; scope global if its rows are the same for everybody")
}

func (d *drafter) withColumn(r *catalog.Relation, c *catalog.Column) rule {
	typ, ok := policy.ColumnTypeOf(c.TypeOID)
	if !ok {
		return rule{relation: r, why: fmt.Sprintf("its %s is of type %s, which cannot hold a tenant", c.Name, c.TypeName)}
	}
	out := rule{relation: r, scope: policy.ScopeTenant, why: c.Name + " " + typ.String()}
	if typ != d.typ {
		out.typ = typ
	}
	if c.NotNull {
		out.why += " NOT NULL"
	} else {
		out.why += ", may be NULL: such rows are seen by nobody; scope mixed if they are defaults for everybody"
	}
	if mark := markColumn(r); mark != "" {
		out.why += fmt.Sprintf("; %s may mark deleted rows: soft_delete hides them", mark)
	}
	if target := refersToTenants(d.snapshot, r, c.Name); target != nil {
		out.why += fmt.Sprintf(", refers to %s.%s", target.Schema, target.Name)
	}
	if n := d.partitions(r); n > 0 {
		out.why += fmt.Sprintf("; its partitions (%d) are reached through it", n)
	}
	return out
}

func (d *drafter) partitions(r *catalog.Relation) int {
	n := 0
	for _, other := range d.relations {
		if other.IsPartition && slices.Contains(other.Parents, r.OID) {
			n++
		}
	}
	return n
}

// otherColumn returns a column of a tenant's name other than the policy's.
func (d *drafter) otherColumn(r *catalog.Relation) string {
	for _, c := range r.Columns {
		_, ok := policy.ColumnTypeOf(c.TypeOID)
		strong := columnNames[strings.ToLower(c.Name)] >= 60 || refersToTenants(d.snapshot, r, c.Name) != nil
		if ok && strong && (d.column == nil || c.Name != d.column.name) {
			return c.Name
		}
	}
	return ""
}

func (d *drafter) refersToTenantTable(r *catalog.Relation) *catalog.Relation {
	for _, key := range r.ForeignKeys {
		target := d.snapshot.ByOID[key.Target]
		if target != nil && d.column != nil && target.Column(d.column.name) != nil {
			return target
		}
	}
	return nil
}

func (d *drafter) columnName() string {
	if d.column == nil {
		return "tenant_id"
	}
	return d.column.name
}

func (d *drafter) write(rules []rule) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Drafted from the catalog of the database %s. Read every line before you use it: what is not named or denied\n", comment(d.snapshot.Database))
	b.WriteString("# stays out of reach, what is global is read by every tenant.\n\n")
	if d.column == nil {
		b.WriteString("# No column looks like the tenant's. Put its name here, and give the tables below their scope.\n")
	} else {
		fmt.Fprintf(&b, "# %s: in %d of %d tables, NOT NULL in %d, refers to a table of tenants in %d.\n",
			comment(d.column.name), d.column.tables, d.all, d.column.notNull, d.column.refers)
	}
	fmt.Fprintf(&b, "tenant: {column: %s, type: %s}\n\n", quote(d.columnName()), d.typ)
	if len(rules) == 0 {
		b.WriteString("# The database has no tables.\ntables: []\n")
		return []byte(b.String())
	}
	b.WriteString("tables: # the first match wins\n")
	d.writeRules(&b, rules)
	b.WriteString("\n# Functions of yours are refused unless one is named here with the reason why it is safe:\n")
	b.WriteString("# functions:\n#   - {name: public.order_total(bigint), why: \"reads no table\"}\n")
	return []byte(b.String())
}

func (d *drafter) writeRules(b *strings.Builder, rules []rule) {
	lines := make([]string, len(rules))
	width := 0
	for i, r := range rules {
		pattern := policy.Pattern{Schema: r.relation.Schema, Name: r.relation.Name}
		line := fmt.Sprintf("{match: %s, scope: %s", quote(pattern.String()), r.scope)
		if r.typ != policy.TypeAny {
			line += ", type: " + r.typ.String()
		}
		lines[i] = line + "}"
		if len(lines[i]) <= 70 {
			width = max(width, len(lines[i]))
		}
	}
	for i, r := range rules {
		why := comment(r.why)
		if strings.Contains(r.relation.Schema+r.relation.Name, "*") {
			fmt.Fprintf(b, "  # a rule cannot name %s: a star stands for any characters. It stays denied.\n", comment(r.relation.Schema+"."+r.relation.Name))
			continue
		}
		fmt.Fprintf(b, "  - %-*s # %s\n", width, lines[i], why)
	}
}

// comment keeps a text in one line.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return '?'
		}
		return r
	}, s)
}

// quote writes a string as a YAML scalar that stands inside a flow mapping.
func quote(s string) string {
	plain := strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == "" && s != ""
	if out, err := yaml.Marshal(s); plain && err == nil && strings.TrimSpace(string(out)) == s {
		return s
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s}
	out, err := yaml.Marshal(&node)
	if err != nil {
		return `""` // refused by the policy's parser
	}
	return strings.TrimSpace(string(out))
}
