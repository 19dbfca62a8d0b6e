package rewriter

import (
	"maps"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Temporary tables live outside the tenant rules: a session's own, no other can name them, and what fills them has been confined. They are
// always written as pg_temp.name, and all other relations with their own schema, so that neither can stand in for the other.

// temporary finds the session's temporary table that a name means: an unqualified name means one first of all (Postgres manual,
// search_path), but for names in a view, which are all qualified.
func (p *pass) temporary(rv *pg.RangeVar) *catalog.Relation {
	if rv.Catalogname != "" || rv.Schemaname != "" && rv.Schemaname != catalog.TemporarySchema || p.inView > 0 {
		return nil
	}
	if p.ownTables != nil {
		return p.ownTables[rv.Relname]
	}
	if p.req.Temporary != nil {
		return p.req.Temporary.Relations[rv.Relname]
	}
	return nil
}

// table is what the policy says of a relation that was found by its name.
func (p *pass) table(rel *catalog.Relation) *policy.BoundTable {
	if rel.Schema == catalog.TemporarySchema {
		return &policy.BoundTable{Relation: rel, Scope: policy.ScopeTemporary}
	}
	return p.bound.Table(rel.OID)
}

// changeTables makes the pass's own copy of the temporary tables, for the statements behind this one in the text.
func (p *pass) changeTables() {
	if p.ownTables != nil {
		return
	}
	p.ownTables = map[string]*catalog.Relation{}
	if p.req.Temporary != nil {
		maps.Copy(p.ownTables, p.req.Temporary.Relations)
	}
}

// newTemporary checks the name of a table to be made, and writes its schema; false when the statement was denied.
func (p *pass) newTemporary(rv *pg.RangeVar, what string) bool {
	switch {
	case rv.Relpersistence != "t" && rv.Schemaname != catalog.TemporarySchema:
		p.denyAt(-1, statePrivilege, ruleStatementKind, what+" is refused", "Tenants may make temporary tables only, where the policy allows them.")
		return false
	case rv.Catalogname != "" || rv.Schemaname != "" && rv.Schemaname != catalog.TemporarySchema:
		p.denyAt(rv.Location, "42P16", ruleRelationKind, "cannot create temporary relation in non-temporary schema", "")
		return false
	case !p.bound.Policy.Statements.Temporary:
		p.denyAt(-1, statePrivilege, ruleTemporary, "temporary tables are refused", "The policy does not allow them (statements: temporary_tables).")
		return false
	}
	rv.Schemaname, rv.Relpersistence = catalog.TemporarySchema, "t"
	return true
}

// createTable allows CREATE TEMPORARY TABLE with columns and constraints.
func (p *pass) createTable(s *pg.CreateStmt) {
	if !p.newTemporary(s.Relation, "CREATE TABLE") {
		return
	}
	if len(s.InhRelations) > 0 || s.Partbound != nil || s.Partspec != nil || s.OfTypename != nil || len(s.Options) > 0 ||
		s.Tablespacename != "" || s.AccessMethod != "" || len(s.Constraints) > 0 {
		p.deny(stateFeature, ruleTemporary, "this kind of temporary table is not supported", "Give it columns and constraints only.")
		return
	}
	rel := &catalog.Relation{Schema: catalog.TemporarySchema, Name: s.Relation.Relname, Kind: catalog.Table}
	for _, e := range s.TableElts {
		if l := e.GetTableLikeClause(); l != nil {
			rel.Columns = append(rel.Columns, p.columnsLike(l)...)
		} else if c := e.GetColumnDef(); c != nil {
			rel.Columns = append(rel.Columns, catalog.Column{Name: c.Colname, TypeOID: p.typeNameOID(c.TypeName), Collation: p.columnCollation(c)})
		}
	}
	sc := &scope{items: []*item{{name: rel.Name, columns: relationColumns(rel), global: true}}}
	for _, e := range s.TableElts {
		switch v := e.GetNode().(type) {
		case *pg.Node_ColumnDef:
			p.newColumn(v.ColumnDef, sc)
		case *pg.Node_Constraint:
			p.newConstraint(v.Constraint, sc)
		case *pg.Node_TableLikeClause:
		default:
			p.deny(stateFeature, ruleTemporary, nodeName(e)+" in a temporary table is not supported", "Give it columns and constraints only.")
		}
	}
	p.note(&policy.BoundTable{Relation: rel, Scope: policy.ScopeTemporary}, rel.Name, nil, "temporary: made for the session")
	p.changeTables()
	if p.ownTables[rel.Name] == nil || !s.IfNotExists {
		p.ownTables[rel.Name] = rel
	}
}

// columnsLike resolves the table whose columns a LIKE clause takes over: their names, types and NOT NULL, and nothing that was made for its rows.
// Defaults draw from sequences that others share, and in checks and predicates a tenant's id can stand.
func (p *pass) columnsLike(l *pg.TableLikeClause) []catalog.Column {
	rv := l.Relation
	rel := p.relation(rv)
	if rel == nil {
		return nil
	}
	t := p.table(rel)
	switch {
	case t == nil || t.Scope == policy.ScopeDenied:
		p.denyRelation(rv, rel, t)
	case rel.Kind != catalog.Table && rel.Kind != catalog.PartitionedTable:
		p.denyAt(rv.Location, stateFeature, ruleTemporary, "LIKE of something other than a table is not supported", hintLike)
	case l.Options != 0:
		p.denyAt(rv.Location, stateFeature, ruleTemporary, "LIKE ... INCLUDING is not supported", "Leave INCLUDING out, and write defaults and constraints beside LIKE.")
	case t.HiddenColumn() != "":
		p.denyAt(rv.Location, stateFeature, ruleTemporary, "LIKE of a table whose tenant column is hidden is not supported", hintLike)
	case !p.taintedColumn(rv, rel):
		rv.Catalogname, rv.Schemaname = "", rel.Schema
		p.note(t, rel.Name, nil, "LIKE: its columns alone")
		return rel.Columns
	}
	return nil
}

const hintLike = "CREATE TEMPORARY TABLE ... AS SELECT ... WITH NO DATA makes a table of the same columns."

// serials are the names that stand for an integer with a sequence of its own; they are no types.
var serials = map[string]bool{"serial": true, "serial2": true, "serial4": true, "serial8": true, "smallserial": true, "bigserial": true}

func (p *pass) newColumn(c *pg.ColumnDef, sc *scope) {
	if c.RawDefault != nil || c.CookedDefault != nil || len(c.Fdwoptions) > 0 || c.Compression != "" || c.Storage != "" || c.StorageName != "" ||
		c.IdentitySequence != nil || c.Identity != "" || c.Generated != "" {
		p.denyAt(c.Location, stateFeature, ruleTemporary, "this kind of column is not supported in a temporary table", "")
		return
	}
	names := c.TypeName.GetNames()
	if len(names) != 1 || !serials[names[0].GetString_().GetSval()] || len(c.TypeName.ArrayBounds) > 0 {
		p.typeName(c.TypeName)
	}
	if c.CollClause != nil {
		p.collation(c.CollClause)
	}
	for _, n := range c.Constraints {
		p.newConstraint(n.GetConstraint(), sc)
	}
}

// newConstraint allows the constraints that look at the table alone.
func (p *pass) newConstraint(c *pg.Constraint, sc *scope) {
	if c == nil {
		p.deny(stateFeature, ruleTemporary, "a constraint is not understood", "")
		return
	}
	if c.Pktable != nil || len(c.Options) > 0 || c.Indexname != "" || c.Indexspace != "" || len(c.Exclusions) > 0 || c.AccessMethod != "" || c.WhereClause != nil {
		p.denyAt(c.Location, stateFeature, ruleTemporary, "this kind of constraint is not supported in a temporary table", "")
		return
	}
	switch c.Contype {
	case pg.ConstrType_CONSTR_NULL, pg.ConstrType_CONSTR_NOTNULL, pg.ConstrType_CONSTR_PRIMARY, pg.ConstrType_CONSTR_UNIQUE,
		pg.ConstrType_CONSTR_IDENTITY:
	case pg.ConstrType_CONSTR_DEFAULT, pg.ConstrType_CONSTR_CHECK, pg.ConstrType_CONSTR_GENERATED:
		p.expr(c.RawExpr, sc)
	default:
		p.denyAt(c.Location, stateFeature, ruleTemporary, "this kind of constraint is not supported in a temporary table", "")
	}
}

// createTableAs allows CREATE TEMPORARY TABLE AS over a query, or over an EXECUTE of one, which is confined like any other.
func (p *pass) createTableAs(s *pg.CreateTableAsStmt) Statement {
	st := Statement{Kind: KindTemporary, Writes: true}
	i := s.Into
	if s.Objtype != pg.ObjectType_OBJECT_TABLE {
		p.deny(statePrivilege, ruleStatementKind, "CREATE MATERIALIZED VIEW is refused", "Tenants may not change the schema.")
		return st
	}
	if !p.newTemporary(i.Rel, "CREATE TABLE AS") {
		return st
	}
	if len(i.Options) > 0 || i.AccessMethod != "" || i.TableSpaceName != "" || i.ViewQuery != nil {
		p.deny(stateFeature, ruleTemporary, "this kind of temporary table is not supported", "Leave out WITH, USING and TABLESPACE.")
		return st
	}
	rel := &catalog.Relation{Schema: catalog.TemporarySchema, Name: i.Rel.Relname, Kind: catalog.Table}
	switch q := s.Query.GetNode().(type) {
	case *pg.Node_SelectStmt:
		for _, c := range renamed(p.selectStmt(q.SelectStmt, nil, nil), i.ColNames) {
			rel.Columns = append(rel.Columns, catalog.Column{Name: c.name, TypeOID: c.typ, Collation: c.collation})
		}
	case *pg.Node_ExecuteStmt: // of columns that are not known before it runs
		made := p.execute(q.ExecuteStmt)
		st.Executes, st.Name, st.Arguments = true, made.Name, made.Arguments
	default:
		p.deny(stateFeature, ruleTemporary, nodeName(s.Query)+" in CREATE TABLE AS is not supported", "Use a query.")
	}
	if p.denial != nil {
		return st
	}
	p.note(&policy.BoundTable{Relation: rel, Scope: policy.ScopeTemporary}, rel.Name, nil, "temporary: filled from the query")
	p.changeTables()
	if p.ownTables[rel.Name] == nil || !s.IfNotExists {
		p.ownTables[rel.Name] = rel
	}
	return st
}

// selectInto turns SELECT INTO into CREATE TABLE AS, which is the same (Postgres manual, "SELECT INTO").
func (p *pass) selectInto(n *pg.Node, s *pg.SelectStmt) {
	as := &pg.CreateTableAsStmt{Query: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: s}}, Into: s.IntoClause, Objtype: pg.ObjectType_OBJECT_TABLE}
	s.IntoClause = nil
	n.Node = &pg.Node_CreateTableAsStmt{CreateTableAsStmt: as}
	p.createTableAs(as)
}

