package draft_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/advisor"
	"pgcordon/policy/catalog"
	"pgcordon/policy/draft"
	"pgcordon/test/throwaway/throwawaytest"
)

// drafted drafts a policy for a schema and binds it again; the second value has no finding about the policy itself that is an error.
func drafted(t *testing.T, schema string) (string, *policy.Bound) {
	t.Helper()
	ctx := context.Background()
	pg := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, pg.DSN(pg.Superuser, throwawaytest.Database(t, pg, schema)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	s, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.Draft(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.ParsePolicy("draft.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b := policy.Bind(p, s)
	for _, f := range advisor.Check(b) {
		if strings.Contains(f.Object, "*") {
			continue // no rule can name it, which the draft says
		}
		if f.Severity == advisor.Error && f.Rule != "upstream-superuser" || f.Rule == "rule-unused" || f.Rule == "relation-not-covered" && f.Severity != advisor.Info {
			t.Errorf("check finds %+v in\n%s", f, text)
		}
	}
	return string(text), b
}

func TestDraft(t *testing.T) {
	text, _ := drafted(t, `
CREATE TABLE tenants (id text PRIMARY KEY, name text);
CREATE TABLE customers (tenant_id text NOT NULL REFERENCES tenants, id int, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (tenant_id text NOT NULL REFERENCES tenants, id int PRIMARY KEY, customer_id int);
CREATE TABLE order_lines (order_id int REFERENCES orders, n int);
CREATE TABLE imports (tenant_id bigint, account_id int);
CREATE TABLE tasks (tenant_id text NOT NULL, deleted_at timestamptz);
CREATE TABLE odd (tenant_id json);
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE settings (key text);
CREATE TABLE "Mixed.Case" (tenant_id text NOT NULL);
CREATE TABLE "sta*r" (tenant_id text NOT NULL);
CREATE TABLE "yes" (a int);
CREATE TABLE events (tenant_id text NOT NULL, at date) PARTITION BY RANGE (at);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE VIEW big_orders AS SELECT * FROM orders;
CREATE SCHEMA billing;
CREATE TABLE billing.bills (organization_id uuid NOT NULL);
CREATE EXTENSION pg_buffercache;
`)
	want := `tenant: {column: tenant_id, type: text}

tables: # the first match wins
  - {match: billing.bills, scope: denied}                # unsure: organization_id may name its tenant; if so: scope tenant, column organization_id
  - {match: "public.\"Mixed.Case\"", scope: tenant}      # tenant_id text NOT NULL
  - {match: public.big_orders, scope: tenant}            # a view: the tables below it follow their own rules
  - {match: public.countries, scope: global}             # by its name the same for everybody, and it refers to nothing
  - {match: public.customers, scope: tenant}             # tenant_id text NOT NULL, refers to public.tenants
  - {match: public.events, scope: tenant}                # tenant_id text NOT NULL; its partitions (1) are reached through it
  - {match: public.imports, scope: tenant, type: int8}   # tenant_id int8, may be NULL: such rows are seen by nobody; scope mixed if they are defaults for everybody
  - {match: public.odd, scope: denied}                   # its tenant_id is of type json, which cannot hold a tenant
  - {match: public.order_lines, scope: denied}           # its rows belong to tenants through public.orders, but it has no tenant column of its own
  - {match: public.orders, scope: tenant}                # tenant_id text NOT NULL, refers to public.tenants
  - {match: public.settings, scope: denied}              # unsure: no tenant column; scope global if its rows are the same for everybody
  # a rule cannot name public.sta*r: a star stands for any characters. It stays denied.
  - {match: public.tasks, scope: tenant}                 # tenant_id text NOT NULL; deleted_at may mark deleted rows: soft_delete hides them
  - {match: public.tenants, scope: denied}               # one row per tenant, it seems, and no column tenant_id; a tenant would see its own row with scope tenant and the key as column
  - {match: public.yes, scope: denied}                   # unsure: no tenant column; scope global if its rows are the same for everybody
`
	squeeze := func(s string) string {
		var out []string
		for line := range strings.SplitSeq(s, "\n") {
			if strings.Contains(line, "# belongs to the extension pg_buffercache") {
				continue // which views it has depends on the server's version
			}
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(out, "\n")
	}
	if !strings.Contains(squeeze(text), squeeze(want)) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if !strings.Contains(text, "scope: denied}") || !strings.Contains(text, "# belongs to the extension pg_buffercache\n") {
		t.Errorf("the extension's views are not denied:\n%s", text)
	}
	if !strings.Contains(text, "# tenant_id: in 7 of 14 tables, NOT NULL in 6, refers to a table of tenants in 2.") {
		t.Errorf("the reason for the column is not told:\n%s", text)
	}
}

// Nothing is opened in a database without a tenant column.
func TestDraftWithoutTenantColumn(t *testing.T) {
	for _, schema := range []string{"", "CREATE TABLE customers (id int); CREATE TABLE orders (id int, customer_id int REFERENCES customers);", "CREATE TABLE a (x int); CREATE VIEW v AS SELECT * FROM a"} {
		schema = strings.ReplaceAll(schema, "(id int)", "(id int PRIMARY KEY)")
		text, b := drafted(t, schema)
		for _, r := range advisor.Relations(b) {
			if r.Scope != policy.ScopeDenied {
				t.Errorf("%s is %s in\n%s", r.Relation.Name, r.Scope, text)
			}
		}
	}
}

func TestDraftFindsOtherNames(t *testing.T) {
	for column, types := range map[string]string{"account_id": "bigint", "organization_id": "uuid", "company_id": "int", "tenant": "text"} {
		_, b := drafted(t, strings.NewReplacer("COL", column, "TYPE", types).Replace(
			"CREATE TABLE a (COL TYPE NOT NULL, id int); CREATE TABLE b (COL TYPE NOT NULL, customer_id int); CREATE TABLE c (id int);"))
		if b.Policy.Column != column {
			t.Errorf("found %s, want %s", b.Policy.Column, column)
		}
	}
}
