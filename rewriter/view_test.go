package rewriter

import (
	"errors"
	"fmt"
	"testing"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// TestViewDefinitions: a view whose definition cannot be read, or that is nested too deeply, is refused.
func TestViewDefinitions(t *testing.T) {
	bound := goldenBound(t)
	views := map[string]string{"torn": "SELECT FROM WHERE", "two": "SELECT 1; SELECT 2", "other": "DELETE FROM public.orders", "deep0": "SELECT 1 AS x"}
	for i := range maxViewDepth + 1 {
		views[fmt.Sprintf("deep%d", i+1)] = fmt.Sprintf("SELECT x FROM public.deep%d", i)
	}
	oid := uint32(900000)
	for name, definition := range views {
		oid++
		r := &catalog.Relation{OID: oid, Schema: "public", Name: name, Kind: catalog.View, Definition: definition,
			Columns: []catalog.Column{{Name: "x", Num: 1, TypeOID: oidInt4}}}
		bound.Catalog.ByOID[oid], bound.Catalog.Schemas["public"].Relations[name] = r, r
	}
	r := New(policy.Bind(bound.Policy, bound.Catalog), Options{})
	for name, refused := range map[string]bool{"torn": true, "two": true, "other": true, "deep5": false, fmt.Sprintf("deep%d", maxViewDepth+1): true} {
		_, err := r.Plan(Request{SQL: "SELECT * FROM " + name, SearchPath: []string{"public"}})
		var d *Denial
		if errors.As(err, &d) != refused || refused && d.Rule != ruleViewDefinition {
			t.Errorf("%s: %v", name, err)
		}
	}
}