// dropTable allows DROP TABLE of temporary tables; with IF EXISTS also of those that are not there.
func (p *pass) dropTable(n *pg.Node, s *pg.DropStmt) {
	if s.RemoveType != pg.ObjectType_OBJECT_TABLE || s.Concurrent {
		p.refuse(n)
		return
	}
	for _, o := range s.Objects {
		rv := rangeVarOf(o.GetList().GetItems())
		switch {
		case rv == nil, p.temporary(rv) == nil && (!s.MissingOk || rv.Schemaname != "" && rv.Schemaname != catalog.TemporarySchema || rv.Schemaname == "" && p.permanent(rv.Relname)):
			p.refuse(n)
			return
		}
		o.GetList().Items = []*pg.Node{pg.MakeStrNode(catalog.TemporarySchema), pg.MakeStrNode(rv.Relname)}
		p.changeTables()
		delete(p.ownTables, rv.Relname)
	}
}

// permanent tells whether an unqualified name means a relation that is not temporary.
func (p *pass) permanent(name string) bool {
	for _, schema := range append([]string{"pg_catalog"}, p.path...) {
		if s := p.cat.Schemas[schema]; s != nil && s.Relations[name] != nil {
			return true
		}
	}
	return false
}

func rangeVarOf(names []*pg.Node) *pg.RangeVar {
	switch len(names) {
	case 1:
		return &pg.RangeVar{Relname: names[0].GetString_().GetSval()}
	case 2:
		return &pg.RangeVar{Schemaname: names[0].GetString_().GetSval(), Relname: names[1].GetString_().GetSval()}
	}
	return nil
}

