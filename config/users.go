package config

import (
	"maps"
	"slices"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
	"pgcordon/proxy/auth"
)

func (l *loader) users() {
	if len(l.file.Users) == 0 {
		l.doc.Errorf(yamlpos.Path{"users"}, "the list is empty: nobody could log in")
	}
	seen := map[string]int{}
	console := l.console()
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
		u := auth.User{Name: e.Name, Role: e.Role, Verifier: l.verifier(at, e), SessionPool: l.holdsConnection(e), Console: console[e.Name]}
		u.SimpleAsText = e.Simple == "text" || e.Simple == "" && l.out.Policy != nil && l.out.Policy.SimpleAsText
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
	case !l.doc.Has(at("role")) && u.Console != auth.ConsoleNone:
	case !l.doc.Has(at("role")):
		l.doc.Errorf(at("name"), "the user %q has neither a tenant nor a role that acts for tenants, and stands neither in admin_users nor in stats_users", e.Name)
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
