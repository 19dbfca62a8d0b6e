package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// sequenceCall checks a call of a function that takes a sequence's or table's name as a text; false when it is another function.
func (s *sweeper) sequenceCall(x *pg.FuncCall) bool {
	names := stringsOf(x.Funcname)
	if len(names) != 2 || names[0] != "pg_catalog" {
		return false
	}
	if !slices.Contains([]string{"nextval", "currval", "lastval", "pg_get_serial_sequence"}, names[1]) {
		return false
	}
	for _, f := range s.in.bound.Catalog.Schemas["pg_catalog"].Functions[names[1]] {
		if f.OID >= 16384 {
			s.fail("%s is not Postgres's own alone", names[1])
		}
	}
	if len(x.AggOrder) > 0 || x.AggFilter != nil || x.Over != nil || x.AggStar || x.AggDistinct || x.FuncVariadic {
		s.fail("%s is called as an aggregate", names[1])
	}
	switch {
	case names[1] == "lastval" && len(x.Args) == 0:
	case names[1] == "pg_get_serial_sequence" && len(x.Args) == 2:
		s.serialSequence(x, false)
	case (names[1] == "nextval" || names[1] == "currval") && len(x.Args) == 1:
		s.sequenceName(x.Args[0], names[1] == "nextval")
	default:
		s.fail("%s with %d arguments", names[1], len(x.Args))
	}
	return true
}

func (s *sweeper) serialSequence(x *pg.FuncCall, used bool) {
	if _, ok := x.Args[1].GetAConst().GetVal().(*pg.A_Const_Sval); !ok {
		s.fail("pg_get_serial_sequence of a column that is no constant")
		return
	}
	s.serialTable(x, used)
}

func (s *sweeper) serialTable(x *pg.FuncCall, used bool) {
	table, ok := x.Args[0].GetAConst().GetVal().(*pg.A_Const_Sval)
	if !ok {
		s.fail("pg_get_serial_sequence of a table that is no constant")
		return
	}
	r := s.quoted(table.Sval.Sval)
	if r == nil {
		s.fail("pg_get_serial_sequence of %q", table.Sval.Sval)
	} else if t := s.in.bound.Table(r.OID); t == nil || t.Scope == policy.ScopeDenied {
		s.fail("pg_get_serial_sequence of %q, which is denied", table.Sval.Sval)
	} else if used && t.Scope == policy.ScopeGlobal && (s.in.role == nil || !s.in.role.WriteGlobal) {
		s.fail("a sequence of %q, which is global", table.Sval.Sval)
	}
}

func (s *sweeper) sequenceName(arg *pg.Node, draws bool) {
	if draws && s.in.role != nil && s.in.role.ReadOnly {
		s.fail("a read-only role draws from a sequence")
	}
	if c := arg.GetFuncCall(); c != nil {
		if names := stringsOf(c.Funcname); len(names) != 2 || names[1] != "pg_get_serial_sequence" || !s.sequenceCall(c) || s.err != nil {
			s.fail("a sequence is named by the call of %q", names)
		} else {
			s.serialSequence(c, true)
		}
		return
	}
	cast := arg.GetTypeCast()
	text, ok := cast.GetArg().GetAConst().GetVal().(*pg.A_Const_Sval)
	t := cast.GetTypeName()
	if !ok || !slices.Equal(stringsOf(t.GetNames()), []string{"pg_catalog", "regclass"}) || len(t.Typmods)+len(t.ArrayBounds) > 0 || t.Setof || t.PctType {
		s.fail("a sequence is not named by a constant")
		return
	}
	r := s.quoted(text.Sval.Sval)
	if r == nil || r.Kind != catalog.Sequence {
		s.fail("%q is no sequence", text.Sval.Sval)
		return
	}
	for _, u := range r.Uses {
		switch table := s.in.bound.Table(u.Table); {
		case table == nil:
		case table.Scope == policy.ScopeGlobal && s.in.role != nil && s.in.role.WriteGlobal:
			return
		case table.Scope != policy.ScopeDenied && table.Scope != policy.ScopeGlobal:
			return
		}
	}
	for _, rule := range s.in.bound.Policy.Tables { // the first one that matches decides
		if rule.Match.Matches(r.Schema, r.Name) {
			if rule.Scope == policy.ScopeGlobal && rule.Match.Schema == r.Schema && rule.Match.Name == r.Name {
				return
			}
			break
		}
	}
	s.fail("sequence %q belongs to no table that is open", text.Sval.Sval)
}

// quoted finds the relation whose name, each part in double quotes, is the text.
func (s *sweeper) quoted(text string) *catalog.Relation {
	for _, schema := range s.in.bound.Catalog.Schemas {
		rest, ok := strings.CutPrefix(text, `"`+strings.ReplaceAll(schema.Name, `"`, `""`)+`".`)
		if !ok {
			continue
		}
		for name, r := range schema.Relations {
			if rest == `"`+strings.ReplaceAll(name, `"`, `""`)+`"` {
				return r
			}
		}
	}
	return nil
}
