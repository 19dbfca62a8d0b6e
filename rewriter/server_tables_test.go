package rewriter

import (
	"context"
	"fmt"
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
