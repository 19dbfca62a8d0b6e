package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// typeofCast checks the one form in which pg_typeof may stand, with its result made text; false for any other cast.
func (s *sweeper) typeofCast(c *pg.TypeCast, e sweepEnv) bool {
	f, t := c.Arg.GetFuncCall(), c.TypeName
	if f == nil || len(f.Args) != 1 || !slices.Equal(stringsOf(f.Funcname), []string{"pg_catalog", "pg_typeof"}) {
		return false
	}
	if !slices.Equal(stringsOf(t.GetNames()), []string{"pg_catalog", "text"}) || len(t.Typmods)+len(t.ArrayBounds) > 0 || t.Setof || t.PctType {
		return false
	}
	for _, o := range s.in.bound.Catalog.Schemas["pg_catalog"].Functions["pg_typeof"] {
		if o.OID >= 16384 {
			s.fail("pg_typeof is not Postgres's own alone")
		}
	}
	s.fields(f.ProtoReflect(), e, "funcname")
	return true
}
