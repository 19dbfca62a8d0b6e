package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// explain checks EXPLAIN: the statement inside like any other, and that no option shows numbers which the policy has not opened.
func (s *sweeper) explain(x *pg.ExplainStmt) {
	opened := s.in.bound.Policy.Statements.ExplainAnalyze
	costs := true // what Postgres does without the option
	for _, n := range x.Options {
		d := n.GetDefElem()
		if d == nil || d.Defnamespace != "" {
			s.fail("EXPLAIN with %T", n.GetNode())
			return
		}
		value := strings.ToLower(d.Arg.GetString_().GetSval())
		switch d.Defname {
		case "verbose", "summary", "format":
		case "costs":
			costs = value != "off"
		case "analyze", "buffers", "wal", "timing", "memory", "settings", "generic_plan", "serialize":
			if !opened {
				s.fail("EXPLAIN with %s", d.Defname)
			}
		default:
			s.fail("EXPLAIN with %s", d.Defname)
		}
	}
	if costs && !opened {
		s.fail("EXPLAIN with costs")
	}
	switch x.Query.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
		s.statement(x.Query, sweepEnv{})
	case *pg.Node_CreateTableAsStmt, *pg.Node_DeclareCursorStmt, *pg.Node_ExecuteStmt:
		s.top(x.Query)
	default:
		s.fail("EXPLAIN of %T", x.Query.GetNode())
	}
}
