package advisor

import (
	"fmt"

	"pgcordon/policy"
)

// tenantColumn finds tables that the policy calls a tenant's and whose column does not carry that.
func tenantColumn(b *policy.Bound) []Finding {
	var out []Finding
	for _, t := range Relations(b) {
		switch {
		case t.Problem != "":
			out = append(out, Finding{Error, "tenant-column", name(t.Relation),
				fmt.Sprintf("denied, although rule %s gives it to tenants: %s", t.Rule, t.Problem),
				"name the right column and type in a rule of its own, or give it scope global or denied"})
		case isTenantTable(t) && !t.Relation.Column(t.Column).NotNull:
			out = append(out, Finding{Warning, "tenant-column-nullable", name(t.Relation),
				fmt.Sprintf("the column %s may be NULL: such rows belong to no tenant and nobody sees them", t.Column),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", name(t.Relation), t.Column)})
		}
	}
	return out
}
