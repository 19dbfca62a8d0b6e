package rewriter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway/throwawaytest"
)

// TestTablesKnowTheServer holds the tables against the server at hand: each of its functions is in them, for its major, and none that it has not.
func TestTablesKnowTheServer(t *testing.T) {
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, server.DSN("", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT proname || '(' || oidvectortypes(proargtypes) || ')' FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND oid < 16384`)
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		has[name] = true
	}
	eachRow(functionsText, func(r tableRow) {
		first, last, _ := strings.Cut(r["majors"], "-")
		if last == "" {
			last = first
		}
		name := fmt.Sprintf("%s(%s)", r["name"], r["args"])
		if in := mustInt(first) <= server.Major && server.Major <= mustInt(last); in != has[name] {
			t.Errorf("%s: the table says %s, but on Postgres %d it is %v", name, r["majors"], server.Major, has[name])
		}
		delete(has, name)
		if r["reason"] == "" {
			t.Errorf("%s has no reason", name)
		}
	})
	for name := range has {
		t.Errorf("%s is not in the table", name)
	}
}

// TestCatalogsKnowTheServer holds catalogs.txt against the server at hand: it says of each system relation whether tenants read it, and of
// each column of those that they read what they see there. What it does not name is kept from them, but nobody has decided so.
func TestCatalogsKnowTheServer(t *testing.T) {
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, server.DSN("", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT n.nspname || '.' || c.relname, a.attname FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped`)
	if err != nil {
		t.Fatal(err)
	}
	var name, column string
	undecided := map[string]bool{}
	read := 0
	_, err = pgx.ForEachRow(rows, []any{&name, &column}, func() error {
		st := systemCatalogs().relations[name]
		switch {
		case st == nil:
			undecided[name] = true
		case st.denied == "":
			read++
			if st.columns[column] == "" {
				undecided[name+"."+column] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range slices.Sorted(maps.Keys(undecided)) {
		t.Errorf("catalogs.txt does not name %s", what)
	}
	if read < 500 {
		t.Errorf("tenants see only %d columns", read)
	}
}
