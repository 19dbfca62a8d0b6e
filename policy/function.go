package policy

import (
	"fmt"
	"slices"
	"strings"

	"pgcordon/policy/catalog"
)

// ParseFunctionName reads schema.name or schema.name(type, ...) into a rule without its reason.
func ParseFunctionName(s string) (FunctionRule, error) {
	name, args, hasArgs := s, "", false
	if i := unquotedParen(s); i >= 0 {
		if !strings.HasSuffix(s, ")") {
			return FunctionRule{}, fmt.Errorf("the list of argument types is not closed")
		}
		name, args, hasArgs = strings.TrimSpace(s[:i]), s[i+1:len(s)-1], true
	}
	parts, err := splitName(name)
	if err != nil {
		return FunctionRule{}, err
	}
	if len(parts) != 2 {
		return FunctionRule{}, fmt.Errorf("expected schema.name or schema.name(type, ...)")
	}
	f := FunctionRule{Schema: parts[0], Name: parts[1]}
	if strings.Contains(f.Schema+f.Name, "*") {
		return FunctionRule{}, fmt.Errorf("a function is named in full: a star would vouch for functions nobody has looked at")
	}
	if catalog.IsSystem(f.Schema) {
		return FunctionRule{}, fmt.Errorf("the functions of %s are not the policy's to allow", f.Schema)
	}
	if !hasArgs {
		return f, nil
	}
	f.Args = []string{}
	if strings.TrimSpace(args) == "" {
		return f, nil
	}
	for arg := range strings.SplitSeq(args, ",") {
		arg = strings.Join(strings.Fields(arg), " ")
		if arg == "" {
			return FunctionRule{}, fmt.Errorf("an argument type is empty")
		}
		f.Args = append(f.Args, arg)
	}
	return f, nil
}

// unquotedParen returns where the first opening parenthesis outside double quotes is, or -1.
func unquotedParen(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '(' && !quoted:
			return i
		}
	}
	return -1
}

// String returns the rule's name as ParseFunctionName reads it.
func (f FunctionRule) String() string {
	name := quoteName(f.Schema) + "." + quoteName(f.Name)
	if f.Args == nil {
		return name
	}
	return name + "(" + strings.Join(f.Args, ", ") + ")"
}

// covers reports whether f vouches for everything that g does.
func (f FunctionRule) covers(g FunctionRule) bool {
	return f.Schema == g.Schema && f.Name == g.Name && (f.Args == nil || (g.Args != nil && slices.Equal(f.Args, g.Args)))
}

// Vouched returns the rule that allows a function of the user's to a session of the role (empty for none), or nil.
// Functions of Postgres's own are not decided here.
func (b *Bound) Vouched(oid uint32, role string) *FunctionRule {
	if rule := b.functions[oid]; rule != nil {
		return rule
	}
	return b.roleFunctions[role][oid]
}

// FunctionsOf returns the functions of the snapshot that a rule means, in order of their oids.
func FunctionsOf(f FunctionRule, s *catalog.Snapshot) []*catalog.Function {
	schema := s.Schemas[f.Schema]
	if schema == nil || catalog.IsSystem(f.Schema) {
		return nil
	}
	if f.Args == nil {
		return schema.Functions[f.Name]
	}
	want := make([]uint32, len(f.Args))
	for i, name := range f.Args {
		if want[i] = typeByName(name, s); want[i] == 0 {
			return nil
		}
	}
	for _, fn := range schema.Functions[f.Name] {
		if slices.Equal(fn.Args, want) {
			return []*catalog.Function{fn}
		}
	}
	return nil
}

func bindFunctions(rules []FunctionRule, s *catalog.Snapshot) map[uint32]*FunctionRule {
	out := map[uint32]*FunctionRule{}
	for i := range rules {
		for _, fn := range FunctionsOf(rules[i], s) {
			if out[fn.OID] == nil {
				out[fn.OID] = &rules[i]
			}
		}
	}
	return out
}

// sqlTypeNames are the SQL names of types that pg_type has under another name (Postgres manual, "Data Types", table 8.1).
var sqlTypeNames = map[string]string{
	"bigint": "int8", "integer": "int4", "int": "int4", "smallint": "int2", "boolean": "bool",
	"character varying": "varchar", "character": "bpchar", "char": "bpchar", "double precision": "float8", "real": "float4",
	"decimal": "numeric", "bit varying": "varbit",
	"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
	"time without time zone": "time", "time with time zone": "timetz",
}

// typeByName resolves a type's name as a DBA writes it: an SQL name, a pg_type name, schema.name, with [] for an array.
// It returns 0 for a name that the snapshot does not know.
func typeByName(name string, s *catalog.Snapshot) uint32 {
	base, array := strings.CutSuffix(name, "[]")
	if short, ok := sqlTypeNames[strings.ToLower(base)]; ok {
		base = "pg_catalog." + short
	}
	parts, err := splitName(base)
	if err != nil {
		return 0
	}
	var found *catalog.Type
	switch len(parts) {
	case 1:
		for _, schema := range append([]string{"pg_catalog"}, s.SearchPath...) {
			if found == nil && s.Schemas[schema] != nil {
				found = s.Schemas[schema].Types[parts[0]]
			}
		}
	case 2:
		if schema := s.Schemas[parts[0]]; schema != nil {
			found = schema.Types[parts[1]]
		}
	}
	switch {
	case found == nil:
		return 0
	case array:
		return found.Array
	}
	return found.OID
}
