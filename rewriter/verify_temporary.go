package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// temporaryTable finds a relation of pg_temp: the session's own, or one that an earlier statement of the text has made.
func (s *sweeper) temporaryTable(r *pg.RangeVar) *policy.BoundTable {
	table := s.made[r.Relname]
	if table == nil && s.in.temporary != nil {
		table = s.in.temporary.Relations[r.Relname]
	}
	if table == nil {
		s.fail("temporary table %q is not the session's", r.Relname)
		return nil
	}
	return &policy.BoundTable{Relation: table, Scope: policy.ScopeTemporary}
}

// makes checks the name of a table that a statement makes.
func (s *sweeper) makes(r *pg.RangeVar) {
	if r.GetSchemaname() != catalog.TemporarySchema || r.Catalogname != "" || r.Relpersistence != "t" || r.Alias != nil {
		s.fail("a table is made that is not temporary")
		return
	}
	if !s.in.bound.Policy.Statements.Temporary {
		s.fail("a temporary table is made, which the policy does not allow")
		return
	}
	if s.made == nil {
		s.made = map[string]*catalog.Relation{}
	}
	s.made[r.Relname] = &catalog.Relation{Schema: catalog.TemporarySchema, Name: r.Relname, Kind: catalog.Table}
}

func (s *sweeper) createTable(c *pg.CreateStmt) {
	s.makes(c.Relation)
	e := sweepEnv{names: &sweepScope{names: []fromName{{name: c.Relation.GetRelname()}}}}
	for _, n := range c.TableElts {
		switch x := n.GetNode().(type) {
		case *pg.Node_ColumnDef:
			s.newColumn(x.ColumnDef, e)
		case *pg.Node_Constraint:
			s.newConstraint(x.Constraint, e)
		case *pg.Node_TableLikeClause:
			s.like(x.TableLikeClause)
		default:
			s.fail("CREATE TABLE with %T", n.GetNode())
		}
	}
	// Parents, partitions, row types, options: nothing of these may be there.
	s.only(c.ProtoReflect(), "relation", "table_elts", "oncommit", "if_not_exists")
}

// like checks a table whose columns another takes over: it is open, shows all its columns, and gives nothing besides.
func (s *sweeper) like(l *pg.TableLikeClause) {
	table := s.table(l.GetRelation())
	if table == nil {
		return
	}
	if kind := table.Relation.Kind; table.HiddenColumn() != "" || kind != catalog.Table && kind != catalog.PartitionedTable {
		s.fail("LIKE %q, of which columns are hidden, or which is no table", table.Relation.Name)
	}
	s.only(l.Relation.ProtoReflect(), "schemaname", "relname", "inh", "relpersistence", "location")
	s.only(l.ProtoReflect(), "relation")
}

func (s *sweeper) newColumn(c *pg.ColumnDef, e sweepEnv) {
	if names := stringsOf(c.TypeName.GetNames()); len(names) != 1 || !serials[names[0]] {
		s.typeName(c.TypeName)
	}
	if c.CollClause != nil {
		s.walk(c.CollClause.ProtoReflect(), e)
	}
	for _, n := range c.Constraints {
		s.newConstraint(n.GetConstraint(), e)
	}
	s.only(c.ProtoReflect(), "colname", "type_name", "coll_clause", "constraints", "is_local", "location")
}

func (s *sweeper) newConstraint(c *pg.Constraint, e sweepEnv) {
	if c == nil {
		s.fail("a constraint of another kind of node")
		return
	}
	switch c.Contype {
	case pg.ConstrType_CONSTR_NULL, pg.ConstrType_CONSTR_NOTNULL, pg.ConstrType_CONSTR_PRIMARY, pg.ConstrType_CONSTR_UNIQUE,
		pg.ConstrType_CONSTR_IDENTITY:
		if c.RawExpr != nil {
			s.fail("constraint %v with an expression", c.Contype)
		}
	case pg.ConstrType_CONSTR_DEFAULT, pg.ConstrType_CONSTR_CHECK, pg.ConstrType_CONSTR_GENERATED:
		s.walk(c.RawExpr.ProtoReflect(), e)
	default:
		s.fail("constraint %v", c.Contype)
	}
	s.only(c.ProtoReflect(), "contype", "conname", "raw_expr", "keys", "including", "deferrable", "initdeferred", "is_no_inherit",
		"nulls_not_distinct", "generated_when", "initially_valid", "location")
}

func (s *sweeper) createTableAs(c *pg.CreateTableAsStmt) {
	q, made := c.Query.GetSelectStmt(), c.Query.GetExecuteStmt()
	if q == nil && made == nil || c.Objtype != pg.ObjectType_OBJECT_TABLE || c.IsSelectInto {
		s.fail("CREATE TABLE AS of %v from %T", c.Objtype, c.Query.GetNode())
		return
	}
	if made != nil {
		s.execute(made)
	}
	s.query(q, sweepEnv{}, nil)
	s.makes(c.Into.GetRel())
	s.only(c.Into.ProtoReflect(), "rel", "col_names", "on_commit", "skip_data")
	s.only(c.ProtoReflect(), "query", "into", "objtype", "if_not_exists")
}

func (s *sweeper) dropTable(d *pg.DropStmt) {
	if d.RemoveType != pg.ObjectType_OBJECT_TABLE || d.Concurrent {
		s.fail("DROP of %v", d.RemoveType)
	}
	for _, o := range d.Objects {
		if names := stringsOf(o.GetList().GetItems()); len(names) != 2 || names[0] != catalog.TemporarySchema {
			s.fail("DROP TABLE %q, which is not temporary", names)
		} else {
			delete(s.made, names[1])
		}
	}
}

func (s *sweeper) createIndex(i *pg.IndexStmt) {
	if i.Relation.GetSchemaname() != catalog.TemporarySchema || s.table(i.Relation) == nil {
		s.fail("an index on a table that is not temporary")
		return
	}
	e := sweepEnv{names: &sweepScope{names: []fromName{{name: i.Relation.Relname}}}}
	for _, list := range [][]*pg.Node{i.IndexParams, i.IndexIncludingParams} {
		for _, n := range list {
			x := n.GetIndexElem()
			if x == nil || len(x.Opclass)+len(x.Opclassopts) > 0 {
				s.fail("an index on %T, or with an operator class", n.GetNode())
				return
			}
			s.walk(x.Expr.ProtoReflect(), e)
		}
	}
	if i.WhereClause != nil {
		s.walk(i.WhereClause.ProtoReflect(), e)
	}
	s.only(i.ProtoReflect(), "idxname", "relation", "access_method", "index_params", "index_including_params", "where_clause", "unique",
		"nulls_not_distinct", "if_not_exists")
}

func (s *sweeper) analyze(v *pg.VacuumStmt) {
	if v.IsVacuumcmd || len(v.Options) > 0 || len(v.Rels) == 0 {
		s.fail("VACUUM, or ANALYZE of everything")
	}
	for _, n := range v.Rels {
		if r := n.GetVacuumRelation().GetRelation(); r.GetSchemaname() != catalog.TemporarySchema || s.table(r) == nil {
			s.fail("ANALYZE of a table that is not temporary")
			return
		}
	}
}
