package rewriter

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

// TestSystemCatalogsAreKnown holds catalogs.txt against the server at hand: it says of every relation whether tenants may read it, and of every column
// of one that they may read what they see of it; and the server can run what the table says.
func TestSystemCatalogsAreKnown(t *testing.T) {
	server := throwawaytest.ForTest(t)
	db := throwawaytest.Database(t, server, "CREATE TABLE a (tenant_id text, id int PRIMARY KEY, v text DEFAULT 'x' CHECK (v <> '')); CREATE TABLE b (x int)")
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	snap, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	match, err := policy.ParsePattern("public.a")
	if err != nil {
		t.Fatal(err)
	}
	bound := policy.Bind(&policy.Policy{Column: "tenant_id", Tables: []policy.TableRule{{Match: match, Scope: policy.ScopeTenant}}}, snap)
	r := New(bound, Options{})
	opened := 0
	for _, schema := range []string{"pg_catalog", "information_schema"} {
		for name, rel := range snap.Schemas[schema].Relations {
			st := systemCatalogs().relations[schema+"."+name]
			if st == nil {
				t.Errorf("catalogs.txt does not name %s.%s", schema, name)
				continue
			}
			if st.denied != "" {
				continue
			}
			opened++
			for _, c := range rel.Columns {
				if st.columns[c.Name] == "" {
					t.Errorf("catalogs.txt does not say what tenants see of column %s of %s.%s", c.Name, schema, name)
				}
			}
			for c, why := range st.refused {
				if _, err := r.Plan(Request{SQL: "SELECT " + c + " FROM " + schema + "." + name, Protocol: Simple}); rel.Column(c) != nil && err == nil {
					t.Errorf("%s of %s.%s can be read: %s", c, schema, name, why)
				}
			}
			plan, err := r.Plan(Request{SQL: "SELECT " + namable(rel) + " FROM " + schema + "." + name, Protocol: Simple})
			if err != nil {
				t.Errorf("%s.%s: %v", schema, name, err)
				continue
			}
			if _, err := conn.Exec(ctx, plan.SQL); err != nil {
				t.Errorf("%s.%s: %v\n%s", schema, name, err, plan.SQL)
			}
		}
	}
	if opened < 60 {
		t.Errorf("%d relations can be read", opened)
	}
	seen := func(sql string) (n int) {
		plan, err := r.Plan(Request{SQL: sql, Protocol: Simple})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if err := conn.QueryRow(ctx, plan.SQL).Scan(&n); err != nil {
			t.Fatalf("%s: %v", plan.SQL, err)
		}
		return n
	}
	for sql, want := range map[string]int{
		"SELECT count(*)::int FROM pg_class WHERE relname IN ('a', 'a_pkey')":                          2,
		"SELECT count(*)::int FROM pg_class WHERE relname = 'b'":                                       0,
		"SELECT count(*)::int FROM pg_attribute WHERE attname IN ('v', 'x')":                           1,
		"SELECT relchecks::int FROM pg_class WHERE relname = 'a'":                                      1,
		"SELECT count(*)::int FROM information_schema.tables WHERE table_schema = 'public'":            1,
		"SELECT count(*)::int FROM pg_type WHERE typname IN ('a', '_a', 'b', '_b')":                    2,
		"SELECT count(*)::int FROM pg_constraint WHERE conname LIKE 'a\\_%' AND contype IN ('c', 'p')": 2,
		"SELECT count(*)::int FROM pg_database":                                                        1,
		"SELECT count(pg_get_userbyid(relowner))::int FROM pg_class WHERE relname = 'a'":               1,
	} {
		if got := seen(sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}

// namable is the select list of the columns of a system relation that may be named: `*` where these are all.
func namable(rel *catalog.Relation) string {
	st := systemCatalogs().relations[rel.Schema+"."+rel.Name]
	if st == nil || len(st.refused) == 0 {
		return "*"
	}
	var names []string
	for _, c := range rel.Columns {
		if st.refused[c.Name] == "" {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}
