package advisor

import (
	"cmp"
	"slices"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Severity says how much a finding matters.
type Severity string

// The severities. An error means that isolation is weaker than promised, or that something the policy says cannot be done.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing that a rule found.
type Finding struct {
	Severity Severity `json:"severity"`
	// Rule is the name of the rule in kebab-case. It does not change between versions.
	Rule string `json:"rule"`
	// Object is what was looked at: schema.name of a relation or function, a pattern, a role, or "server".
	Object  string `json:"object"`
	Message string `json:"message"`
	Advice  string `json:"advice"`
}

// rules in the order in which their findings are shown within a severity.
var rules = []func(*policy.Bound) []Finding{
	upstreamRole,
	tenantColumn,
	children,
	markedKeys,
	uncoveredRelations,
	unusedRules,
	uniqueKeys,
	foreignKeys,
	tenantActions,
	triggersAndRules,
	serverVersion,
	tenantIndexes,
	uncoveredFunctions,
}

// Check runs every rule, and puts the findings in order with those that the caller has.
func Check(b *policy.Bound, others ...Finding) []Finding {
	out := append([]Finding{}, others...)
	for _, rule := range rules {
		out = append(out, rule(b)...)
	}
	order := map[Severity]int{Error: 0, Warning: 1, Info: 2}
	slices.SortStableFunc(out, func(a, b Finding) int { return order[a.Severity] - order[b.Severity] })
	return out
}

// Relations returns the bound relations of user schemas that have rows, sorted by name.
func Relations(b *policy.Bound) []*policy.BoundTable {
	var out []*policy.BoundTable
	for oid, r := range b.Catalog.ByOID {
		if !catalog.IsSystem(r.Schema) && r.Kind != catalog.Sequence && r.Kind != catalog.CompositeType {
			out = append(out, b.Table(oid))
		}
	}
	slices.SortFunc(out, func(a, b *policy.BoundTable) int {
		return cmp.Or(cmp.Compare(a.Relation.Schema, b.Relation.Schema), cmp.Compare(a.Relation.Name, b.Relation.Name))
	})
	return out
}

// KindName says what a relation is, in words.
func KindName(r *catalog.Relation) string {
	switch r.Kind {
	case catalog.View:
		return "view"
	case catalog.MaterializedView:
		return "materialized view"
	case catalog.ForeignTable:
		return "foreign table"
	case catalog.Sequence:
		return "sequence"
	case catalog.CompositeType:
		return "composite type"
	case catalog.PartitionedTable:
		return "partitioned table"
	case catalog.Table:
		if r.IsPartition {
			return "partition"
		}
	}
	return "table"
}

func name(r *catalog.Relation) string { return r.Schema + "." + r.Name }

// isTenantTable reports whether rows of the relation are confined by its own tenant column.
func isTenantTable(t *policy.BoundTable) bool {
	return t.Scope.HasTenant() && t.Relation.Kind != catalog.View
}
