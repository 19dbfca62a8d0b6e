package rewriter

import (
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

// currentSetting allows current_setting for what SHOW shows.
func (p *pass) currentSetting(f *pg.FuncCall) {
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
