package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

func bind(t *testing.T, schema, policyYAML string) *policy.Bound {
	t.Helper()
	ctx := context.Background()
	pg := throwawaytest.ForTest(t)
	database := throwawaytest.Database(t, pg, schema)
	conn, err := pgx.Connect(ctx, pg.DSN(pg.Superuser, database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	snapshot, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.ParsePolicy("policy.yaml", []byte(policyYAML))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Bind(p, snapshot)
}

func tenant(t *testing.T, id string) policy.TenantID {
	t.Helper()
	out, err := policy.NewTenantID(id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBind(t *testing.T) {
	b := bind(t, `
CREATE TABLE orders (id int, tenant_id text);
CREATE TABLE wrong (tenant_id int);
CREATE TABLE nocol (id int);
CREATE TABLE odd (tenant_id char(4));
CREATE TABLE countries (code text);
CREATE TABLE secrets (tenant_id text);
CREATE TABLE parts (tenant_id text) PARTITION BY LIST (tenant_id);
CREATE TABLE parts_acme PARTITION OF parts FOR VALUES IN ('acme');
CREATE VIEW seen AS SELECT * FROM orders;
CREATE VIEW totals AS SELECT count(*) FROM orders;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM orders;
CREATE SEQUENCE numbers;
CREATE SCHEMA billing; CREATE TABLE billing.bills (org_id uuid);
CREATE SCHEMA other; CREATE TABLE other.orders (tenant_id text);
CREATE FUNCTION f(bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g(varchar[], double precision) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION help() RETURNS int LANGUAGE sql AS 'SELECT 1';
`, `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.countries, scope: global}
  - {match: public.secrets, scope: denied}
  - {match: billing.*, scope: tenant, column: org_id, type: uuid}
  - {match: public.*, scope: tenant}
  - {match: "pg_*.*", scope: global}
functions:
  - {name: public.f(bigint), why: x}
  - {name: "public.g(character varying[], float8)", why: x}
roles:
  support: {access: read_only, functions: [{name: public.help, why: x}]}
`)
	for _, c := range []struct {
		relation string
		scope    policy.Scope
		column   string
		typ      policy.ColumnType
		rule     string
		problem  string
	}{
		{"public.orders", policy.ScopeTenant, "tenant_id", policy.TypeText, "public.*", ""},
		{"public.seen", policy.ScopeTenant, "", policy.TypeAny, "public.*", ""},
		{"public.totals", policy.ScopeTenant, "", policy.TypeAny, "public.*", ""},
		{"public.kept", policy.ScopeDenied, "", policy.TypeAny, "public.*", `no column "tenant_id"`},
		{"public.numbers", policy.ScopeDenied, "", policy.TypeAny, "public.*", "it has no rows"},
		{"public.parts_acme", policy.ScopeTenant, "tenant_id", policy.TypeText, "public.*", ""},
		{"public.wrong", policy.ScopeDenied, "", policy.TypeAny, "public.*", "is of type integer, the policy says text"},
		{"public.odd", policy.ScopeDenied, "", policy.TypeAny, "public.*", "is of type character, which cannot hold a tenant"},
		{"public.nocol", policy.ScopeDenied, "", policy.TypeAny, "public.*", `no column "tenant_id"`},
		{"public.countries", policy.ScopeGlobal, "", policy.TypeAny, "public.countries", ""},
		{"public.secrets", policy.ScopeDenied, "", policy.TypeAny, "public.secrets", ""},
		{"billing.bills", policy.ScopeTenant, "org_id", policy.TypeUUID, "billing.*", ""},
		{"other.orders", policy.ScopeDenied, "", policy.TypeAny, "", ""},
		{"pg_catalog.pg_class", policy.ScopeDenied, "", policy.TypeAny, "", ""},
		{"information_schema.tables", policy.ScopeDenied, "", policy.TypeAny, "", ""},
	} {
		schema, name, _ := strings.Cut(c.relation, ".")
		got := b.Table(b.Catalog.Schemas[schema].Relations[name].OID)
		if got.Scope != c.scope || got.Column != c.column || got.Type != c.typ || got.Rule != c.rule ||
			!strings.Contains(got.Problem, c.problem) || (c.problem == "") != (got.Problem == "") {
			t.Errorf("%s: %+v", c.relation, *got)
		}
	}
	if len(b.Catalog.ByOID) == 0 || b.Table(0) != nil {
		t.Error("an oid that does not exist has a table")
	}
	for oid := range b.Catalog.ByOID {
		if b.Table(oid) == nil {
			t.Errorf("%s has no entry", b.Catalog.ByOID[oid].Name)
		}
	}

	vouched := func(name string, args int, role string) bool {
		for _, fn := range b.Catalog.Schemas["public"].Functions[name] {
			if len(fn.Args) == args && (args != 1 || fn.Args[0] == 20) {
				return b.Vouched(fn.OID, role) != nil
			}
		}
		t.Fatalf("no function %s", name)
		return false
	}
	if !vouched("f", 1, "") || !vouched("g", 2, "") || vouched("g", 0, "") || vouched("help", 0, "") || !vouched("help", 0, "support") {
		t.Error("the wrong functions are vouched for")
	}
	for _, fn := range b.Catalog.Schemas["public"].Functions["f"] {
		if fn.Args[0] == 25 && b.Vouched(fn.OID, "") != nil {
			t.Error("f(text) is vouched for, only f(bigint) should be")
		}
	}
	if again := policy.Bind(b.Policy, b.Catalog); again.Epoch <= b.Epoch {
		t.Errorf("epoch %d after %d", again.Epoch, b.Epoch)
	}
}

func TestCheckTenant(t *testing.T) {
	const id = "0b5b2f8e-6c1f-4b3a-9d55-0123456789ab"
	types := map[string]struct{ good, bad []string }{
		"text":    {[]string{"acme", "0042", "é"}, nil},
		"varchar": {[]string{"acme"}, nil},
		"uuid":    {[]string{id}, []string{strings.ToUpper(id), strings.ReplaceAll(id, "-", ""), "{" + id + "}", "acme"}},
		"int4":    {[]string{"42", "-1", "0"}, []string{"042", "+1", "2147483648", " 1", "1e3", "-0"}},
		"int8":    {[]string{"9223372036854775807"}, []string{"9223372036854775808", "x"}},
		"numeric": {[]string{"123456789012345678901234567890", "-7"}, []string{"1.0", "NaN", "01", "-", "1e3", "-0"}},
	}
	for name, c := range types {
		b := bind(t, "CREATE TABLE a (tenant_id "+name+")", "tenant: {column: tenant_id}\ntables: [{match: public.a, scope: tenant}]\n")
		for _, s := range c.good {
			if err := b.CheckTenant(tenant(t, s)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, s := range c.bad {
			if err := b.CheckTenant(tenant(t, s)); err == nil {
				t.Errorf("%s: %q was accepted", name, s)
			}
		}
		if b.CheckTenant(policy.TenantID{}) == nil {
			t.Errorf("%s: the zero tenant was accepted", name)
		}
	}
}
