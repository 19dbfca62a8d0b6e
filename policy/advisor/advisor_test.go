package advisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/advisor"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

// findings binds a policy to a database and returns "severity rule object" of each finding, without the server's version.
func findings(t *testing.T, role, schema, policyYAML string) []string {
	t.Helper()
	ctx := context.Background()
	pg := throwawaytest.ForTest(t)
	database := throwawaytest.Database(t, pg, strings.ReplaceAll(schema, ":database", "CURRENT_DATABASE"))
	if role == "" {
		role = pg.Superuser
	}
	conn, err := pgx.Connect(ctx, pg.DSN(role, database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	s, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.ParsePolicy("policy.yaml", []byte(policyYAML))
	if err != nil {
		t.Fatal(err)
	}
	all := advisor.Check(policy.Bind(p, s))
	var out []string
	for _, f := range all {
		if f.Message == "" || f.Advice == "" {
			t.Errorf("a finding without a message or advice: %+v", f)
		}
		if f.Rule != "server-version" {
			out = append(out, fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Object))
		}
	}
	if _, err := json.Marshal(all); err != nil {
		t.Error(err)
	}
	return out
}

func compare(t *testing.T, got []string, want string) {
	t.Helper()
	if text := strings.Join(got, "\n"); text != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", text, strings.TrimSpace(want))
	}
}

const strict = `
DO $$ BEGIN
  EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database());
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'clean') THEN CREATE ROLE clean LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'risky') THEN
    CREATE ROLE risky LOGIN BYPASSRLS CREATEDB CREATEROLE;
    CREATE ROLE risky_group;
    GRANT pg_read_server_files, pg_monitor TO risky_group;
    GRANT risky_group TO risky;
  END IF;
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
`

// A schema as it should be, under a role as it should be, has no finding.
func TestNothingToFind(t *testing.T) {
	compare(t, findings(t, "clean", strict+`
CREATE TABLE customers (tenant_id text NOT NULL, id int GENERATED ALWAYS AS IDENTITY UNIQUE, mail text, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, mail));
CREATE TABLE orders (tenant_id text NOT NULL, id uuid DEFAULT gen_random_uuid() UNIQUE, customer int,
  PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id));
CREATE TABLE countries (code text PRIMARY KEY);
CREATE VIEW v AS SELECT * FROM orders;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
`, `
tenant: {column: tenant_id, type: text}
tables: [{match: public.countries, scope: global}, {match: "public.*", scope: tenant}]
functions: [{name: public.f, why: constant}]
`), "")
}

func TestFindings(t *testing.T) {
	compare(t, findings(t, "clean", strict+`
GRANT CREATE ON SCHEMA public TO clean;
CREATE TABLE missing (id int);
CREATE TABLE other_type (tenant_id bigint NOT NULL);
CREATE TABLE nullable (tenant_id text);
CREATE INDEX ON nullable (tenant_id);
CREATE TABLE customers (tenant_id text NOT NULL, id bigserial PRIMARY KEY, mail text UNIQUE, at int4range,
  EXCLUDE USING gist (at WITH &&));
CREATE TABLE orders (tenant_id text NOT NULL, customer bigint REFERENCES customers (id) ON DELETE CASCADE);
CREATE TABLE nobody (a int);
CREATE VIEW unnamed AS SELECT 1 AS one;
CREATE TABLE parts (tenant_id text NOT NULL, PRIMARY KEY (tenant_id)) PARTITION BY LIST (tenant_id);
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION secret(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER touched BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE nothing AS ON DELETE TO orders DO INSTEAD NOTHING;
CREATE EXTENSION citext;
`, `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.missing, scope: tenant}
  - {match: public.other_type, scope: tenant}
  - {match: public.nullable, scope: tenant}
  - {match: public.customers, scope: tenant}
  - {match: public.orders, scope: tenant}
  - {match: public.parts, scope: tenant}
  - {match: public.gone, scope: denied}
functions: [{name: public.nowhere, why: x}]
roles: {r: {functions: [{name: public.nothing(int), why: x}]}}
`), `
error tenant-column public.missing
error tenant-column public.other_type
warning upstream-create clean
warning tenant-column-nullable public.nullable
warning relation-not-covered public.nobody
warning relation-not-covered public.unnamed
warning rule-unused public.gone
warning rule-unused public.nowhere
warning rule-unused public.nothing(int)
warning unique-across-tenants public.customers
warning unique-across-tenants public.customers
warning foreign-key-across-tenants public.orders
warning trigger public.orders
warning rewrite-rule public.orders
info relation-not-covered public.parts_rest
info tenant-index public.customers
info tenant-index public.orders
info function-not-covered public.secret(a integer)
info extension-not-covered citext
`)
}

