package policy

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"pgcordon/config/yamlpos"
	"pgcordon/policy/catalog"
)

// LoadFile reads and parses a policy file. The error is a yamlpos.Errors when the file could be read.
func LoadFile(file string) (*Policy, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	return ParsePolicy(file, data)
}

// ParsePolicy reads a policy.yaml; file is its name in errors. The error is a yamlpos.Errors with everything that is wrong.
func ParsePolicy(file string, data []byte) (*Policy, error) {
	var f File
	doc := yamlpos.Decode(file, data, yamlpos.Options{}, &f)
	if err := doc.Err(); err != nil {
		// What could not be decoded stands as a zero value; checking that would blame the wrong thing.
		return nil, err
	}
	b := &builder{doc: doc, policy: &Policy{Column: f.Tenant.Column, Roles: map[string]*Role{}}}
	if f.Tenant.Column == "" {
		doc.Errorf(yamlpos.Path{"tenant", "column"}, "the name of the tenant column is empty")
	}
	b.policy.Type = columnTypes[f.Tenant.Type]
	b.policy.Statements = Statements(f.Statements)
	b.policy.SimpleAsText = f.Simple == "text"
	for i, t := range f.Tables {
		b.table(i, t)
	}
	b.extensions(f.Extensions)
	b.settings(f.Settings)
	b.policy.Functions = b.functions(yamlpos.Path{"functions"}, f.Functions, nil)
	for _, name := range slices.Sorted(maps.Keys(f.Roles)) {
		b.role(name, f.Roles[name])
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return b.policy, nil
}

var columnTypes = map[string]ColumnType{
	"": TypeAny, "any": TypeAny, "text": TypeText, "varchar": TypeVarchar, "uuid": TypeUUID,
	"int4": TypeInt4, "int8": TypeInt8, "numeric": TypeNumeric,
}

var scopes = map[string]Scope{"tenant": ScopeTenant, "mixed": ScopeMixed, "global": ScopeGlobal, "denied": ScopeDenied}

// builder makes a Policy of a File and collects what is wrong.
type builder struct {
	doc    *yamlpos.Document
	policy *Policy
}

func (b *builder) table(i int, t TableEntry) {
	at := func(key string) yamlpos.Path { return yamlpos.Path{"tables", i, key} }
	scope := scopes[t.Scope]
	if !scope.HasTenant() {
		for _, key := range []string{"column", "type", "hide_column"} {
			if b.doc.Has(at(key)) {
				b.doc.Errorf(append(at(key)[:2:2], yamlpos.Key(key)), "%s means nothing for scope %s: only a tenant or mixed table has a tenant column", key, scope)
			}
		}
	} else if t.Column == "" && b.doc.Has(at("column")) {
		b.doc.Errorf(at("column"), "the name of the tenant column is empty")
	}
	var deleted *SoftDeleteRule
	if s := t.SoftDelete; s != nil {
		deleted = &SoftDeleteRule{Column: s.Column, RewriteDelete: s.RewriteDelete}
		switch {
		case scope == ScopeDenied:
			b.doc.Errorf(append(at("soft_delete")[:2:2], yamlpos.Key("soft_delete")), "soft_delete means nothing for scope denied")
		case s.Column == "":
			b.doc.Errorf(append(at("soft_delete"), "column"), "the name of the column is empty")
		}
	}
	pattern, err := ParsePattern(t.Match)
	// A rule in error is kept too, so that positions in Tables are those of the file.
	defer func() {
		b.policy.Tables = append(b.policy.Tables, TableRule{Match: pattern, Scope: scope, Column: t.Column, Type: columnTypes[t.Type],
			HideColumn: t.HideColumn, SoftDelete: deleted})
	}()
	if err != nil {
		b.doc.Errorf(at("match"), "%q: %v", t.Match, err)
		return
	}
	if catalog.IsSystem(pattern.Schema) {
		b.doc.Errorf(at("match"), "%s is Postgres's own schema: no rule opens it", pattern.Schema)
		return
	}
	for j, earlier := range b.policy.Tables {
		switch {
		case earlier.Match == pattern:
			b.doc.Errorf(at("match"), "%q stands here a second time; the first is rule %d, which decides", pattern, j+1)
		case earlier.Match.Covers(pattern):
			b.doc.Errorf(at("match"), "%q is never reached: rule %d (%s) matches all of it; put the narrower rule first", pattern, j+1, earlier.Match)
		default:
			continue
		}
		break
	}
}

// functions reads a list of function rules; inherited are those that hold anyway.
func (b *builder) functions(path yamlpos.Path, entries []FunctionEntry, inherited []FunctionRule) []FunctionRule {
	var out []FunctionRule
	for i, e := range entries {
		at := append(path[:len(path):len(path)], i, "name")
		f, err := ParseFunctionName(e.Name)
		if err != nil {
			b.doc.Errorf(at, "%q: %v", e.Name, err)
			continue
		}
		f.Why = e.Why
		if e.Why == "" {
			b.doc.Errorf(append(path[:len(path):len(path)], i, "why"), "say why the function is safe")
		}
		for _, earlier := range slices.Concat(inherited, out) {
			if earlier.covers(f) {
				b.doc.Errorf(at, "%q is allowed already, by %q", f, earlier)
				break
			}
		}
		out = append(out, f)
	}
	return out
}

func (b *builder) role(name string, e RoleEntry) {
	at := func(steps ...any) yamlpos.Path { return append(yamlpos.Path{"roles", name}, steps...) }
	role := &Role{Name: name, ReadOnly: e.Access == "read_only", WriteGlobal: e.WriteGlobal, DDL: e.DDL, SeesDeleted: e.SeesDeleted}
	if role.ReadOnly && role.DDL {
		b.doc.Errorf(at("ddl"), "a read_only role cannot change the schema")
	}
	if role.ReadOnly && role.WriteGlobal {
		b.doc.Errorf(at("write_global"), "the role is read_only: it cannot write global tables")
	}
	seen := map[string]bool{}
	for i, text := range e.ActFor {
		id, err := NewTenantID(text)
		switch {
		case err != nil:
			b.doc.Errorf(at("act_for", i), "%v", err)
		case seen[text]:
			b.doc.Errorf(at("act_for", i), "the tenant %q stands here a second time", text)
		}
		seen[text] = true
		role.ActFor = append(role.ActFor, id)
	}
	if b.doc.Has(at("act_for")) && len(e.ActFor) == 0 {
		b.doc.Errorf(at("act_for"), "the list is empty: leave the key out for a role of ordinary tenant users")
	}
	role.Functions = b.functions(at("functions"), e.Functions, b.policy.Functions)
	b.policy.Roles[name] = role
}
