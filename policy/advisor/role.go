package advisor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgcordon/policy"
)

func sortedRoles(p *policy.Policy) []*policy.Role {
	var out []*policy.Role
	for _, name := range slices.Sorted(maps.Keys(p.Roles)) {
		out = append(out, p.Roles[name])
	}
	return out
}

// reachesFiles are the predefined roles that go around tables altogether (Postgres manual, "Predefined Roles").
var reachesFiles = []string{"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files", "pg_read_all_data", "pg_write_all_data"}

// upstreamRole finds rights of the upstream connections' role that the proxy does not need: each would make
// a fault in the proxy worse than it has to be.
func upstreamRole(b *policy.Bound) []Finding {
	role := b.Catalog.Role
	var out []Finding
	add := func(severity Severity, rule, message, advice string) {
		out = append(out, Finding{severity, rule, role.Name, message, advice})
	}
	const ordinary = "give the proxy a role of its own: LOGIN NOSUPERUSER NOBYPASSRLS, with the privileges on tables that tenants need"
	if role.Superuser {
		add(Error, "upstream-superuser", "the upstream role is a superuser", ordinary)
		// A superuser has every right that follows; to list them would say nothing more.
		return out
	}
	if role.BypassRLS {
		add(Error, "upstream-bypassrls", "the upstream role has BYPASSRLS: row security policies do not hold for it", "ALTER ROLE "+role.Name+" NOBYPASSRLS")
	}
	if role.CreateRole {
		add(Warning, "upstream-createrole", "the upstream role may create roles", "ALTER ROLE "+role.Name+" NOCREATEROLE")
	}
	if role.CreateDB {
		add(Warning, "upstream-createdb", "the upstream role may create databases", "ALTER ROLE "+role.Name+" NOCREATEDB")
	}
	for _, group := range role.MemberOf {
		if !strings.HasPrefix(group, "pg_") {
			continue
		}
		severity := Warning
		if slices.Contains(reachesFiles, group) {
			severity = Error
		}
		add(severity, "upstream-predefined-role", "the upstream role is a member of "+group, "REVOKE "+group+" from it, or from the role through which it is a member")
	}
	var owned []string
	for _, t := range Relations(b) {
		if t.Relation.Owner == role.Name || slices.Contains(role.MemberOf, t.Relation.Owner) {
			owned = append(owned, name(t.Relation))
		}
	}
	if len(owned) > 0 {
		add(Error, "upstream-owner", fmt.Sprintf("the upstream role owns %s: an owner can drop tables and is above row security", some(owned)),
			"let another role own them (ALTER TABLE … OWNER TO), and GRANT the proxy's role what tenants need")
	}
	for _, schema := range role.CanCreateIn {
		add(Warning, "upstream-create", "the upstream role may create objects in the schema "+schema,
			"REVOKE CREATE ON SCHEMA "+schema+" FROM PUBLIC, "+role.Name)
	}
	if role.CanTemp {
		add(Warning, "upstream-temp", "the upstream role may create temporary tables",
			"REVOKE TEMP ON DATABASE "+b.Catalog.Database+" FROM PUBLIC, "+role.Name)
	}
	return out
}

// some lists a few names and counts the rest.
func some(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
