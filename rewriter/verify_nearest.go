package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// An index can order rows by operators like <->, and then runs them on rows that no condition has been asked about. Below a LEAST of one value it
// does not.

// least checks LEAST and GREATEST.
func (s *sweeper) least(x *pg.MinMaxExpr, e sweepEnv) {
	if op := x.Args; len(op) == 1 && op[0].GetAExpr() != nil {
		s.operatorExpr(op[0].GetAExpr())
		s.fields(op[0].GetAExpr().ProtoReflect(), e, "name") // the operation itself is no index's order here
		s.fields(x.ProtoReflect(), e, "args")
		return
	}
	s.fields(x.ProtoReflect(), e)
}

// operation checks an operator and its operands.
func (s *sweeper) operation(x *pg.A_Expr, e sweepEnv) {
	s.nearest(x, e)
	s.operatorExpr(x)
	s.fields(x.ProtoReflect(), e, "name")
}

// nearest fails when an index could order by the operator, over a column of a table that is confined and of a type on which it can fail.
func (s *sweeper) nearest(x *pg.A_Expr, e sweepEnv) {
	names := stringsOf(x.Name)
	if x.Kind != pg.A_Expr_Kind_AEXPR_OP || x.Lexpr == nil || len(names) == 0 {
		return
	}
	switch op := names[len(names)-1]; {
	case strings.Contains(op, "<->"), strings.Contains(op, "#>") && strings.HasPrefix(op, "<"), op == "<=>", op == "~>", op == "|=|":
	default:
		return
	}
	types := s.columnTypes(x.Lexpr, e)
	types = append(types, s.columnTypes(x.Rexpr, e)...)
	for _, oid := range types {
		if t := s.in.bound.Catalog.TypeByOID[oid]; t != nil && (t.Category == 'G' || t.Extension == "postgis" || t.Extension == "cube") {
			s.fail("an index could order by %s over %s", names[len(names)-1], t.Name)
		}
	}
}

// columnTypes are the types of the columns of confined tables that an operand names, as far as they are plain to see.
func (s *sweeper) columnTypes(n *pg.Node, e sweepEnv) []uint32 {
	var out []uint32
	s.eachColumn(n.ProtoReflect(), func(c *pg.ColumnRef) {
		names := stringsOf(c.Fields)
		if len(names) == 0 {
			return
		}
		column := names[len(names)-1]
		for sc := e.names; sc != nil; sc = sc.parent {
			for _, from := range sc.names {
				if from.table == nil || len(names) > 1 && from.name != names[len(names)-2] || s.open(openTable{fromName: from, table: from.table}) == nil {
					continue
				}
				if col := from.table.Relation.Column(column); col != nil {
					out = append(out, col.TypeOID)
				}
			}
		}
	})
	return out
}

// eachColumn visits the column references in a message, but for those in sub-selects.
func (s *sweeper) eachColumn(m protoreflect.Message, visit func(*pg.ColumnRef)) {
	if !m.IsValid() {
		return
	}
	switch x := m.Interface().(type) {
	case *pg.ColumnRef:
		visit(x)
		return
	case *pg.SelectStmt:
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				s.eachColumn(v.List().Get(i).Message(), visit)
			}
		default:
			s.eachColumn(v.Message(), visit)
		}
		return true
	})
}
