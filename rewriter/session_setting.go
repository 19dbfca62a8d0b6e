package rewriter

import (
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// custom tells whether the policy lets clients set and read a setting of their own, as app.user_id.
func (p *pass) custom(name string) bool {
	return slices.Contains(p.bound.Policy.Settings, name)
}

// settingCheck is the check of a setting that clients may change; nil for others.
func (p *pass) settingCheck(name string) func([]string) string {
	if p.custom(name) {
		return anyValue
	}
	return settable[name]
}

// settingName is the constant that names a setting in a call; false when the statement was denied.
func (p *pass) settingName(n *pg.Node, verb string) (string, bool) {
	for n.GetTypeCast() != nil && tenantCast(n.GetTypeCast().TypeName) {
		n = n.GetTypeCast().Arg
	}
	c := n.GetAConst().GetSval()
	if c == nil {
		p.deny(statePrivilege, ruleSetting, "the name of a parameter that is "+verb+" must be a constant", "")
		return "", false
	}
	return strings.ToLower(c.Sval), true
}

// currentSetting allows current_setting for what SHOW shows. Where a parameter names the setting, the server looks whether it is one of those:
//
//	current_setting(CASE WHEN lower($1::text) = ANY (ARRAY['application_name', ...]) THEN $1 END)
//
// which is NULL for another.
func (p *pass) currentSetting(f *pg.FuncCall) {
	name := f.Args[0]
	for name.GetTypeCast() != nil && tenantCast(name.GetTypeCast().TypeName) {
		name = name.GetTypeCast().Arg
	}
	if name.GetParamRef() != nil && !omitted("settings that a parameter names") {
		list := &pg.A_ArrayExpr{}
		for _, s := range p.settingsShown() {
			list.Elements = append(list.Elements, text(s))
		}
		listed := &pg.A_Expr{Kind: pg.A_Expr_Kind_AEXPR_OP_ANY, Name: p.equals(), Lexpr: call("lower", typeCast(again(f.Args[0]), "text")),
			Rexpr: &pg.Node{Node: &pg.Node_AArrayExpr{AArrayExpr: list}}}
		f.Args[0] = &pg.Node{Node: &pg.Node_CaseExpr{CaseExpr: &pg.CaseExpr{Args: []*pg.Node{{Node: &pg.Node_CaseWhen{CaseWhen: &pg.CaseWhen{
			Expr: &pg.Node{Node: &pg.Node_AExpr{AExpr: listed}}, Result: f.Args[0]}}}}}}}
		return
	}
	p.constantSetting(f)
}

// settingsShown are the names of all settings that the client may read.
func (p *pass) settingsShown() []string {
	names := slices.Concat(slices.Collect(maps.Keys(settable)), slices.Collect(maps.Keys(readable)), p.bound.Policy.Settings)
	slices.Sort(names)
	return slices.Compact(names)
}

func (p *pass) constantSetting(f *pg.FuncCall) {
	name, ok := p.settingName(f.Args[0], "read")
	if ok && p.settingCheck(name) == nil && !readable[name] {
		p.denySetting(name, "shown")
	}
}

// setConfigCall allows set_config for what SET sets. A value that is no constant is allowed where every value is, for settings that
// the session need not know.
func (p *pass) setConfigCall(f *pg.FuncCall) {
	name, ok := p.settingName(f.Args[0], "changed")
	if !ok {
		return
	}
	check := p.settingCheck(name)
	if check == nil {
		p.denySetting(name, "changed")
		return
	}
	var path []string
	tracked := name == "search_path" || name == "statement_timeout"
	value, constant := settingText(f.Args[1].GetAConst())
	switch {
	case !constant && !freeSettings[name] && !p.custom(name):
		p.deny(statePrivilege, ruleSettingValue, "the value of "+name+" must be a constant", "")
	case tracked && (p.preparing || p.inView > 0):
		p.deny(stateFeature, ruleSetting, name+" cannot be changed inside PREPARE or a view", "Use SET.")
	case constant:
		values := []string{value}
		if name == "search_path" && value != "" {
			if values, ok = SplitPath(value); !ok {
				p.deny("22023", ruleSettingValue, `invalid value for parameter "search_path": "`+value+`"`, "")
			}
		}
		if name == "search_path" {
			path = append([]string{}, values...)
		}
		if reason := check(values); reason != "" && (name != "search_path" || value != "") {
			p.deny(statePrivilege, ruleSettingValue, "this value is refused for parameter \""+name+"\"", reason)
		}
	}
	if tracked {
		p.setting = &SettingChange{Name: name, Value: value, Path: path}
	}
}

// freeSettings may have any value, and nothing depends on it here.
var freeSettings = map[string]bool{
	"application_name": true, "bytea_output": true, "datestyle": true, "default_text_search_config": true,
	"default_transaction_deferrable": true, "default_transaction_isolation": true, "default_transaction_read_only": true,
	"extra_float_digits": true, "intervalstyle": true, "lock_timeout": true, "timezone": true, "xmloption": true,
}

// withSetting adds to a statement what its calls change, and lets the rest of the text be resolved by a search_path that it sets.
func (p *pass) withSetting(st Statement) Statement {
	if st.Setting == nil {
		st.Setting = p.setting
	}
	p.setting = nil
	if c := st.Setting; c != nil && c.Name == "search_path" && c.Path != nil {
		p.path = nil
		for _, schema := range c.Path {
			if p.cat.Schemas[schema] != nil && schema != "pg_catalog" {
				p.path = append(p.path, schema)
			}
		}
	}
	return st
}
