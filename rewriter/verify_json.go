package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// json checks a message of a SQL/JSON expression; false for one that is none.
func (s *sweeper) json(m protoreflect.Message, e sweepEnv) bool {
	switch x := m.Interface().(type) {
	case *pg.JsonIsPredicate, *pg.JsonObjectConstructor, *pg.JsonArrayConstructor, *pg.JsonObjectAgg, *pg.JsonArrayAgg, *pg.JsonAggConstructor,
		*pg.JsonKeyValue, *pg.JsonFormat, *pg.JsonOutput:
		s.fields(m, e)
	case *pg.JsonValueExpr:
		if x.FormattedExpr != nil {
			s.fail("JSON value that has been analysed")
		}
		s.fields(m, e)
	case *pg.JsonReturning:
		if x.Typid != 0 {
			s.fail("JSON of a type by number")
		}
		s.fields(m, e)
	case *pg.JsonArrayQueryConstructor:
		q := x.Query.GetSelectStmt()
		if q == nil {
			s.fail("JSON_ARRAY of %T", x.Query.GetNode())
			return true
		}
		s.query(q, e, nil)
		s.fields(m, e, "query")
	default:
		return false
	}
	return true
}