// createIndex allows CREATE INDEX on a temporary table.
func (p *pass) createIndex(n *pg.Node, s *pg.IndexStmt) {
	rel := p.temporary(s.Relation)
	if rel == nil {
		p.refuse(n)
		return
	}
	if s.TableSpace != "" || len(s.Options) > 0 || len(s.ExcludeOpNames) > 0 || s.Concurrent {
		p.deny(stateFeature, ruleTemporary, "this kind of index is not supported on a temporary table", "")
		return
	}
	s.Relation.Schemaname = catalog.TemporarySchema
	sc := &scope{items: []*item{{name: rel.Name, columns: relationColumns(rel), global: true}}}
	for _, list := range [][]*pg.Node{s.IndexParams, s.IndexIncludingParams} {
		for _, e := range list {
			elem := e.GetIndexElem()
			if elem == nil || len(elem.Opclass) > 0 || len(elem.Opclassopts) > 0 {
				p.deny(stateFeature, ruleTemporary, "operator classes are not supported on a temporary table", "")
				return
			}
			p.expr(elem.Expr, sc)
		}
	}
	p.expr(s.WhereClause, sc)
}

// analyze allows ANALYZE of temporary tables.
func (p *pass) analyze(n *pg.Node, s *pg.VacuumStmt) {
	if s.IsVacuumcmd || len(s.Rels) == 0 || len(s.Options) > 0 {
		p.refuse(n)
		return
	}
	for _, r := range s.Rels {
		v := r.GetVacuumRelation()
		if v.GetRelation() == nil || p.temporary(v.Relation) == nil {
			p.refuse(n)
			return
		}
		v.Relation.Schemaname = catalog.TemporarySchema
	}
}
