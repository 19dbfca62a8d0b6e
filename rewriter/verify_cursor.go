package rewriter

import (
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// declareCursor checks DECLARE: its query is confined, and its name not one of the proxy's.
func (s *sweeper) declareCursor(x *pg.DeclareCursorStmt) {
	s.cursor(x.Portalname)
	if x.Options&^0x13f != 0 { // the options that SQL can write
		s.fail("cursor with options %#x", x.Options)
	}
	q := x.Query.GetSelectStmt()
	if q == nil {
		s.fail("cursor for %T", x.Query.GetNode())
		return
	}
	s.query(q, sweepEnv{}, nil)
}

func (s *sweeper) cursor(name string) {
	if strings.HasPrefix(name, "pgcordon:") {
		s.fail("cursor %q", name)
	}
}

// positioned accepts a WHERE that is CURRENT OF and nothing else, of a tenant table that is alone in its statement: the row is one that the
// scan of the same table in a query of this session has let pass, and such scans let pass the tenant's rows alone, but for those of functions.
func (s *sweeper) positioned(where *pg.Node, table *policy.BoundTable, others []*pg.Node) bool {
	x := where.GetCurrentOfExpr()
	if x == nil {
		return false
	}
	if table.Scope != policy.ScopeTenant && table.Scope != policy.ScopeTemporary || table.SoftDelete != nil || len(others) > 0 || x.CursorName == "" || x.CursorParam != 0 || strings.HasPrefix(x.CursorName, "<") {
		s.fail("WHERE CURRENT OF %q", x.CursorName)
	}
	s.cursor(x.CursorName)
	if table.Scope == policy.ScopeTenant {
		s.noForeignScans()
	}
	return true
}

// cursorWords are in the source of a function that leaves a cursor open.
var cursorWords = map[string]*regexp.Regexp{"sql": regexp.MustCompile(`(?i)cursor`), "plpgsql": regexp.MustCompile(`(?i)cursor|\bopen\b`)}

// noForeignScans fails when a cursor may hold the scan of a function in SQL, which Postgres has made a part of the cursor's query, or be a function's own.
func (s *sweeper) noForeignScans() {
	for name, schema := range s.in.bound.Catalog.Schemas {
		if name == "pg_catalog" || name == "information_schema" {
			continue
		}
		for _, overloads := range schema.Functions {
			for _, f := range overloads {
				words := cursorWords[f.Language]
				switch {
				case slices.Contains(s.in.bound.Policy.Extensions, f.Extension) && policy.ExtensionRefusal(f.Extension, f.Name) == "":
				case f.Language == "c" || f.Language == "internal" || f.Extension != "" && !s.vouched(f):
				case words == nil || words.MatchString(f.Source) || f.Language == "sql" && f.ReturnsSet && s.vouched(f):
					s.fail("WHERE CURRENT OF beside function %s.%s(%s)", f.Schema, f.Name, f.IdentityArgs)
					return
				}
			}
		}
	}
}
