package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// current_setting and set_config are SHOW and SET written as functions. What those refuse, these do.

// top rewrites a statement that stands for itself, not inside PREPARE or EXPLAIN.
func (p *pass) top(n *pg.Node) Statement {
	if q := n.GetSelectStmt(); q != nil {
		if change := p.setConfig(q); change != nil {
			return Statement{Kind: KindSet, Setting: change, Returns: true}
		}
	}
	return p.statement(n)
}

// setConfig reads `SELECT set_config('name', 'value', is_local)`, alone in its statement, as the SET that it is. pg_dump also asks
//
//	SELECT set_config(name, 'value', false) FROM pg_settings WHERE name = 'setting'
//
// for a setting that only some servers have: of one that clients may not change, it gets no row.
func (p *pass) setConfig(s *pg.SelectStmt) *SettingChange {
	if len(s.TargetList) != 1 {
		return nil
	}
	f := s.TargetList[0].GetResTarget().GetVal().GetFuncCall()
	if f == nil || len(f.Args) != 3 || !p.isCatalogFunction(f, "set_config") {
		return nil
	}
	alone := &pg.SelectStmt{TargetList: s.TargetList, LimitOption: s.LimitOption, Op: s.Op, FromClause: s.FromClause, WhereClause: s.WhereClause}
	if !equalTrees(alone.ProtoReflect(), s.ProtoReflect()) {
		return nil
	}
	if p.unknownSetting(s, f) {
		return nil
	}
	local, isBool := f.Args[2].GetAConst().GetVal().(*pg.A_Const_Boolval)
	if len(s.FromClause) > 0 || s.WhereClause != nil || !isBool {
		return nil
	}
	v := &pg.VariableSetStmt{Kind: pg.VariableSetKind_VAR_SET_VALUE, IsLocal: local.Boolval.Boolval}
	name, value := f.Args[0].GetAConst().GetSval(), f.Args[1].GetAConst().GetSval()
	if name == nil || value == nil {
		return nil
	}
	v.Name = strings.ToLower(name.Sval)
	values := []string{value.Sval}
	if v.Name == "search_path" {
		var ok bool
		if values, ok = SplitPath(value.Sval); !ok {
			return nil
		}
	}
	for _, text := range values {
		v.Args = append(v.Args, constant(text))
	}
	change := p.set(v)
	f.Funcname = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("set_config")}
	return change
}

func (p *pass) isCatalogFunction(f *pg.FuncCall, name string) bool {
	n := len(f.Funcname)
	return n > 0 && n <= 2 && f.Funcname[n-1].GetString_().GetSval() == name && (n == 1 || f.Funcname[0].GetString_().GetSval() == "pg_catalog")
}

// unknownSetting replaces set_config by NULL where its argument is a row of pg_settings that clients do not see.
func (p *pass) unknownSetting(s *pg.SelectStmt, f *pg.FuncCall) bool {
	test := s.WhereClause.GetAExpr()
	if len(s.FromClause) != 1 || test == nil || test.Kind != pg.A_Expr_Kind_AEXPR_OP || test.Name[0].GetString_().GetSval() != "=" ||
		f.Args[0].GetColumnRef() == nil || !equalTrees(f.Args[0].ProtoReflect(), test.Lexpr.ProtoReflect()) {
		return false
	}
	rv := s.FromClause[0].GetRangeVar()
	name := test.Rexpr.GetAConst().GetSval()
	if rv.GetRelname() != "pg_settings" || name == nil || settable[strings.ToLower(name.Sval)] != nil || readable[strings.ToLower(name.Sval)] {
		return false
	}
	null := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}
	s.TargetList[0].GetResTarget().Val = typeCast(null, "text")
	if s.TargetList[0].GetResTarget().Name == "" {
		s.TargetList[0].GetResTarget().Name = "set_config"
	}
	return true
}
