package config

import (
	"cmp"
	"maps"
	"slices"

	"pgcordon/policy"
)

// Named lists the tenants that limits are said for, by name, each with its users that they are said for.
func (l Limits) Named() []NamedLimits {
	list := make([]NamedLimits, 0, len(l.tenants))
	for t, of := range l.tenants {
		list = append(list, NamedLimits{Tenant: t, Users: slices.Sorted(maps.Keys(of.users))})
	}
	slices.SortFunc(list, func(a, b NamedLimits) int { return cmp.Compare(a.Tenant.String(), b.Tenant.String()) })
	return list
}

// NamedLimits says for whom Limits has limits other than the defaults.
type NamedLimits struct {
	Tenant policy.TenantID
	Users  []string
}
