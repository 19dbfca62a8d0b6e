package policy

import (
	"strings"
	"testing"
)

func TestParsePolicy(t *testing.T) {
	p, err := ParsePolicy("policy.yaml", []byte(`
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.countries, scope: global}
  - {match: "billing.*", scope: tenant, column: org_id, type: uuid}
  - {match: public.secrets, scope: denied}
  - {match: "public.*", scope: tenant}
functions:
  - {name: "public.order_total(bigint,  character varying)", why: reads no table}
statements: {explain_analyze: true, truncate: false}
roles:
  support: {access: read_only, act_for: [acme, globex], functions: [{name: public.help, why: it is constant}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Column != "tenant_id" || p.Type != TypeText || len(p.Tables) != 4 {
		t.Errorf("%+v", p)
	}
	billing := p.Tables[1]
	if billing != (TableRule{Match: Pattern{"billing", "*"}, Scope: ScopeTenant, Column: "org_id", Type: TypeUUID}) {
		t.Errorf("billing: %+v", billing)
	}
	if got := p.Functions[0].String(); got != "public.order_total(bigint, character varying)" {
		t.Errorf("function: %s", got)
	}
	if p.Statements != (Statements{ExplainAnalyze: true}) {
		t.Errorf("statements: %+v", p.Statements)
	}
	if r := p.Roles["support"]; !r.ReadOnly || r.WriteGlobal || len(r.ActFor) != 2 || r.Functions[0].Args != nil {
		t.Errorf("role: %+v", r)
	}
}

// Every mistake is told, at its place.
func TestParsePolicyErrors(t *testing.T) {
	cases := []struct {
		name, yaml string
		want       []string // position and part of the message of each error, in order
	}{
		{"structure", `tenants: {column: tenant_id}
tables:
  - {match: public.a, scope: tennant}
  - {match: public.b, scop: tenant}
  - {match: [public.c], scope: tenant}
functions: {name: f}
roles:
  r: {access: readonly, act_for: acme}
statements: {vacuum: true, truncate: 1}
`, []string{
			`1:1: unknown key "tenants": did you mean "tenant"?`, `1:1: the key "tenant" is missing`,
			`3:30: "tennant": expected one of tenant, mixed, global, denied`,
			`4:5: the key "scope" is missing`, `4:23: unknown key "scop": did you mean "scope"?`,
			`5:13: expected a string, found a list`, `6:12: expected a list, found a mapping`,
			`8:15: "readonly": expected one of read_only, read_write`, `8:34: expected a list, found a string`,
			`9:14: unknown key "vacuum"`, `9:38: expected true or false, found a number`}},
		{"meaning", `tenant: {column: tenant_id}
tables:
  - {match: "public.*", scope: tenant}
  - {match: public.countries, scope: global}
  - {match: "public.*", scope: denied}
  - {match: orders, scope: tenant}
  - {match: pg_catalog.pg_class, scope: global}
  - {match: shop.x, scope: global, column: org_id}
functions:
  - {name: public.f, why: x}
  - {name: public.f(int), why: x}
  - {name: pg_catalog.pg_read_file, why: x}
  - {name: "public.*", why: x}
  - {name: public.g, why: ""}
roles:
  r: {access: read_only, write_global: true, act_for: [acme, acme, ""]}
`, []string{
			`4:13: "public.countries" is never reached: rule 1 (public.*)`,
			`5:13: "public.*" stands here a second time; the first is rule 1`,
			`6:13: "orders": expected schema.name`, `7:13: pg_catalog is Postgres's own schema`,
			`8:36: column means nothing for scope global`,
			`11:12: "public.f(int)" is allowed already, by "public.f"`, `12:12: "pg_catalog.pg_read_file": the functions of pg_catalog`,
			`13:12: "public.*": a function is named in full`, `14:27: say why`,
			`16:40: the role is read_only`, `16:62: the tenant "acme" stands here a second time`, `16:68: a tenant id is 1 to 255 bytes`}},
		{"soft delete", `tenant: {column: tenant_id}
tables:
  - {match: public.a, scope: denied, soft_delete: {column: deleted_at}}
  - {match: public.b, scope: tenant, soft_delete: {column: ""}}
  - {match: public.c, scope: mixed, soft_delete: {rewrite_delete: true}}
`, []string{`5:50: the key "column" is missing here`}},
		{"soft delete, meaning", `tenant: {column: tenant_id}
tables:
  - {match: public.a, scope: denied, soft_delete: {column: deleted_at}}
  - {match: public.b, scope: tenant, soft_delete: {column: ""}}
  - {match: public.c, scope: mixed, column: org_id, soft_delete: {column: gone}}
`, []string{`3:38: soft_delete means nothing for scope denied`, `4:60: the name of the column is empty`}},
		{"anchors", "tenant: &t {column: a}\n", []string{`1:9: anchors and aliases are not supported`}},
		{"syntax", "tenant: {column: a\ntables: []\n", []string{`this is not YAML`}},
		{"two documents", "tenant: {column: a}\n---\ntenant: {column: b}\n", []string{`a second document`}},
		{"empty", "", []string{`1:1: the file is empty`}},
		{"repeated key", "tenant: {column: a, column: b}\n", []string{`1:21: the key "column" stands here a second time`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParsePolicy("p.yaml", []byte(c.yaml))
			if err == nil {
				t.Fatal("it was accepted")
			}
			var heads []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if strings.HasPrefix(line, "p.yaml:") {
					heads = append(heads, line)
				}
			}
			for i, want := range c.want {
				if i >= len(heads) || !strings.Contains(heads[i], want) {
					t.Fatalf("error %d: want %q in\n%v", i+1, want, err)
				}
			}
			if len(heads) != len(c.want) {
				t.Errorf("%d errors, want %d:\n%v", len(heads), len(c.want), err)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, schema, name string
		want                  bool
	}{
		{"public.orders", "public", "orders", true},
		{"public.orders", "public", "Orders", false},
		{"public.*", "public", "", true},
		{"*.*", "any", "thing", true},
		{"public.o*s", "public", "orders", true},
		{"public.o*s", "public", "order", false},
		{"public.*_*_x", "public", "a_b_c_x", true},
		{`public."odd.name"`, "public", "odd.name", true},
		{`"a""b".t`, `a"b`, "t", true},
		{"p*.t", "q", "t", false},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Matches(c.schema, c.name); got != c.want {
			t.Errorf("%s matches %s.%s: %v", c.pattern, c.schema, c.name, got)
		}
		if again, err := ParsePattern(p.String()); err != nil || again != p {
			t.Errorf("%s prints as %s, which is read as %v %v", c.pattern, p, again, err)
		}
	}
	for _, bad := range []string{"", "a", "a.", ".b", "a.b.c", `"a.b`, `"a"b.c`, "a b.c"} {
		if p, err := ParsePattern(bad); err == nil {
			t.Errorf("%q was read as %v", bad, p)
		}
	}
}

// FuzzParsePolicy: no input panics, every mistake has a place inside the file, and what is accepted
// keeps its meaning when its rules are printed and read again.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("tenant: {column: tenant_id, type: text}\ntables:\n  - {match: \"public.*\", scope: tenant}\n"))
	f.Add([]byte("tenant: {column: a}\nfunctions: [{name: \"a.b(int, x.y[])\", why: w}]\nroles: {r: {act_for: [x]}}\n"))
	f.Add([]byte("tenant: &a {column: *a}\n"))
	f.Add([]byte("tenant: {column: a, type: !!binary aGk=}\n---\n? {a: b}\n"))
	f.Add([]byte("tenant:\n  column: |\n    a\n  password: x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePolicy("f.yaml", data)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without text")
			}
			return
		}
		if p.Column == "" {
			t.Fatal("accepted without a tenant column")
		}
		for i, rule := range p.Tables {
			again, err := ParsePattern(rule.Match.String())
			if err != nil || again != rule.Match {
				t.Fatalf("rule %d: %q prints as %q, read as %v, %v", i, rule.Match, rule.Match.String(), again, err)
			}
			for _, earlier := range p.Tables[:i] {
				if earlier.Match.Covers(rule.Match) {
					t.Fatalf("rule %d can never decide", i)
				}
			}
		}
		if p.RuleFor("pg_catalog", "pg_authid") >= 0 {
			t.Fatal("a rule reaches into pg_catalog")
		}
		for _, fn := range p.Functions {
			again, err := ParseFunctionName(fn.String())
			if err != nil || again.String() != fn.String() {
				t.Fatalf("function %q is read as %q, %v", fn, again, err)
			}
		}
	})
}
