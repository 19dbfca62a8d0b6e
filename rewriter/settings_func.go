package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// current_setting and set_config are SHOW and SET written as functions. What those refuse, these do.

// top rewrites a statement that stands for itself, not inside PREPARE or EXPLAIN.
func (p *pass) top(n *pg.Node) Statement {
	if q := n.GetSelectStmt(); q != nil {
		p.fromSettings(q)
		if change := p.setConfig(q); change != nil {
			return Statement{Kind: KindSet, Setting: change, Returns: true}
		}
	}
	return p.statement(n)
}

// fromSettings lets a set_config, alone in the list, read the view pg_settings instead of the function below it: pgAdmin asks
//
//	SELECT set_config('setting', 'value', false) FROM pg_show_all_settings() WHERE name = 'setting'
func (p *pass) fromSettings(s *pg.SelectStmt) {
	if len(s.FromClause) != 1 || len(s.TargetList) != 1 || !p.isCatalogFunction(s.TargetList[0].GetResTarget().GetVal().GetFuncCall(), "set_config") {
		return
	}
	r := s.FromClause[0].GetRangeFunction()
	if len(r.GetFunctions()) != 1 || r.Ordinality || len(r.Coldeflist) > 0 {
		return
	}
	call := r.Functions[0].GetList().GetItems()
	f := call[0].GetFuncCall()
	if len(call) > 1 && call[1].GetNode() != nil || len(f.GetArgs()) > 0 || !p.isCatalogFunction(f, "pg_show_all_settings") {
		return
	}
	alias := r.Alias
	if alias == nil {
		alias = &pg.Alias{Aliasname: "pg_show_all_settings"}
	}
	s.FromClause[0].Node = &pg.Node_RangeVar{RangeVar: &pg.RangeVar{Schemaname: "pg_catalog", Relname: "pg_settings",
		Inh: true, Relpersistence: "p", Alias: alias, Location: f.Location}}
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
	n := len(f.GetFuncname())
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
