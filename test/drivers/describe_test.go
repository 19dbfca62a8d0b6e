package drivers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgcordon/test/drivers/stack"
)

// describes are the describe commands of psql 15, in the order of its help: each runs as it stands, and as its forms say with + (detail), S (system objects)
// and patterns.
var describes = []struct {
	command  string
	forms    string
	patterns []string
}{
	{`\d`, "+S", []string{"orders", "customers", "events", "billing.*", "big_orders", "totals", "orders_id_seq", "customers_pkey", "pg_catalog.pg_class", "ord*", "nothing*"}},
	{`\da`, "S", []string{"max", "nothing"}},
	{`\dA`, "+", []string{"btree"}},
	{`\dAc`, "+", []string{"btree", "btree int4", "hash"}},
	{`\dAf`, "+", []string{"btree", "btree int4"}},
	{`\dAo`, "+", []string{"btree", "btree integer_ops"}},
	{`\dAp`, "+", []string{"btree", "btree integer_ops"}},
	{`\db`, "+", []string{"pg_default", "nothing"}},
	{`\dc`, "S+", []string{"utf8_to_*"}},
	{`\dconfig`, "+", []string{"search_path", "work_mem", "*"}},
	{`\dC`, "+", []string{"int4", "mood"}},
	{`\dd`, "S", []string{"customers*", "tax"}},
	{`\dD`, "S+", []string{"positive"}},
	{`\ddp`, "", []string{"public"}},
	{`\dE`, "S+", []string{"*"}},
	{`\des`, "+", []string{"*"}},
	{`\det`, "+", []string{"*"}},
	{`\deu`, "", []string{"*"}},
	{`\dew`, "+", []string{"*"}},
	{`\df`, "S+", []string{"tax", "tax numeric", "billing.*", "pg_catalog.lower"}},
	{`\dfa`, "S", nil}, {`\dfn`, "+", nil}, {`\dfp`, "S+", nil}, {`\dft`, "S+", nil}, {`\dfw`, "S+", nil},
	{`\dF`, "+", []string{"english", "*"}},
	{`\dFd`, "+", []string{"simple"}},
	{`\dFp`, "+", []string{"default"}},
	{`\dFt`, "+", []string{"simple"}},
	{`\dg`, "S+", []string{"postgres", "globex*"}},
	{`\di`, "S+", []string{"orders*"}},
	{`\dL`, "S+", []string{"plpgsql"}},
	{`\dm`, "S+", []string{"totals"}},
	{`\dn`, "S+", []string{"billing", "unseen*"}},
	{`\do`, "S+", []string{"+ integer", "% text text"}},
	{`\dO`, "S+", []string{`"C"`}},
	{`\dp`, "", []string{"orders", "countries"}},
	{`\dP`, "itn+", []string{"events", "unseen*"}},
	{`\dRp`, "+", []string{"unseen*"}},
	{`\dRs`, "+", []string{"unseen*"}},
	{`\ds`, "S+", []string{"orders*"}},
	{`\dt`, "S+", []string{"orders", "billing.*", "unseen*"}},
	{`\dT`, "S+", []string{"mood", "span", "address"}},
	{`\du`, "S+", []string{"globex*"}},
	{`\dv`, "S+", []string{"big_orders"}},
	{`\dx`, "+", []string{"pg_trgm", "plpgsql"}},
	{`\dX`, "", []string{"customers*", "unseen*"}},
	{`\dy`, "+", []string{"*"}},
	{`\l`, "+", []string{"described*", "template*"}},
	{`\sf`, "+", []string{"tax(numeric)", "tax", "pg_catalog.lower(text)", "pg_catalog.ts_debug(text)"}},
	{`\sv`, "+", []string{"big_orders", "pg_catalog.pg_views"}},
	{`\z`, "", []string{"orders"}},
}

// described lists every form of every command.
func described() []string {
	var out []string
	for _, d := range describes {
		// The kinds of functions, or of partitioned relations, stand before S and +.
		kinds := []string{""}
		for _, k := range d.forms {
			if k != '+' && k != 'S' {
				kinds = append(kinds, string(k))
			}
		}
		for _, k := range kinds {
			out = append(out, d.command+k)
			if strings.Contains(d.forms, "S") {
				out = append(out, d.command+k+"S")
			}
			for _, suffix := range []string{"", "+"} {
				if suffix == "+" && !strings.Contains(d.forms, "+") {
					continue
				}
				if suffix == "+" {
					out = append(out, d.command+k+"+")
				}
				for _, p := range d.patterns {
					out = append(out, d.command+k+suffix+" "+p)
				}
			}
		}
	}
	return out
}

// describedWorlds are a schema with much beside it that tenants do not see, behind pgcordon, and the schema alone with acme's rows.
func describedWorlds(t *testing.T, ctx context.Context) [2]stack.Endpoint {
	t.Helper()
	e := proxied(t)
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	schema := read("testdata/described.sql")
	grants := `GRANT USAGE ON SCHEMA billing TO acme_app, app_proxy;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, billing TO acme_app, app_proxy`
	for _, step := range []struct{ database, sql string }{
		{"postgres", "DROP DATABASE IF EXISTS described"}, {"postgres", "DROP DATABASE IF EXISTS described_own"},
		{"postgres", "CREATE DATABASE described"}, {"postgres", "CREATE DATABASE described_own"},
		{"described", schema}, {"described", read("testdata/described-unseen.sql")}, {"described", grants},
		{"described_own", schema}, {"described_own", grants}, {"described_own", "DELETE FROM customers WHERE tenant_id <> 'acme'"},
	} {
		if err := worlds.Postgres.Exec(ctx, step.database, step.sql); err != nil {
			t.Fatalf("%s: %v", step.database, err)
		}
	}
	t.Cleanup(func() {
		for _, sql := range []string{"ALTER SUBSCRIPTION unseen_subscription SET (slot_name = NONE)", "DROP SUBSCRIPTION unseen_subscription"} {
			if err := worlds.Postgres.Exec(context.Background(), "described", sql); err != nil {
				t.Error(err)
			}
		}
	})
	proxy, err := worlds.ServeIn(ctx, t.TempDir(), "described", `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.countries, scope: global}
  - {match: "*.unseen_*", scope: denied}
  - {match: "public.*", scope: tenant}
  - {match: "billing.*", scope: tenant}
functions:
  - {name: public.tax(numeric), why: reads no table}
  - {name: public.stamp(), why: returns the row}
  - {name: public.span, why: makes a range}
  - {name: public.span_multirange, why: makes ranges}
extensions: [pg_trgm]
`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Stop() })
	own := worlds.Direct
	own.Database = "described_own"
	e.Database, e.Port = "described", proxy.Port
	return [2]stack.Endpoint{own, e}
}

