package advisor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// uncoveredRelations finds what no rule names. A partition is reached through its table, so it is only mentioned.
func uncoveredRelations(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if t.Rule != "" {
			continue
		}
		f := Finding{Warning, "relation-not-covered", name(t.Relation),
			fmt.Sprintf("no rule names this %s, so it is denied", KindName(t.Relation)),
			"add a rule for it; scope denied says that this is meant"}
		if t.Relation.IsPartition {
			f.Severity = Info
		}
		out = append(out, f)
	}
	return out
}

// uncoveredFunctions finds the user's functions that nobody may call; those of an extension are counted together.
func uncoveredFunctions(b *policy.Bound) []Finding {
	vouched := func(fn *catalog.Function) bool {
		if b.Vouched(fn.OID, "") != nil {
			return true
		}
		for role := range b.Policy.Roles {
			if b.Vouched(fn.OID, role) != nil {
				return true
			}
		}
		return false
	}
	var out []Finding
	extensions := map[string]int{}
	for _, fn := range UserFunctions(b.Catalog) {
		switch {
		case vouched(fn):
		case fn.Extension != "":
			extensions[fn.Extension]++
		default:
			out = append(out, Finding{Info, "function-not-covered", FunctionName(fn),
				"the policy does not vouch for this function, so calls of it are refused",
				"name it under functions with the reason why it cannot reach another tenant's rows, if that is so"})
		}
	}
	for _, extension := range slices.Sorted(maps.Keys(extensions)) {
		out = append(out, uncoveredExtension(b, extension, extensions[extension]))
	}
	return out
}

// uncoveredExtension speaks of the functions of an extension that nobody may call.
func uncoveredExtension(b *policy.Bound, extension string, count int) Finding {
	f := Finding{Info, "extension-not-covered", extension,
		fmt.Sprintf("the policy does not vouch for %d functions of this extension, so calls of them are refused", count), ""}
	switch {
	case b.Extension(extension):
		f.Message = fmt.Sprintf("%d functions of this extension stay refused: those that could reach other tenants or keep state, internal ones, "+
			"and those that pgcordon does not know", count)
		f.Advice = "name under functions those that tenants need, if they are safe"
	case slices.Contains(policy.Extensions(), extension):
		f.Advice = "add it to extensions, which opens what is safe in it"
	default:
		f.Advice = "name under functions those that tenants need"
	}
	return f
}

// UserFunctions returns the functions of user schemas that SQL can call, sorted by name. Trigger functions are not among them.
func UserFunctions(s *catalog.Snapshot) []*catalog.Function {
	const triggerType, eventTriggerType = 2279, 3838
	var out []*catalog.Function
	for _, schema := range s.Schemas {
		if catalog.IsSystem(schema.Name) {
			continue
		}
		for _, overloads := range schema.Functions {
			for _, fn := range overloads {
				if fn.Return != triggerType && fn.Return != eventTriggerType {
					out = append(out, fn)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b *catalog.Function) int {
		return cmp.Or(strings.Compare(FunctionName(a), FunctionName(b)), cmp.Compare(a.OID, b.OID))
	})
	return out
}

// FunctionName is schema.name(arguments).
func FunctionName(fn *catalog.Function) string {
	return fn.Schema + "." + fn.Name + "(" + fn.IdentityArgs + ")"
}

// VouchedFunction is a function that the policy allows, by which rule, and to whom.
type VouchedFunction struct {
	Function *catalog.Function
	Rule     *policy.FunctionRule
	Role     string // empty: to every tenant
}

// Vouched returns the functions that the policy allows, those of every tenant first.
func Vouched(b *policy.Bound) []VouchedFunction {
	var out []VouchedFunction
	functions := UserFunctions(b.Catalog)
	for _, fn := range functions {
		if rule := b.Vouched(fn.OID, ""); rule != nil {
			out = append(out, VouchedFunction{fn, rule, ""})
		}
	}
	for _, role := range sortedRoles(b.Policy) {
		for _, fn := range functions {
			if rule := b.Vouched(fn.OID, role.Name); rule != nil && b.Vouched(fn.OID, "") == nil {
				out = append(out, VouchedFunction{fn, rule, role.Name})
			}
		}
	}
	return out
}
