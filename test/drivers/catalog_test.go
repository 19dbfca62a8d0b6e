package drivers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgcordon/test/drivers/stack"
)

// TestPsqlDescribes runs psql's \d family. In both worlds it shows the same, but for who owns things (a tenant sees the session's role) and
// what its own world gives a tenant column that the shared one does not: a default.
func TestPsqlDescribes(t *testing.T) {
	owners := regexp.MustCompile(`postgres|app_proxy|acme_app|pg_database_owner`)
	spaces := regexp.MustCompile(` +|-+`)
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := psql(t, ctx, e, "-A", "-f", "testdata/catalog.sql").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text := string(out)
		if !strings.Contains(text, "== end") || strings.Contains(text, "ERROR") || strings.Contains(text, "GLOBEX-SECRET") {
			t.Errorf("%s: not to the end, an error, or another tenant's rows:\n%s", e.Name, out)
		}
		for _, line := range strings.Split(text, "\n") {
			if hiddenLine(line) {
				continue
			}
			r.say("%s", spaces.ReplaceAllString(owners.ReplaceAllString(strings.ReplaceAll(line, "'acme'::text", ""), "owner"), " "))
		}
	})
}

// hiddenLine tells whether a line of psql's speaks of what the two worlds show differently: privileges, sizes, and a table that the policy denies.
func hiddenLine(line string) bool {
	return strings.Contains(line, "=arwd") || strings.Contains(line, "=rw") || strings.Contains(line, "bytes") || strings.Contains(line, " kB") ||
		strings.Contains(line, "secrets") || strings.Contains(line, "value|text") || strings.HasSuffix(line, " rows)") || strings.HasSuffix(line, " row)") || strings.HasSuffix(line, "|permanent|heap||")
}

// reaches skips the test where a client tool is older than the server: pg_dump refuses newer ones.
func reaches(t *testing.T, tool string) {
	t.Helper()
	out, err := exec.Command(tool, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\) (\d+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%s --version says %q", tool, out)
	}
	if major, _ := strconv.Atoi(string(m[1])); major < worlds.Postgres.Major {
		t.Skipf("%s %d refuses servers of %d", filepath.Base(tool), major, worlds.Postgres.Major)
	}
}

// TestPgDump dumps the schema through pgcordon: what the policy opens is there, with its keys.
func TestPgDump(t *testing.T) {
	e := proxied(t)
	path, err := exec.LookPath("pg_dump")
	if err != nil {
		needs(t, "pg_dump")
	}
	reaches(t, path)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	file := filepath.Join(t.TempDir(), "schema.sql")
	dump := exec.CommandContext(ctx, path, "--schema-only", "--no-owner", "--enable-row-security", "-f", file)
	dump.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, e.Environment()...)
	if out, err := dump.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CREATE TABLE public.orders", "CREATE TABLE public.countries", "ADD CONSTRAINT orders_pkey PRIMARY KEY (tenant_id, id)",
		"FOREIGN KEY (tenant_id, customer_id) REFERENCES public.customers(tenant_id, id)", "CHECK ((amount >= (0)::numeric))"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the dump has no %q", want)
		}
	}
	if strings.Contains(string(text), "secrets") || strings.Contains(string(text), "GLOBEX-SECRET") {
		t.Errorf("the dump shows what the policy denies:\n%s", text)
	}
}
