package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// column is one output column of a FROM item or a query. An empty name is one that cannot be referred to; typ 0 is unknown.
type column struct {
	name string
	typ  uint32
	// unharmless and calls are the weight of a computed column's expression (see order.go); zero for a relation's column, unless it is a
	// virtual generated one, whose expression is not known.
	unharmless bool
	calls      int
	// tried is set when the planner could run the expression's operator on statistics (estimate.go).
	tried bool
	// folding is set when the column's collation may take texts for equal that differ, which LIKE and its kin refuse.
	folding bool
	// collation is that of a text (collation.go).
	collation uint32
	// late is set when rows are chosen by conditions of any cost (late.go).
	late bool
	// tenant is set when the column holds the tenant in every row, as long as no join extends its item with NULLs.
	tenant bool
}

// item is one entry of a FROM list, as the names of its query level see it.
type item struct {
	name   string   // alias, or the relation's name
	ref    []string // how a column reference in the output names it: [alias] or [schema, relation]
	schema string   // of an unaliased relation, for references as schema.relation.column
	within string   // that schema of a relation without an alias that a sub-select stands for
	// table is set for a relation whose predicate stands beside it.
	table *policy.BoundTable
	// target is set for the relation that the statement writes.
	target bool
	// columns are the item's; nil when they cannot be told.
	columns []column
	// nullable is set once a join has been left that can extend the item with NULLs.
	nullable bool
	// global is set when every tenant may see every row of the item, so that nothing has to be guarded.
	global bool
	// shared is set when rows of a global relation come through the item, so that locking its rows would lock those for every tenant.
	shared bool
	// locked is set when the level locks the item's rows, of which default rows are left out.
	locked bool
	// catalog is set when the item shows a system catalog; system is then its schema, while columns may be qualified by that.
	catalog bool
	system  string
	// shows is that catalog, where its columns go by their own names.
	shows *catalog.Relation
	// refusing is the system relation when the sub-select in its place is without columns that the table refuses.
	refusing *systemRelation
	// barrier makes the planner evaluate the item before any condition of the level above; nil for a relation.
	barrier func()
	// wrapped is the relation inside a sub-select put around it, whose primary key Postgres no longer sees.
	wrapped *policy.BoundTable
	// through is set for a view that is written through: the item is the table below it, which its name and columns are not (view_write.go).
	through *through
	// hidden is the column of the item that Postgres sees and the client must not; empty for none.
	hidden string
	// joined are the sides of a join that the item's name stands for; its columns have their names.
	joined []*item
	// merged is set when a join has taken the item's columns up into its own (USING, NATURAL): `*` no longer lists them in order.
	merged bool
}

func (it *item) column(name string) *column {
	for i := range it.columns {
		if it.columns[i].name == name {
			return &it.columns[i]
		}
	}
	return nil
}

// scope is one query level: its FROM items, the common table expressions in reach, and the level around it.
type scope struct {
	parent *scope
	ctes   *cteEnv
	items  []*item
	// base is where the items begin whose names share one space: those before it are outside of a join with an alias.
	base int
	// grouped are the names of the columns that grouping sets make NULL in some rows.
	grouped map[string]bool
	// wrapHidden is set when tables with hidden columns need sub-selects around them (hide.go).
	wrapHidden bool
	// chosen is set once what is walked runs on groups of rows, which the predicates have chosen before.
	chosen bool
	// locking are the level's locking clauses.
	locking []*pg.Node
	// plain is set for the inference of ON CONFLICT, where the columns of the target stand alone: Postgres before 14 does not know its name there.
	plain bool
}

// cteEnv is a linked list of the common table expressions in reach, innermost first.
type cteEnv struct {
	outer   *cteEnv
	name    string
	columns []column
	barrier func()
}

func (e *cteEnv) find(name string) *cteEnv {
	for ; e != nil; e = e.outer {
		if e.name == name {
			return e
		}
	}
	return nil
}

// find returns the item that a qualified reference names, looking outwards as Postgres does, and nil when there is none.
func (s *scope) find(schema, name string) *item {
	for ; s != nil; s = s.parent {
		for _, it := range s.items {
			if it.name == name && (schema == "" || schema == it.schema) {
				return it
			}
		}
	}
	return nil
}

