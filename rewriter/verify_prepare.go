package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// prepare checks PREPARE: the statement in it is confined, with the tenant in the text, and its name is not one that a Parse can give.
func (s *sweeper) prepare(x *pg.PrepareStmt) {
	s.preparedName(x.Name)
	if !s.in.spliced {
		s.fail("PREPARE in a text whose tenant is a parameter")
	}
	for _, n := range x.Argtypes {
		if names := stringsOf(n.GetTypeName().GetNames()); slices.Equal(names, []string{"unknown"}) || slices.Equal(names, []string{"pg_catalog", "unknown"}) {
			continue // it stands for none
		}
		s.typeName(n.GetTypeName())
	}
	s.ownParams = true
	s.statement(x.Query, sweepEnv{})
	s.ownParams = false
}

// execute checks EXECUTE: a name of PREPARE's, and arguments without parameters and tenants.
func (s *sweeper) execute(x *pg.ExecuteStmt) {
	s.preparedName(x.Name)
	for _, n := range x.Params {
		if n.GetParamRef() != nil {
			s.fail("EXECUTE with a parameter")
		}
		s.walk(n.ProtoReflect(), sweepEnv{})
	}
}

func (s *sweeper) preparedName(name string) {
	if len(name) > 63 || !strings.HasPrefix(name, "pgcordon:sql:") && !strings.HasPrefix(name, "pgcordon:sql#") {
		s.fail("prepared statement %q", name)
	}
}
