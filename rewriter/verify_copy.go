package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// copy checks COPY: between the client and a query, or into a table of which only the tenant's rows are let in.
func (s *sweeper) copy(c *pg.CopyStmt) {
	if c.IsProgram || c.Filename != "" {
		s.fail("COPY of a file or program")
		return
	}
	s.copyOptions(c)
	switch {
	case c.IsFrom && c.Query == nil && c.Relation != nil:
		s.copyFrom(c)
	case !c.IsFrom && c.Relation == nil && c.Query != nil:
		if len(c.Attlist) > 0 || c.WhereClause != nil {
			s.fail("COPY of a query with columns or a condition")
		}
		switch c.Query.GetNode().(type) {
		case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt:
			s.statement(c.Query, sweepEnv{})
		default:
			s.fail("COPY of %T", c.Query.GetNode())
		}
	default:
		s.fail("COPY of an unknown kind")
	}
}

func (s *sweeper) copyFrom(c *pg.CopyStmt) {
	table := s.target(c.Relation)
	if table == nil {
		return
	}
	if c.Relation.Alias != nil || len(c.Attlist) == 0 && table.Scope != policy.ScopeTemporary {
		s.fail("COPY FROM with an alias or without columns")
	}
	times := 0
	for _, n := range c.Attlist {
		if n.GetString_() == nil {
			s.fail("column list of COPY holds %T", n.GetNode())
			return
		}
		if table.Scope.HasTenant() && n.GetString_().Sval == table.Column {
			times++
		}
	}
	ref := refName(c.Relation, table)
	in := sweepEnv{names: &sweepScope{}}
	s.addName(in, ref)
	var tables []openTable
	if table.Scope != policy.ScopeGlobal && table.Scope != policy.ScopeTemporary {
		if times != 1 {
			s.fail("tenant column %s stands %d times in the list of COPY", table.Column, times)
		}
		tables = []openTable{{fromName: ref, table: table, target: true, live: true}}
	}
	s.confineInOrder(c.WhereClause, in, tables, "the WHERE of COPY")
	s.fields(c.ProtoReflect(), in, "relation", "attlist", "options", "where_clause")
}

// copyOptions checks that no option changes what the rows mean to the proxy, or who sees them.
func (s *sweeper) copyOptions(c *pg.CopyStmt) {
	for _, n := range c.Options {
		d := n.GetDefElem()
		if d == nil || d.Defnamespace != "" {
			s.fail("COPY with %T", n.GetNode())
			return
		}
		switch d.Defname {
		case "format", "delimiter", "null", "default", "header", "quote", "escape", "force_quote", "on_error", "log_verbosity", "reject_limit":
		case "force_null", "force_not_null":
			if d.Arg.GetList() == nil && c.IsFrom && s.copiesTenant(c) {
				s.fail("COPY with %s for all columns", d.Defname)
			}
		case "freeze":
			if v := strings.ToLower(d.Arg.GetString_().GetSval()); v != "false" && v != "off" && (d.Arg.GetInteger() == nil || d.Arg.GetInteger().Ival != 0) {
				s.fail("COPY with FREEZE")
			}
		case "encoding":
			if e := d.Arg.GetString_().GetSval(); !namesUTF8(e) {
				s.fail("COPY in the encoding %s", e)
			}
		default:
			s.fail("COPY with %s", d.Defname)
		}
	}
}

func (s *sweeper) copiesTenant(c *pg.CopyStmt) bool {
	t := s.target(c.Relation)
	return t != nil && t.Scope.HasTenant()
}
