package drivers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgcordon/test/drivers/stack"
)

// hiddenColumn matches the tenant column in the lists of veiled.sql: its definition, and its name.
var hiddenColumn = regexp.MustCompile(`(?m)^    tenant_id text NOT NULL,\n|tenant_id, `)

// veiledWorlds are a schema with hidden tenant columns behind pgcordon, and the same schema without the columns.
func veiledWorlds(t *testing.T, ctx context.Context) [2]stack.Endpoint {
	t.Helper()
	e := proxied(t)
	schema, err := os.ReadFile("testdata/veiled.sql")
	if err != nil {
		t.Fatal(err)
	}
	const grants = "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO acme_app, app_proxy"
	for _, step := range []struct{ database, sql string }{
		{"postgres", "DROP DATABASE IF EXISTS veiled"}, {"postgres", "DROP DATABASE IF EXISTS veiled_own"},
		{"postgres", "CREATE DATABASE veiled"}, {"postgres", "CREATE DATABASE veiled_own"},
		{"veiled", string(schema) + grants}, {"veiled_own", hiddenColumn.ReplaceAllString(string(schema), "") + grants},
	} {
		if err := worlds.Postgres.Exec(ctx, step.database, step.sql); err != nil {
			t.Fatalf("%s: %v", step.database, err)
		}
	}
	proxy, err := worlds.ServeIn(ctx, t.TempDir(), "veiled", `
tenant: {column: tenant_id, type: text}
tables:
  - {match: "public.*", scope: tenant, hide_column: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Stop() })
	own := worlds.Direct
	own.Database = "veiled_own"
	e.Database, e.Port = "veiled", proxy.Port
	return [2]stack.Endpoint{own, e}
}

// TestHiddenColumnsAreDescribedAsAbsent compares what psql, drivers and pg_dump see of tables with hidden columns with tables that have none.
func TestHiddenColumnsAreDescribedAsAbsent(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen := veiledWorlds(t, ctx)
	owners := regexp.MustCompile(`postgres|app_proxy|acme_app`)
	t.Run("psql", func(t *testing.T) {
		var texts [2][]string
		for i, e := range seen {
			out, err := psql(t, ctx, e, "-A", "-v", "ON_ERROR_STOP=1", "-f", "testdata/veiled-describe.sql").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "== end") {
				t.Fatalf("%s: %v\n%s", e.Name, err, out)
			}
			texts[i] = strings.Split(owners.ReplaceAllString(string(out), "owner"), "\n")
		}
		sameLines(t, texts)
	})
	t.Run("pg_dump", func(t *testing.T) {
		path, err := exec.LookPath("pg_dump")
		if err != nil {
			needs(t, "pg_dump")
		}
		reaches(t, path)
		var texts [2][]string
		for i, e := range seen {
			file := filepath.Join(t.TempDir(), "schema.sql")
			dump := exec.CommandContext(ctx, path, "--schema-only", "--no-owner", "--no-privileges", "--enable-row-security", "-f", file)
			dump.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, e.Environment()...)
			if out, err := dump.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", e.Name, err, out)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(text), "\n") {
				// Comments tell of the schema public, whose owner is the session's role; \restrict has a word made at random.
				if line != "" && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
					texts[i] = append(texts[i], line)
				}
			}
		}
		sameLines(t, texts)
	})
}

// sameLines fails at the first line that differs.
func sameLines(t *testing.T, texts [2][]string) {
	t.Helper()
	for i := range max(len(texts[0]), len(texts[1])) {
		if at(texts[0], i) != at(texts[1], i) {
			t.Fatalf("line %d differs:\nwithout the column: %s\npgcordon:           %s\nall through pgcordon:\n%s", i+1, at(texts[0], i), at(texts[1], i), strings.Join(texts[1], "\n"))
		}
	}
}