// An action of a foreign key must not move a row to another tenant, nor to all of them.
func TestTenantActions(t *testing.T) {
	schema := strict + `
CREATE TABLE parents (tenant_id text NOT NULL, id int, PRIMARY KEY (tenant_id, id));
CREATE TABLE moved (tenant_id text NOT NULL DEFAULT 'a', id int, p int, PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, p) REFERENCES parents ON DELETE SET DEFAULT);
CREATE TABLE shared (tenant_id text, id int, p int, UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, p) REFERENCES parents ON UPDATE SET NULL);
CREATE TABLE kept (tenant_id text NOT NULL, id int, p int, PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, p) REFERENCES parents ON DELETE SET NULL ON UPDATE CASCADE);
`
	columns := `
CREATE TABLE listed (tenant_id text NOT NULL DEFAULT 'a', id int, p int, PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, p) REFERENCES parents ON DELETE SET DEFAULT (p));
`
	if throwawaytest.ForTest(t).Major >= 15 {
		schema += columns
	}
	compare(t, findings(t, "clean", schema, `
tenant: {column: tenant_id, type: text}
tables: [{match: public.shared, scope: mixed}, {match: "public.*", scope: tenant}]
`), `
warning foreign-key-sets-tenant public.moved
warning foreign-key-sets-tenant public.shared
`)
}

func TestUpstreamRole(t *testing.T) {
	const rules = "tenant: {column: tenant_id}\ntables: [{match: \"public.*\", scope: tenant}]\n"
	compare(t, findings(t, "risky", strict+`
GRANT TEMP ON DATABASE postgres TO risky;
DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO risky', current_database()); END $$;
CREATE TABLE a (tenant_id text NOT NULL PRIMARY KEY);
CREATE TABLE b (tenant_id text NOT NULL PRIMARY KEY);
ALTER TABLE a OWNER TO risky; ALTER TABLE b OWNER TO risky_group;
`, rules), `
error upstream-bypassrls risky
error upstream-predefined-role risky
error upstream-owner risky
warning upstream-createrole risky
warning upstream-createdb risky
warning upstream-predefined-role risky
warning upstream-predefined-role risky
warning upstream-predefined-role risky
warning upstream-predefined-role risky
warning upstream-temp risky
`)
	got := findings(t, "", strict+"CREATE TABLE a (tenant_id text NOT NULL PRIMARY KEY);", rules)
	if len(got) != 1 || !strings.HasPrefix(got[0], "error upstream-superuser ") {
		t.Errorf("%v", got)
	}
}

// Default rows, marked rows, and children with rules of their own.
func TestScopes(t *testing.T) {
	compare(t, findings(t, "clean", strict+`
CREATE TABLE templates (tenant_id text NOT NULL, PRIMARY KEY (tenant_id));
CREATE TABLE defaults (tenant_id text, id bigserial PRIMARY KEY);
CREATE INDEX ON defaults (tenant_id);
CREATE TABLE tasks (tenant_id text NOT NULL, title text, code text, deleted_at date, PRIMARY KEY (tenant_id, title), UNIQUE (tenant_id, code));
CREATE UNIQUE INDEX ON tasks (tenant_id, code) WHERE deleted_at IS NULL;
CREATE TABLE stamped (tenant_id text NOT NULL PRIMARY KEY, deleted_at timestamptz NOT NULL);
CREATE TABLE events (tenant_id text NOT NULL, gone boolean, PRIMARY KEY (tenant_id)) PARTITION BY LIST (tenant_id);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b');
CREATE TABLE events_c PARTITION OF events DEFAULT;
CREATE TABLE log (tenant_id text);
CREATE TABLE log_child (PRIMARY KEY (tenant_id)) INHERITS (log);
`, `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.templates, scope: mixed}
  - {match: public.defaults, scope: mixed}
  - {match: public.tasks, scope: tenant, soft_delete: {column: deleted_at, rewrite_delete: true}}
  - {match: public.stamped, scope: tenant, soft_delete: {column: deleted_at}}
  - {match: public.events, scope: tenant, soft_delete: {column: gone}}
  - {match: public.events_a, scope: global}
  - {match: public.events_b, scope: tenant}
  - {match: public.events_c, scope: denied}
  - {match: public.log, scope: global}
  - {match: public.log_child, scope: tenant}
`), `
error tenant-column public.log
error tenant-column public.stamped
error child-rule-differs public.events_a
warning child-rule-differs public.events_b
info mixed-without-defaults public.templates
info soft-delete-key public.tasks
`)
}

func TestConnections(t *testing.T) {
	b := policy.Bind(&policy.Policy{}, &catalog.Snapshot{Role: catalog.UpstreamRole{Name: "app", Connections: 20}})
	if got := advisor.Connections(b, 19); got != nil {
		t.Errorf("19 and one for the catalog fit: %v", got)
	}
	got := advisor.Connections(b, 20)
	if len(got) != 1 || got[0].Object != "app" || got[0].Severity != advisor.Warning {
		t.Fatalf("%v", got)
	}
	all := advisor.Check(b, append(got, advisor.Finding{Severity: advisor.Error})...)
	if all[0].Severity != advisor.Error {
		t.Errorf("errors do not come first: %v", all)
	}
}
