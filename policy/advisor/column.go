package advisor

import (
	"fmt"

	"pgcordon/policy"
)

// tenantColumn finds tables that the policy calls a tenant's, or mixed, and whose column does not carry that.
func tenantColumn(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		switch {
		case t.Problem != "":
			out = append(out, Finding{Error, "tenant-column", name(t.Relation),
				fmt.Sprintf("denied, although rule %s opens it: %s", t.Rule, t.Problem),
				"name the right columns and types in a rule of its own, or give it another scope"})
		case isTenantTable(t) && t.Scope == policy.ScopeMixed:
			if t.Relation.Column(t.Column).NotNull {
				out = append(out, Finding{Info, "mixed-without-defaults", name(t.Relation),
					fmt.Sprintf("its scope is mixed, and the column %s is NOT NULL: it has no default rows", t.Column),
					"give it scope tenant, which needs less of the planner"})
			}
		case isTenantTable(t) && !t.Relation.Column(t.Column).NotNull:
			out = append(out, Finding{Warning, "tenant-column-nullable", name(t.Relation),
				fmt.Sprintf("the column %s may be NULL: such rows belong to no tenant and nobody sees them", t.Column),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", name(t.Relation), t.Column)})
		}
	}
	return out
}
