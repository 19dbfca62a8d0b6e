package orms

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/drivers/wiretap"
)

// TestRecordedMigrations sends to two empty databases what programs ran there to make their tables, all of it and in its order, and compares the
// answers and what was made. The user's role has the right ddl, and writes the tables in which migrations are noted.
func TestRecordedMigrations(t *testing.T) {
	needWorlds(t)
	files, err := filepath.Glob("testdata/migrations/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var sessions [][]recorded
			for line := range strings.Lines(string(text)) {
				var s []recorded
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatal(err)
				}
				sessions = append(sessions, s)
			}
			own, shared := emptyWorlds(t)
			for _, statements := range sessions {
				compare(t, unnumbered(replay(t, own, statements)), unnumbered(replay(t, shared, statements)))
			}
			compareSchemas(t)
		})
	}
}

// emptyWorlds makes two empty databases, each its user's own, and starts a pgcordon in front of one of them.
func emptyWorlds(t *testing.T) (own, shared stack.Endpoint) {
	t.Helper()
	ctx := context.Background()
	policy, err := os.ReadFile("testdata/migrations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"DROP DATABASE IF EXISTS moved_own", "DROP DATABASE IF EXISTS moved",
		"CREATE DATABASE moved_own OWNER acme_app", "CREATE DATABASE moved OWNER app_proxy",
	} {
		if err := server.Postgres.Exec(ctx, "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	proxy, err := server.ServeRole(ctx, t.TempDir(), "moved", string(policy), "deployer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Stop() })
	own, shared = server.Direct, server.Proxied
	own.Database, shared.Database, shared.Port = "moved_own", "moved", proxy.Port
	return own, shared
}

// What two databases that were not made from one template show differently: numbers of objects, moments, and the keys of locks that are made of the database's name.
var (
	oids  = regexp.MustCompile(`\b(1[6-9]|[2-9]\d)\d{3}\b`)
	times = regexp.MustCompile(`\b20[2-9]\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|\+00|Z)?`)
	keys  = regexp.MustCompile(`lock\(\d+\)`)
)

// unnumbered leaves it out of what was said.
func unnumbered(sessions [][]wiretap.Exchange) [][]wiretap.Exchange {
	same := func(text string) string {
		return keys.ReplaceAllString(oids.ReplaceAllString(times.ReplaceAllString(text, "now"), "oid"), "lock(key)")
	}
	for _, session := range sessions {
		for i := range session {
			session[i].SQL = same(session[i].SQL)
			for j := range session[i].Answer {
				session[i].Answer[j] = same(session[i].Answer[j])
			}
		}
	}
	return sessions
}

// madeQuery lists what a schema consists of, each thing as Postgres prints it.
const madeQuery = `
SELECT concat_ws(' ', c.relkind, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT concat_ws(' ', enumtypid::regtype, enumsortorder, enumlabel) FROM pg_enum
UNION ALL SELECT query_to_xml(format('TABLE %I ORDER BY 1', relname), true, true, '')::text FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN ('schema_migrations', 'ar_internal_metadata', 'django_migrations', 'knex_migrations')
ORDER BY 1`

// compareSchemas compares what was made in the two databases, and that something was.
func compareSchemas(t *testing.T) {
	t.Helper()
	own, shared := made(t, "moved_own"), made(t, "moved")
	if own != shared {
		t.Errorf("the schemas differ:\n%s", difference(strings.Split(own, "\n"), strings.Split(shared, "\n")))
	}
	if n := strings.Count(own, "\n"); n < 15 {
		t.Errorf("the schema has %d things only:\n%s", n, own)
	}
}

func made(t *testing.T, database string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.Postgres.DSN("", database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, madeQuery)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(fmt.Errorf("reading the schema of %s: %w", database, err))
	}
	return strings.Join(lines, "\n")
}
