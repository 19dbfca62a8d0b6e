package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"pgcordon/policy/advisor"
)

// Every field of the JSON reports stands in the documentation.
func TestReportsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{checkReport{}, checkRelation{}, checkFunction{}, advisor.Finding{},
		explanation{}, explainParameter{}, explainRelation{}, explainDenial{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("json")
			if !strings.Contains(string(text), "`"+name+"`") && !strings.Contains(string(text), "`"+name+"[]`") {
				t.Errorf("%s: the field %q is not in docs/policy.md", typ, name)
			}
		}
	}
}
