package rewriter

import (
	"slices"
	"sync/atomic"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// lastIndex is the index of the policy and snapshot in use. A process works with one at a time, but for the moments of a reload.
var lastIndex atomic.Pointer[catalogIndex]

func indexCatalog(bound *policy.Bound) *catalogIndex {
	if x := lastIndex.Load(); x != nil && x.bound == bound {
		return x
	}
	x := &catalogIndex{bound: bound, operators: map[string]bool{}, unary: map[string][]*catalog.Function{}}
	for _, schema := range bound.Catalog.Schemas {
		if schema.Name == "pg_catalog" {
			continue
		}
		for name, overloads := range schema.Operators {
			if !fromTrustedExtension(bound, overloads) {
				x.operators[name] = true
			}
		}
		for name, overloads := range schema.Functions {
			for _, f := range overloads {
				if canTake(f, 1) {
					x.unary[name] = append(x.unary[name], f)
				}
			}
		}
	}
	for oid := range bound.Catalog.ByOID {
		x.hides = x.hides || bound.Table(oid).HiddenColumn() != ""
	}
	lastIndex.Store(x)
	return x
}

// canTake says whether a call with n arguments can mean the function.
func canTake(f *catalog.Function, n int) bool {
	least := len(f.Args) - f.Defaults
	if f.Variadic {
		return n >= least-1
	}
	return n >= least && n <= len(f.Args)
}

// vouched says whether the policy allows the function of the user's.
func (s *sweeper) vouched(f *catalog.Function) bool {
	role := ""
	if s.in.role != nil {
		role = s.in.role.Name
	}
	return f.Kind != 'p' && s.in.bound.Vouched(f.OID, role) != nil
}

// function checks that every function which a call could mean is allowed.
func (s *sweeper) function(names []string, nargs int) {
	if len(names) == 1 {
		s.unqualifiedFunction(names[0], nargs)
		return
	}
	if len(names) != 2 {
		s.fail("function %q is not qualified by its schema alone", names)
		return
	}
	if s.absent(names) {
		return
	}
	if names[0] == "pg_catalog" {
		if ok, reason := builtinDecision(names[1], nargs); !ok {
			s.fail("function %q: %s", names, reason)
		}
		for _, f := range s.in.bound.Catalog.Schemas["pg_catalog"].Functions[names[1]] {
			if f.OID >= 16384 && canTake(f, nargs) {
				s.fail("function %q(%s) is not Postgres's own", names, f.IdentityArgs)
			}
		}
		return
	}
	schema := s.in.bound.Catalog.Schemas[names[0]]
	if schema == nil {
		s.fail("function %q is in no schema of the snapshot", names)
		return
	}
	found := false
	for _, f := range schema.Functions[names[1]] {
		if canTake(f, nargs) {
			found = true
			if !s.vouched(f) {
				s.fail("function %q(%s) is not vouched for", names, f.IdentityArgs)
			}
		}
	}
	if !found {
		s.fail("function %q with %d arguments is not in the snapshot", names, nargs)
	}
}

// attribute checks a name behind a dot that may not be a column. Postgres then calls a function by that name on what stands before the dot
// (manual, "Using Composite Types in Queries"), be it composite or not.
func (s *sweeper) attribute(name string) {
	for _, f := range s.catalog.unary[name] {
		if !s.vouched(f) {
			s.fail("attribute %q can mean a call of %s.%s(%s)", name, f.Schema, f.Name, f.IdentityArgs)
			return
		}
	}
	if len(s.in.bound.Catalog.Schemas["pg_catalog"].Functions[name]) == 0 {
		return // none on this server
	}
	overloads := builtins().functions[name]
	for _, o := range overloads {
		if !o.takes(1) || o.allowed || o.reason == internalReason {
			continue
		}
		s.fail("attribute %q can mean a call of a built-in function: %s", name, o.reason)
		return
	}
}

// internalReason is the table's for functions that no expression can call, for want of an argument.
const internalReason = "takes or returns an internal type"

// systemColumns are those of every table (Postgres manual, "System Columns").
var systemColumns = map[string]bool{"ctid": true, "xmin": true, "xmax": true, "cmin": true, "cmax": true, "tableoid": true}

// absent says whether a function or operator of this name surely does not exist, so that it makes the statement fail.
func (s *sweeper) absent(names []string) bool {
	if len(names) != 2 {
		return false
	}
	cat := s.in.bound.Catalog
	system := cat.Schemas["pg_catalog"]
	switch names[0] {
	case "pg_catalog":
		return names[1] == absentFunction && len(system.Functions[absentFunction]) == 0 ||
			names[1] == absentOperator && len(system.Operators[absentOperator]) == 0
	case absentSchema:
		return cat.Schemas[absentSchema] == nil && (names[1] == absentFunction || names[1] == absentOperator)
	}
	return false
}

// operator checks the name of an operator: built in, and no other of that name that search_path could find first.
func (s *sweeper) operator(names []string, prefix bool) {
	switch {
	case s.absent(names):
		return
	case len(names) == 2 && names[0] == "pg_catalog":
	case len(names) == 1:
		if s.shadowed(names[0]) {
			s.fail("operator %s is not qualified, and a user's has the same name", names[0])
			return
		}
	case len(names) == 2 && s.openedOperator(names[0], names[1], prefix):
		return
	default:
		s.fail("operator %q is not of pg_catalog", names)
		return
	}
	if !operatorAllowed(names[len(names)-1], prefix) {
		if len(names) == 1 && s.openedOperator("", names[0], prefix) {
			return
		}
		s.fail("operator %q is not built in", names)
	}
}

// openedOperator says whether every operator of the name, in one schema or in all, is of an extension that the policy opens.
func (s *sweeper) openedOperator(schema, name string, prefix bool) bool {
	fits := 0
	for _, in := range s.in.bound.Catalog.Schemas {
		if in.Name == "pg_catalog" || schema != "" && schema != in.Name {
			continue
		}
		for _, o := range in.Operators[name] {
			if !slices.Contains(s.in.bound.Policy.Extensions, o.Extension) {
				return false
			}
			if prefix == (o.Left == 0) {
				fits++
			}
		}
	}
	return fits > 0
}

// unqualifiedFunction checks a call without a schema: extensions that the policy opens own every function outside pg_catalog that it could mean.
func (s *sweeper) unqualifiedFunction(name string, nargs int) {
	builtin, extension := false, false
	for _, in := range s.in.bound.Catalog.Schemas {
		for _, f := range in.Functions[name] {
			switch {
			case !canTake(f, nargs):
			case in.Name == "pg_catalog" && f.OID < 16384:
				builtin = true
			case !slices.Contains(s.in.bound.Policy.Extensions, f.Extension) || !s.vouched(f):
				s.fail("function %q without a schema could mean %s.%s(%s)", name, in.Name, name, f.IdentityArgs)
				return
			default:
				extension = true
			}
		}
	}
	if ok, reason := builtinDecision(name, nargs); builtin && !ok {
		s.fail("function %q: %s", name, reason)
	}
	if !extension {
		s.fail("function %q is not qualified by its schema", name)
	}
}

// shadowed says whether an operator's bare name could mean a user's operator. Every schema counts: the search_path can change between the
// plan and its execution, even within one message.
func (s *sweeper) shadowed(name string) bool { return s.catalog.operators[name] }

// implied checks operators that a construct looks up by an unqualified name.
func (s *sweeper) implied(construct string, names ...string) {
	for _, n := range names {
		if s.shadowed(n) {
			s.fail("%s means operator %s, and a user's has the same name", construct, n)
		}
	}
}

// typeAllowed checks a type of the snapshot that is not built in.
func (s *sweeper) typeAllowed(t *catalog.Type, depth int) bool {
	if t == nil || depth > 16 {
		return false
	}
	if t.Schema == "pg_catalog" {
		return builtinTypeAllowed(t.Name)
	}
	of := func(oid uint32) bool { return s.typeAllowed(s.in.bound.Catalog.TypeByOID[oid], depth+1) }
	if t.Element != 0 {
		return of(t.Element)
	}
	switch t.Kind {
	case 'b', 'e', 'r', 'm':
		return true
	case 'd':
		return of(t.Base)
	case 'c':
		table := s.in.bound.Table(t.Relation)
		if table != nil && table.Hidden {
			return false
		}
		return table == nil || table.Relation.Kind == catalog.CompositeType || table.Scope != policy.ScopeDenied
	}
	return false
}
