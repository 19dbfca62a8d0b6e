package rewriter

import (
	"errors"
	"strings"
	"testing"

	"pgcordon/policy/catalog"
)

// strayCursors are changes of a function, and whether a cursor could then stand on rows that it reads.
var strayCursors = []struct {
	name  string
	apply func(vouched, other *catalog.Function)
	stray bool
}{
	{"none", func(_, _ *catalog.Function) {}, false},
	{"rows of a vouched function in SQL", func(v, _ *catalog.Function) { v.ReturnsSet = true }, true},
	{"rows of a vouched function in PL/pgSQL", func(v, _ *catalog.Function) { v.ReturnsSet, v.Language = true, "plpgsql" }, false},
	{"rows of a function in SQL that nobody can call", func(_, o *catalog.Function) { o.ReturnsSet = true }, false},
	{"a function of a cursor", func(_, o *catalog.Function) { o.Language, o.Source = "plpgsql", "DECLARE c REFCURSOR; BEGIN END" }, true},
	{"a function that opens what it is given", func(_, o *catalog.Function) { o.Language, o.Source = "plpgsql", "BEGIN OPEN $1 FOR SELECT 1; END" }, true},
	{"a function with another word", func(_, o *catalog.Function) { o.Language, o.Source = "plpgsql", "BEGIN PERFORM reopen(opened); END" }, false},
	{"a column in SQL", func(_, o *catalog.Function) { o.Source = "SELECT open FROM public.orders" }, false},
	{"a cursor in SQL", func(_, o *catalog.Function) { o.Source = "DECLARE c CURSOR FOR SELECT 1" }, true},
	{"another language", func(_, o *catalog.Function) { o.Language, o.Source = "plperl", "" }, true},
	{"C", func(v, o *catalog.Function) { v.Language, v.ReturnsSet, o.Language = "c", true, "c" }, false},
	{"an extension's that the policy opens", func(v, _ *catalog.Function) { v.ReturnsSet, v.Extension, v.Name = true, "citext", "regexp_matches" }, false},
	{"an extension's that the policy does not open", func(v, _ *catalog.Function) { v.ReturnsSet, v.Extension = true, "dblink" }, true},
	{"an extension's that nobody can call", func(_, o *catalog.Function) { o.Language, o.Extension = "plpython3u", "x" }, false},
}

// TestPositionedBesideFunctions asks the pass and the sweep, each by itself, about WHERE CURRENT OF beside functions.
func TestPositionedBesideFunctions(t *testing.T) {
	for _, c := range strayCursors {
		t.Run(c.name, func(t *testing.T) {
			bound := goldenBound(t)
			bound.Policy.Extensions = []string{"citext"}
			functions := bound.Catalog.Schemas["public"].Functions
			for _, f := range functions["tax"] {
				if len(f.Args) == 1 {
					c.apply(f, functions["order_secret"][0])
				}
			}
			const sql = "UPDATE public.orders SET total = 1 WHERE CURRENT OF c"
			in, tree, err := sweepCase(bound, "", sql)
			if err != nil {
				t.Fatal(err)
			}
			switch err := sweep(sql, tree, in); {
			case !c.stray && err != nil:
				t.Errorf("the sweep: %v", err)
			case c.stray && (err == nil || errors.Is(err, errNotEqual) || !strings.Contains(err.Error(), "beside function")):
				t.Errorf("the sweep says %v", err)
			}
			r := New(bound, Options{})
			_, err = r.Plan(Request{SQL: sql, SearchPath: []string{"public"}})
			if den := (*Denial)(nil); c.stray != errors.As(err, &den) || c.stray && den.Rule != ruleStatementKind {
				t.Errorf("the pass says %v", err)
			}
			if _, err := r.Plan(Request{SQL: "UPDATE public.orders SET total = 1", SearchPath: []string{"public"}}); err != nil {
				t.Errorf("without a cursor: %v", err)
			}
		})
	}
}
