package config

import (
	"maps"
	"slices"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/limit"
)

func (l *loader) users() {
	if len(l.file.Users) == 0 {
		l.doc.Errorf(yamlpos.Path{"users"}, "the list is empty: nobody could log in")
	}
	seen := map[string]int{}
	for i, e := range l.file.Users {
		at := func(key string) yamlpos.Path { return yamlpos.Path{"users", i, key} }
		first, again := seen[e.Name]
		switch {
		case e.Name == "":
			l.doc.Errorf(at("name"), "the name is empty")
		case again:
			l.doc.Errorf(at("name"), "the user %q stands here a second time; the first is user %d", e.Name, first+1)
		default:
			seen[e.Name] = i
		}
		u := auth.User{Name: e.Name, Role: e.Role, Verifier: l.verifier(at, e), SessionPool: l.holdsConnection(e)}
		l.standing(&u, at, e)
		l.out.Users = append(l.out.Users, u)
	}
}

// standing finds for whom a user acts: for the tenant that the entry names, or for those of its role.
func (l *loader) standing(u *auth.User, at func(string) yamlpos.Path, e UserEntry) {
	var role *policy.Role
	if l.doc.Has(at("role")) && l.out.Policy != nil {
		if role = l.out.Policy.Roles[e.Role]; role == nil {
			l.doc.Errorf(at("role"), "the policy has no role %q%s", e.Role, known(l.out.Policy.Roles))
			return
		}
		u.ActFor = role.ActFor
	}
	hasTenant := l.doc.Has(at("tenant"))
	switch {
	case hasTenant:
		id, err := policy.NewTenantID(e.Tenant)
		if err != nil {
			l.doc.Errorf(at("tenant"), "%v", err)
		}
		u.Tenant = id
		if role != nil && len(role.ActFor) > 0 {
			l.doc.Errorf(at("tenant"), "the role %q acts for several tenants, chosen at login: a user of it has no tenant of its own", e.Role)
		}
	case !l.doc.Has(at("role")):
		l.doc.Errorf(at("name"), "the user %q has neither a tenant nor a role that acts for tenants", e.Name)
	case role != nil && len(role.ActFor) == 0:
		l.doc.Errorf(at("role"), "the role %q acts for no tenant (act_for in the policy), so the user needs one: add the key tenant", e.Role)
	}
}

// known lists the names that would have been right.
func known(roles map[string]*policy.Role) string {
	if len(roles) == 0 {
		return ": it has none"
	}
	text := "; it has "
	for i, name := range slices.Sorted(maps.Keys(roles)) {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	return text
}

func (l *loader) verifier(at func(string) yamlpos.Path, e UserEntry) auth.Verifier {
	hasText, hasFile := l.doc.Has(at("scram")), l.doc.Has(at("scram_file"))
	key, secret := "scram", e.Scram
	switch {
	case hasText && hasFile:
		l.doc.Errorf(at("scram_file"), "scram is given too: give one of them")
		return auth.Verifier{}
	case hasFile:
		var ok bool
		key = "scram_file"
		if secret, ok = l.secretFile(at(key), e.ScramFile); !ok {
			return auth.Verifier{}
		}
	case !hasText:
		l.doc.Errorf(at("name"), "the user %q has no verifier: give scram or scram_file (pgcordon verifier makes one)", e.Name)
		return auth.Verifier{}
	}
	v, err := auth.ParseVerifier(secret.Reveal())
	if err != nil {
		l.doc.Errorf(at(key), "%v", err)
	}
	return v
}

func (l *loader) limits() {
	e := l.file.Limits
	l.out.Limits = Limits{Defaults: merged(limit.Limits{}, e.Defaults), Tenants: map[policy.TenantID]limit.Limits{}}
	l.rateKeys(yamlpos.Path{"limits", "defaults"}, e.Defaults, l.out.Limits.Defaults)
	tenants := map[policy.TenantID]bool{}
	for _, u := range l.out.Users {
		tenants[u.Tenant] = true
		for _, t := range u.ActFor {
			tenants[t] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Tenants)) {
		path := yamlpos.Path{"limits", "tenants", name}
		id, err := policy.NewTenantID(name)
		switch {
		case err != nil:
			l.doc.Errorf(yamlpos.Path{"limits", "tenants", yamlpos.Key(name)}, "%v", err)
		case l.out.Policy != nil && !tenants[id]:
			l.doc.Errorf(yamlpos.Path{"limits", "tenants", yamlpos.Key(name)}, "no user has the tenant %q, and no user's role acts for it", name)
		}
		own := merged(l.out.Limits.Defaults, e.Tenants[name])
		l.rateKeys(path, e.Tenants[name], own)
		l.out.Limits.Tenants[id] = own
	}
}

// rateKeys refuses keys that shape a rate where there is none.
func (l *loader) rateKeys(at yamlpos.Path, e LimitEntry, effective limit.Limits) {
	if effective.StatementsPerSecond > 0 {
		return
	}
	for key, given := range map[string]bool{"burst": e.Burst != nil && *e.Burst > 0, "wait": e.Wait != nil && *e.Wait > 0} {
		if given {
			l.doc.Errorf(append(at[:len(at):len(at)], key), "%s means nothing without statements_per_second", key)
		}
	}
}

// merged lays the keys that were given over the defaults.
func merged(base limit.Limits, e LimitEntry) limit.Limits {
	set(&base.Connections, e.Connections)
	set(&base.StatementsPerSecond, e.StatementsPerSecond)
	set(&base.Burst, e.Burst)
	set(&base.Wait, e.Wait)
	set(&base.RowsPerStatement, e.RowsPerStatement)
	set(&base.StatementTimeout, e.StatementTimeout)
	return base
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
