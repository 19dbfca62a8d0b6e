package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/config"
	"pgcordon/policy"
	"pgcordon/policy/advisor"
)

// maxChecked is how many tenants' own databases check looks into.
const maxChecked = 100

// checkOwn looks into the databases that belong to one tenant whole: what their roles may do besides.
func checkOwn(ctx context.Context, cfg *config.Config) []advisor.Finding {
	var out []advisor.Finding
	places := map[string]string{} // server and database: for whom
	if cfg.Upstream != nil {
		if at, _, err := lookInto(ctx, &cfg.Upstream.Config); err == nil {
			places[at] = "all who share a database"
		}
	}
	checked := 0
	for i := range cfg.Databases {
		d := &cfg.Databases[i]
		for _, t := range cfg.TenantsOf(d) {
			if checked++; checked > maxChecked {
				return append(out, advisor.Finding{Severity: advisor.Info, Rule: "own-database", Object: "databases",
					Message: fmt.Sprintf("there are more than %d databases of one tenant", maxChecked), Advice: "The others were not looked into."})
			}
			out = append(out, checkDatabase(ctx, d, t, places)...)
		}
	}
	return out
}

// checkDatabase looks into the database of one tenant, and notes where it is.
func checkDatabase(ctx context.Context, d *config.Database, t policy.TenantID, places map[string]string) []advisor.Finding {
	finding := func(severity advisor.Severity, message, advice string) advisor.Finding {
		return advisor.Finding{Severity: severity, Rule: "own-database", Object: "tenant " + t.String(), Message: message, Advice: advice}
	}
	upstream, err := d.Connect(t)
	if err != nil {
		return []advisor.Finding{finding(advisor.Error, err.Error(), "Name the tenant's database in an entry of its own.")}
	}
	at, rights, err := lookInto(ctx, upstream)
	if err != nil {
		return []advisor.Finding{finding(advisor.Warning, fmt.Sprintf("the database %q cannot be looked into: %v", upstream.Database, err),
			"Its users get an error until it can be connected to.")}
	}
	var out []advisor.Finding
	if other, taken := places[at]; taken && other != "tenant "+t.String() {
		out = append(out, finding(advisor.Error, fmt.Sprintf("the database %q is also that of %s, by another name of its server", upstream.Database, other),
			"Give each tenant a database of its own."))
	}
	places[at] = "tenant " + t.String()
	severity := advisor.Error
	if d.TrustRole {
		severity = advisor.Info
	}
	for _, right := range rights {
		severity, advice := severity, "Give the tenant a role that reaches no other database: no superuser, and in no role of the server's."
		if strings.HasPrefix(right, mayConnect) {
			if severity == advisor.Error {
				severity = advisor.Warning
			}
			advice = "Take the right from PUBLIC (REVOKE CONNECT ON DATABASE), so that no extension leads from one database into another."
		}
		out = append(out, finding(severity, fmt.Sprintf("the role %q %s", upstream.User, right), advice))
	}
	return out
}

// lookInto says which database this is, whatever its server is called, and what its role may do that reaches beyond it.
func lookInto(ctx context.Context, upstream *pgconn.Config) (at string, rights []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	cfg, err := pgx.ParseConfig("")
	if err != nil {
		return "", nil, err
	}
	cfg.Config = *upstream
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return "", nil, errors.New("no connection, or no login")
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	err = conn.QueryRow(ctx, ownRights).Scan(&at, &rights)
	rights = slices.DeleteFunc(rights, func(s string) bool { return s == "" })
	return at, rights, err
}

// mayConnect begins the least of what lookInto tells.
const mayConnect = "may connect to "

// ownRights asks what lookInto tells. A database is known by its server's number and its own.
const ownRights = `
SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' || (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
	ARRAY[CASE WHEN rolsuper THEN 'is a superuser' ELSE '' END,
		CASE WHEN rolcreaterole THEN 'may create roles' ELSE '' END,
		CASE WHEN rolreplication THEN 'may replicate the whole server' ELSE '' END] ||
	ARRAY(SELECT 'is a member of ' || m.rolname FROM pg_catalog.pg_roles m WHERE NOT r.rolsuper AND m.rolname LIKE 'pg\_%'
		AND m.rolname <> 'pg_database_owner' AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER') ORDER BY 1) ||
	ARRAY(SELECT 'may connect to the database ' || datname FROM pg_catalog.pg_database WHERE NOT r.rolsuper AND datallowconn AND NOT datistemplate
		AND datname <> pg_catalog.current_database() AND datname <> 'postgres' AND pg_catalog.has_database_privilege(r.oid, oid, 'CONNECT') ORDER BY 1 LIMIT 5)
FROM pg_catalog.pg_roles r WHERE rolname = current_user`