// withinSub takes the schema off a reference to a relation that a sub-select of its name stands for.
func (s *scope) withinSub(c *pg.ColumnRef) {
	if len(c.Fields) != 3 {
		return
	}
	schema, name := c.Fields[0].GetString_().GetSval(), c.Fields[1].GetString_().GetSval()
	for ; s != nil; s = s.parent {
		for _, it := range s.items {
			if it.name != name {
				continue
			}
			if it.within == schema && it.schema == "" {
				c.Fields = c.Fields[1:]
			}
			return
		}
	}
}

// owners returns the items that an unqualified column name may belong to: of the innermost level that has a candidate,
// every item with such a column or with columns that cannot be told.
func (s *scope) owners(name string) []*item {
	for ; s != nil; s = s.parent {
		var found []*item
		for _, it := range s.items {
			if it.columns == nil || it.column(name) != nil || systemColumn(name) {
				found = append(found, it)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// systemColumn tells whether name is a system column (Postgres manual, "System Columns").
func systemColumn(name string) bool {
	switch name {
	case "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid":
		return true
	}
	return false
}

// relationColumns are a relation's columns; nil when they cannot be told, as of a temporary table that the same text has just made.
func relationColumns(r *catalog.Relation) []column {
	if r.Columns == nil {
		return nil
	}
	cols := make([]column, len(r.Columns))
	for i, c := range r.Columns {
		cols[i] = column{name: c.Name, typ: c.TypeOID, folding: c.Folding, collation: c.Collation, unharmless: c.Generated == 'v', tried: c.Generated == 'v'}
	}
	return cols
}

// markTenant notes which column of an item of a confined relation holds the tenant.
func (p *pass) markTenant(it *item, t *policy.BoundTable) {
	if p.hidesColumn(t) {
		return
	}
	for i := range t.Relation.Columns {
		if i < len(it.columns) && t.Relation.Columns[i].Name == t.Column {
			it.columns[i].tenant = true
		}
	}
}

// shown are the columns as the level above sees them: where a join can extend the item with NULLs, none is sure to hold the tenant.
func (it *item) shown() []column {
	if !it.nullable {
		return it.columns
	}
	out := append([]column(nil), it.columns...)
	for i := range out {
		out[i].tenant = false
	}
	return out
}

// renamed returns cols with the first names replaced by an alias's column list.
func renamed(cols []column, names []*pg.Node) []column {
	if len(names) == 0 {
		return cols
	}
	if cols == nil {
		return nil
	}
	out := append([]column(nil), cols...)
	for i, n := range names {
		if i < len(out) {
			out[i].name = n.GetString_().GetSval()
		}
	}
	return out
}

// relation finds the relation that a RangeVar names, as Postgres would with the session's search_path:
// pg_catalog comes first unless the path names it, which the settings rules do not allow.
func (p *pass) relation(rv *pg.RangeVar) *catalog.Relation {
	r := p.lookUp(rv)
	if r != nil && r.ReadsRunCode {
		p.effects |= EffectUnknown
	}
	return r
}

func (p *pass) lookUp(rv *pg.RangeVar) *catalog.Relation {
	if rv.Catalogname != "" && rv.Catalogname != p.cat.Database {
		p.denyAt(rv.Location, stateFeature, ruleRelationUnknown, otherDatabase+`"`+rv.Catalogname+"."+rv.Schemaname+"."+rv.Relname+`"`, "")
		return nil
	}
	if t := p.temporary(rv); t != nil {
		return t
	}
	if rv.Schemaname != "" {
		s := p.cat.Schemas[rv.Schemaname]
		if s == nil || s.Relations[rv.Relname] == nil {
			p.unknownRelation(rv)
			return nil
		}
		return s.Relations[rv.Relname]
	}
	if r := p.cat.Schemas["pg_catalog"]; r != nil && r.Relations[rv.Relname] != nil {
		return r.Relations[rv.Relname]
	}
	for _, name := range p.path {
		if s := p.cat.Schemas[name]; s != nil && s.Relations[rv.Relname] != nil {
			return s.Relations[rv.Relname]
		}
	}
	p.unknownRelation(rv)
	return nil
}

func (p *pass) unknownRelation(rv *pg.RangeVar) {
	name := rv.Relname
	if rv.Schemaname != "" {
		name = rv.Schemaname + "." + name
	}
	p.denyAt(rv.Location, stateUndefinedTable, ruleRelationUnknown, `relation "`+name+`" does not exist`, "")
}
