package advisor

import (
	"fmt"

	"pgcordon/policy"
)

// unusedRules finds rules that decide on nothing: the relation or function has gone, or its name is misspelt.
func unusedRules(b *policy.Bound) []Finding {
	used := make([]bool, len(b.Policy.Tables))
	for _, r := range b.Catalog.ByOID {
		if i := b.Policy.RuleFor(r.Schema, r.Name); i >= 0 {
			used[i] = true
		}
	}
	var out []Finding
	for i, rule := range b.Policy.Tables {
		if !used[i] {
			out = append(out, Finding{Warning, "rule-unused", rule.Match.String(),
				fmt.Sprintf("rule %d decides on no relation of the database", i+1), "correct its pattern or take it out"})
		}
	}
	return append(append(out, unusedFunctionRules(b)...), unusedExtensions(b)...)
}

// unusedExtensions finds extensions that the policy opens and the database does not have.
func unusedExtensions(b *policy.Bound) []Finding {
	installed := map[string]bool{}
	for _, schema := range b.Catalog.Schemas {
		for _, overloads := range schema.Functions {
			for _, fn := range overloads {
				installed[fn.Extension] = true
			}
		}
	}
	var out []Finding
	for _, name := range b.Policy.Extensions {
		if !installed[name] {
			out = append(out, Finding{Warning, "rule-unused", name, "the database has no such extension", "take it out of extensions"})
		}
	}
	return out
}

func unusedFunctionRules(b *policy.Bound) []Finding {
	var out []Finding
	check := func(rules []policy.FunctionRule, where string) {
		for _, rule := range rules {
			if len(policy.FunctionsOf(rule, b.Catalog)) == 0 {
				out = append(out, Finding{Warning, "rule-unused", rule.String(),
					"no function of the database has this name and these arguments" + where, "correct it or take it out"})
			}
		}
	}
	check(b.Policy.Functions, "")
	for _, role := range sortedRoles(b.Policy) {
		check(role.Functions, " (role "+role.Name+")")
	}
	return out
}

// triggersAndRules finds code that runs with a tenant's writes and that the proxy does not see.
func triggersAndRules(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		if t.Scope == policy.ScopeDenied {
			continue
		}
		for i, trigger := range t.Relation.Triggers {
			function := "a function"
			if i < len(t.Relation.TriggerFunctions) {
				function = t.Relation.TriggerFunctions[i]
			}
			out = append(out, Finding{Warning, "trigger", name(t.Relation),
				fmt.Sprintf("the trigger %s runs %s with a tenant's writes; what it reads and writes is not confined", trigger, function),
				"make sure that the function stays with the tenant of the row"})
		}
		for _, rule := range t.Relation.Rules {
			out = append(out, Finding{Warning, "rewrite-rule", name(t.Relation),
				fmt.Sprintf("the rule %s would make other statements of a write, which nobody confines: writing to the relation is refused", rule),
				"replace it by a trigger"})
		}
	}
	return out
}
