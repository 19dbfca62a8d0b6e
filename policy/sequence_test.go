package policy_test

import "testing"

func TestOpensSequence(t *testing.T) {
	b := bind(t, `CREATE SEQUENCE named; CREATE SEQUENCE "with.dot"; CREATE SEQUENCE matched; CREATE SEQUENCE late; CREATE SEQUENCE tenants; CREATE TABLE plain (id int)`, `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.named, scope: global}
  - {match: 'public."with.dot"', scope: global}
  - {match: public.plain, scope: global}
  - {match: public.tenants, scope: tenant}
  - {match: "public.l*", scope: denied}
  - {match: "public.*", scope: global}
`)
	for name, want := range map[string]bool{"named": true, "with.dot": true, "plain": false, "tenants": false, "late": false, "matched": false} {
		if got := b.OpensSequence(b.Catalog.Schemas["public"].Relations[name]); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
