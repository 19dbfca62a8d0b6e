package policy_test

import (
	"strings"
	"testing"

	"pgcordon/policy"
)

func TestBindScopes(t *testing.T) {
	b := bind(t, `
CREATE DOMAIN moment AS timestamptz;
CREATE TABLE templates (tenant_id text, gone boolean NOT NULL);
CREATE TABLE stamped (tenant_id text, deleted_at timestamptz);
CREATE TABLE dated (deleted_at date);
CREATE TABLE required (tenant_id text, deleted_at timestamp NOT NULL);
CREATE TABLE missing (tenant_id text);
CREATE TABLE odd (tenant_id text, deleted_at moment);
CREATE TABLE number (tenant_id text, deleted_at int);
CREATE TABLE computed (tenant_id text, n int, deleted_at boolean GENERATED ALWAYS AS (n > 1) STORED);
CREATE TABLE computed_kept (tenant_id text, n int, deleted_at boolean GENERATED ALWAYS AS (n > 1) STORED);
CREATE TABLE both_wrong (gone int);
CREATE VIEW seen AS SELECT * FROM stamped;
CREATE TABLE shared (tenant_id text);
CREATE TABLE shared_child () INHERITS (shared);
CREATE TABLE shared_grandchild () INHERITS (shared_child);
CREATE TABLE open (tenant_id text);
CREATE TABLE open_child () INHERITS (open);
CREATE TABLE owned (tenant_id text, org_id text);
CREATE TABLE owned_child () INHERITS (owned);
CREATE TABLE same (tenant_id text);
CREATE TABLE same_child (more int) INHERITS (same);
CREATE TABLE hidden (tenant_id text);
CREATE TABLE hidden_child () INHERITS (hidden);
`, `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.templates, scope: mixed, soft_delete: {column: gone, rewrite_delete: true}}
  - {match: public.dated, scope: global, soft_delete: {column: deleted_at}}
  - {match: public.computed, scope: tenant, soft_delete: {column: deleted_at, rewrite_delete: true}}
  - {match: public.both_wrong, scope: tenant, soft_delete: {column: gone}}
  - {match: public.shared, scope: global}
  - {match: public.shared_child, scope: denied}
  - {match: public.shared_grandchild, scope: mixed}
  - {match: "public.open*", scope: global}
  - {match: public.owned_child, scope: tenant, column: org_id}
  - {match: public.owned, scope: tenant}
  - {match: "public.same*", scope: tenant}
  - {match: public.hidden, scope: tenant}
  - {match: public.hidden_child, scope: denied}
  - {match: "public.*", scope: tenant, soft_delete: {column: deleted_at}}
`)
	for _, c := range []struct {
		relation string
		scope    policy.Scope
		deleted  string // column, b for boolean, r for rewrite_delete
		problem  string
	}{
		{"templates", policy.ScopeMixed, "gone b r", ""},
		{"stamped", policy.ScopeTenant, "deleted_at", ""},
		{"dated", policy.ScopeGlobal, "deleted_at", ""},
		{"seen", policy.ScopeTenant, "", ""},
		{"required", policy.ScopeDenied, "", "is NOT NULL: no row could be live"},
		{"missing", policy.ScopeDenied, "", `no column "deleted_at", which would mark deleted rows`},
		{"odd", policy.ScopeDenied, "", "which cannot mark deleted rows"},
		{"number", policy.ScopeDenied, "", "is of type integer, which cannot mark deleted rows"},
		{"computed", policy.ScopeDenied, "", "is generated"},
		{"computed_kept", policy.ScopeTenant, "deleted_at b", ""},
		{"both_wrong", policy.ScopeDenied, "", `no column "tenant_id"`},
		{"shared", policy.ScopeDenied, "", "its child public.shared_grandchild holds rows of tenants"},
		{"shared_child", policy.ScopeDenied, "", ""},
		{"shared_grandchild", policy.ScopeMixed, "", ""},
		{"open", policy.ScopeGlobal, "", ""},
		{"owned", policy.ScopeDenied, "", `its tenant column is "tenant_id", and that of its child public.owned_child is "org_id"`},
		{"owned_child", policy.ScopeTenant, "", ""},
		{"same", policy.ScopeTenant, "", ""},
		{"hidden", policy.ScopeTenant, "", ""},
		{"hidden_child", policy.ScopeDenied, "", ""},
	} {
		got := b.Table(b.Catalog.Schemas["public"].Relations[c.relation].OID)
		var deleted []string
		if s := got.SoftDelete; s != nil {
			deleted = append(deleted, s.Column)
			if s.Boolean {
				deleted = append(deleted, "b")
			}
			if s.RewriteDelete {
				deleted = append(deleted, "r")
			}
		}
		if got.Scope != c.scope || strings.Join(deleted, " ") != c.deleted || !strings.Contains(got.Problem, c.problem) || (c.problem == "") != (got.Problem == "") {
			t.Errorf("%s: %+v %q", c.relation, *got, deleted)
		}
	}
}