// describing runs the commands in one psql and returns what each wrote, to both of its streams.
func describing(t *testing.T, ctx context.Context, e stack.Endpoint, commands []string) []string {
	t.Helper()
	var script strings.Builder
	for i, c := range commands {
		fmt.Fprintf(&script, "\\echo == %d\n\\warn == %d\n%s\n", i, i, c)
	}
	cmd := psql(t, ctx, e, "-A", "-v", "VERBOSITY=verbose", "-f", "-")
	cmd.Stdin = strings.NewReader(script.String())
	var streams [2]bytes.Buffer
	cmd.Stdout, cmd.Stderr = &streams[0], &streams[1]
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", e.Name, err, streams[1].String())
	}
	out := make([]string, len(commands))
	for i := range streams {
		sections := strings.Split("\n"+streams[i].String(), "\n== ")
		if len(sections) != len(commands)+1 {
			t.Fatalf("%s: %d sections, not %d", e.Name, len(sections)-1, len(commands))
		}
		for n, s := range sections[1:] {
			_, text, _ := strings.Cut(s, "\n")
			out[n] += text
		}
	}
	return out
}

// less names the commands that show less through pgcordon, or show where Postgres refuses, and why.
var less = []struct{ command, why string }{
	{`\db+`, "Postgres refuses to tell the size of a tablespace; through pgcordon it has none"},
	{`\dconfig`, "settings that clients may read"},
	{`\dg`, "the session's own role"}, {`\du`, "the session's own role"},
	{`\dnS`, "relations in pg_toast are not shown, so neither is the schema"},
	{`\dRs+`, "Postgres refuses to tell connection strings; through pgcordon there are no subscriptions"},
	{`\l`, "the session's own database"},
}

// refused are those that show what is the operator's: credentials of other servers, large objects, and settings of roles.
var refused = []string{`\deu+`, `\dl`, `\dl+`, `\lo_list`, `\drds`, `\drds app_proxy`}

// plain takes off what a tenant's own database has otherwise: who owns things, their sizes, and privileges, which are those of the shared role. The names
// of databases are the test's.
func plain(text string) string {
	for _, r := range []struct{ from, to string }{
		{`postgres|app_proxy|acme_app|pg_database_owner`, "owner"}, {`\b\d+ (bytes|kB|MB)\b`, ""}, {`\w*=[A-Za-z*]+/\w+\n?`, ""}, {`described_own`, "described"},
	} {
		text = regexp.MustCompile(r.from).ReplaceAllString(text, r.to)
	}
	return text
}

// TestPsqlDescribesEverything runs every describe command of psql: what it shows is what a tenant's own database would, or less.
func TestPsqlDescribesEverything(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	seen := describedWorlds(t, ctx)
	commands := described()
	var texts [2][]string
	for i, e := range seen {
		texts[i] = describing(t, ctx, e, commands)
	}
	for i, text := range describing(t, ctx, seen[1], refused) {
		if !strings.Contains(text, "ERROR:  42501") {
			t.Errorf("%s is not refused:\n%s", refused[i], text)
		}
	}
	for i, c := range commands {
		direct, through := plain(texts[0][i]), plain(texts[1][i])
		_, pattern, _ := strings.Cut(c, " ")
		unseen := strings.ReplaceAll(strings.ToUpper(through), strings.ToUpper(strconv.Quote(pattern)), "")
		if strings.Contains(unseen, "UNSEEN") || strings.Contains(unseen, "GLOBEX-SECRET") {
			t.Errorf("%s shows what tenants do not see:\n%s", c, through)
		}
		if direct == through {
			continue
		}
		if !slices.ContainsFunc(less, func(l struct{ command, why string }) bool { return strings.HasPrefix(c, l.command) }) {
			t.Errorf("%s\n%s", c, firstDifference(direct, through))
			continue
		}
		if strings.Contains(through, "ERROR") {
			t.Errorf("%s fails:\n%s", c, through)
		}
		if strings.Contains(direct, "ERROR:  42501") {
			continue
		}
		lines := strings.Split(direct, "\n")
		for _, line := range strings.Split(through, "\n") {
			counts := strings.HasSuffix(line, " rows)") || strings.HasSuffix(line, " row)")
			none := strings.Contains(line, "Did not find any settings")
			if !slices.Contains(lines, line) && !counts && !none {
				t.Errorf("%s shows what Postgres does not: %s", c, line)
			}
		}
	}
}

func firstDifference(direct, through string) string {
	a, b := strings.Split(direct, "\n"), strings.Split(through, "\n")
	for i := range max(len(a), len(b)) {
		if at(a, i) != at(b, i) {
			return fmt.Sprintf("line %d directly: %s\nthrough pgcordon: %s", i+1, at(a, i), at(b, i))
		}
	}
	return ""
}
