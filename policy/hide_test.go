package policy_test

import (
	"slices"
	"testing"
)

func TestHideColumn(t *testing.T) {
	b := bind(t, `
CREATE TABLE shown (id int, tenant_id text NOT NULL);
CREATE TABLE hidden (id int, tenant_id text NOT NULL, name text);
CREATE TABLE renamed (org text NOT NULL, id int);
CREATE TABLE without (id int);
CREATE VIEW with_column AS SELECT tenant_id, id FROM hidden;
CREATE VIEW without_column AS SELECT id FROM hidden;
`, `
tenant: {column: tenant_id}
tables:
  - {match: public.shown, scope: tenant}
  - {match: public.renamed, scope: tenant, column: org, hide_column: true}
  - {match: public.*, scope: tenant, hide_column: true}
`)
	for name, want := range map[string]struct {
		hidden  string
		columns []string
	}{
		"shown":          {"", []string{"id", "tenant_id"}},
		"hidden":         {"tenant_id", []string{"id", "name"}},
		"renamed":        {"org", []string{"id"}},
		"without":        {"", []string{"id"}},
		"with_column":    {"tenant_id", []string{"id"}},
		"without_column": {"", []string{"id"}},
	} {
		got := b.Table(b.Catalog.Schemas["public"].Relations[name].OID)
		var columns []string
		for _, c := range got.VisibleColumns() {
			columns = append(columns, c.Name)
		}
		if got.HiddenColumn() != want.hidden || got.Hidden != (want.hidden != "") || !slices.Equal(columns, want.columns) {
			t.Errorf("%s hides %q (%t), shows %v", name, got.HiddenColumn(), got.Hidden, columns)
		}
	}
}
