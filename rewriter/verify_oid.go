package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
)

// numberOf checks a number that is given to a function: it is looked up, or read from a system relation.
func (s *sweeper) numberOf(n *pg.Node, of string, e sweepEnv) {
	if v := n.GetAConst().GetIval(); n.GetAConst() != nil && v != nil && v.Ival == 0 {
		return
	}
	if s.readNumber(n.GetColumnRef(), e) {
		s.walk(n.ProtoReflect(), e)
		return
	}
	s.guardedOID(n, of, "oid", e)
}

// numberOrNameOf checks an argument that can be a name too.
func (s *sweeper) numberOrNameOf(n *pg.Node, of string, e sweepEnv) {
	if c := n.GetAConst(); c != nil && (c.GetIsnull() || c.GetSval() != nil) {
		return
	}
	if c := n.GetTypeCast(); c != nil && slices.Equal(stringsOf(c.TypeName.GetNames()), []string{"pg_catalog", "text"}) && len(c.TypeName.ArrayBounds) == 0 {
		s.walk(n.ProtoReflect(), e)
		return
	}
	s.numberOf(n, of, e)
}

// readNumber tells whether a column holds numbers of a system relation whose name it follows, or beside which nothing else stands.
func (s *sweeper) readNumber(c *pg.ColumnRef, e sweepEnv) bool {
	names := stringsOf(c.GetFields())
	var from *fromName
	switch len(names) {
	case 1:
		if e.names != nil {
			for i := range e.names.names {
				n := &e.names.names[i]
				if n.system == nil || from != nil && n.system.Column(names[0]) != nil && from.system.Column(names[0]) != nil {
					return false
				}
				if from == nil || n.system.Column(names[0]) != nil {
					from = n
				}
			}
		}
	case 2:
		from = s.fromNamed("", names[0], e)
	case 3:
		from = s.fromNamed(names[0], names[1], e)
	}
	if from == nil || from.system == nil || len(names) != len(c.GetFields()) {
		return false
	}
	column := from.system.Column(names[len(names)-1])
	return column != nil && column.TypeOID == 26 // oid
}

// fromNamed is the innermost item of a name.
func (s *sweeper) fromNamed(schema, name string, e sweepEnv) *fromName {
	for sc := e.names; sc != nil; sc = sc.parent {
		for i := range sc.names {
			if n := &sc.names[i]; n.name == name && (schema == "" || n.schema == schema) {
				return n
			}
		}
	}
	return nil
}

// systemBelow is the system relation that a sub-select shows, with its columns by their own names; nil where it is another one.
func (s *sweeper) systemBelow(r *pg.RangeSubselect) *catalog.Relation {
	q := r.GetSubquery().GetSelectStmt()
	if q == nil || len(q.FromClause) != 1 || len(r.Alias.GetColnames()) > 0 || q.Op != pg.SetOperation_SETOP_NONE {
		return nil
	}
	v := q.FromClause[0].GetRangeVar()
	if v == nil || !catalog.IsSystem(v.Schemaname) || v.GetAlias().GetAliasname() != "t" || s.in.bound.Catalog.Schemas[v.Schemaname] == nil {
		return nil
	}
	return s.in.bound.Catalog.Schemas[v.Schemaname].Relations[v.Relname]
}
