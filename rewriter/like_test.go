package rewriter

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway/throwawaytest"
)

func TestHarmlessLikePattern(t *testing.T) {
	for pattern, want := range map[string]bool{`a%`: true, ``: true, `a\\`: true, `\%x`: true, `a\`: false, `\`: false, `a\\\`: false} {
		if got := harmlessLikePattern(pattern); got != want {
			t.Errorf("harmlessLikePattern(%q) = %v, want %v", pattern, got, want)
		}
	}
	for pattern, want := range map[string]bool{`a%`: true, ``: true, `a\\`: false, `\x5c`: false, `a\134`: false, `a\134b`: true, `\`: false} {
		if got := harmlessByteaPattern(pattern); got != want {
			t.Errorf("harmlessByteaPattern(%q) = %v, want %v", pattern, got, want)
		}
	}
}

// TestPatternParameter plans LIKE $1 for values of $1: for a sane pattern nothing is left of the guard, so that the index serves it; one that ends
// in an escape is only looked at on the tenant's own rows.
func TestPatternParameter(t *testing.T) {
	schema, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, throwawaytest.Database(t, server, string(schema)+orderRows)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	plan, err := New(goldenBound(t), Options{}).Plan(Request{SQL: "SELECT id FROM orders WHERE secret LIKE $1", Protocol: Extended,
		SearchPath: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	results, err := conn.PgConn().Exec(ctx, "SET enable_seqscan = off; SET plan_cache_mode = force_custom_plan;"+
		"DROP INDEX orders_tenant_id_idx; PREPARE p (text, text) AS "+plan.SQL).ReadAll()
	if err != nil || len(results) != 4 {
		t.Fatal(err)
	}
	for pattern, guarded := range map[string]bool{"GLOBEX%": false, `GLOBEX\_%`: false, `GLOBEX\`: true, `GLOBEX\\`: true} {
		lines := strings.Join(explain(t, conn, fmt.Sprintf("EXECUTE p ('%s', 'acme')", pattern)), "\n")
		if got := strings.Contains(lines, "CASE"); got != guarded {
			t.Errorf("LIKE '%s': guarded is %v\n%s", pattern, got, lines)
		}
		if !guarded && !strings.Contains(lines, "secret ~>=~ 'GLOBEX") {
			t.Errorf("LIKE '%s' does not use the index:\n%s", pattern, lines)
		}
		rows, err := conn.PgConn().Exec(ctx, fmt.Sprintf("EXECUTE p ('%s', 'acme')", pattern)).ReadAll()
		if err != nil || len(rows[0].Rows) != 0 {
			t.Errorf("LIKE '%s': %d rows, %v", pattern, len(rows), err)
		}
	}
}
