package orms

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/drivers/wiretap"
)

// What the two worlds show differently on purpose (SECURITY.md, "What the catalogs show"): names and numbers of roles and of the two databases, the
// default of a tenant column, privileges, and what a process or a moment gives.
var differing = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\b(app_proxy|acme_app|postgres|pg_database_owner)\b`), "owner"},
	{regexp.MustCompile(`'(nobody|acme)'::text`), "'tenant'::text"},
	{regexp.MustCompile(`\b(library|moved)(_own)?\b`), "database"},
	{regexp.MustCompile(`\{[^{}]*=[a-zA-Z*]*/[^{}]*\}`), "NULL"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+[+-]\d\d(:\d\d)?`), "now"},
}

// names are the types of values that print as names of objects, as regclass: pgcordon sends them as texts.
var names = regexp.MustCompile(` (24|2202|2205|2206|4089|4096)(,|$)`)

// constants are what catalogs show of sizes, other roles and other databases in place of the truth, and NULL where a number that names no type prints as "-": statements that ask for it are compared by their columns and errors.
var constants = regexp.MustCompile(`(?i)reltuples|relpages|pg_database\b|pg_size|rolcreaterole FROM pg_roles|::regtype::text AS basetype_name`)

// cursors are names that a program makes of a thread's number; savepoints those made of a random one; databases are what it takes from its
// connection string.
var (
	cursors    = regexp.MustCompile(`_django_curs_\w+`)
	savepoints = regexp.MustCompile(`(?i)SAVEPOINT ("[0-9a-f-]{36}|sp\d+)`)
	databases  = regexp.MustCompile(`\b(library|moved)_own\b`)
)

// sameText is a statement without what the two worlds' programs write differently.
func sameText(sql string) string {
	return databases.ReplaceAllString(savepoints.ReplaceAllString(cursors.ReplaceAllString(sql, "cursor"), "SAVEPOINT"), "$1")
}

// roleNumbers replaces the oids of roles.
func roleNumbers(t *testing.T) *strings.Replacer {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), server.Postgres.DSN("", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), "SELECT oid::text FROM pg_roles WHERE rolname IN ('app_proxy', 'acme_app') UNION ALL SELECT oid::text FROM pg_database WHERE datname IN ('library_own', 'library', 'moved_own', 'moved')")
	if err != nil {
		t.Fatal(err)
	}
	oids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, oid := range oids {
		pairs = append(pairs, oid, "number")
	}
	return strings.NewReplacer(pairs...)
}

// normal is a statement's record without what differs on purpose. Rows come in the order of their text where the statement gives none.
func normal(e wiretap.Exchange, numbers *strings.Replacer) []string {
	var out []string
	if constants.MatchString(e.SQL) {
		for _, line := range e.Answer {
			if !strings.HasPrefix(line, "row ") && !strings.HasPrefix(line, "SELECT ") {
				out = append(out, line)
			}
		}
		return out
	}
	for _, line := range withoutToast(e.Answer) {
		line = numbers.Replace(line)
		if strings.HasPrefix(line, "columns ") {
			line = names.ReplaceAllString(line, " 25$2")
		}
		for _, d := range differing {
			line = d.pattern.ReplaceAllString(line, d.by)
		}
		out = append(out, line)
	}
	if !strings.Contains(strings.ToLower(e.SQL), "order by") {
		isRow := func(line string) bool { return strings.HasPrefix(line, "row ") }
		if from := slices.IndexFunc(out, isRow); from >= 0 {
			to := from
			for to < len(out) && isRow(out[to]) {
				to++
			}
			slices.Sort(out[from:to])
		}
	}
	return out
}

// compare fails for each statement that the two worlds answer differently, and returns how many statements there were.
func compare(t *testing.T, direct, proxied [][]wiretap.Exchange) int {
	t.Helper()
	numbers := roleNumbers(t)
	count := 0
	for i := range max(len(direct), len(proxied)) {
		if i >= len(direct) || i >= len(proxied) {
			t.Errorf("%d connections directly, %d through pgcordon", len(direct), len(proxied))
			return count
		}
		for j := range max(len(direct[i]), len(proxied[i])) {
			if j >= len(direct[i]) || j >= len(proxied[i]) {
				t.Errorf("connection %d: %d statements directly, %d through pgcordon", i, len(direct[i]), len(proxied[i]))
				break
			}
			count++
			d, p := direct[i][j], proxied[i][j]
			if sameText(d.SQL) != sameText(p.SQL) {
				t.Errorf("connection %d: the programs part at\ndirect:   %s\npgcordon: %s", i, d.SQL, p.SQL)
				break
			}
			if strings.Contains(fmt.Sprint(p.Answer), "GLOBEX-SECRET") {
				t.Errorf("another tenant's rows: %s", p.SQL)
			}
			if a, b := normal(d, numbers), normal(p, numbers); !slices.Equal(a, b) {
				t.Errorf("differs:\n%s\nparameters %s\n%s", d.SQL, shown(d.Params), difference(a, b))
			}
		}
	}
	return count
}

func shown(params []*string) string {
	var out []string
	for _, p := range params {
		if p == nil {
			out = append(out, "NULL")
		} else {
			out = append(out, *p)
		}
	}
	return strings.Join(out, ", ")
}

// difference shows the lines that only one side has.
func difference(direct, proxied []string) string {
	var out strings.Builder
	for _, line := range direct {
		if !slices.Contains(proxied, line) {
			fmt.Fprintf(&out, "direct:   %s\n", line)
		}
	}
	for _, line := range proxied {
		if !slices.Contains(direct, line) {
			fmt.Fprintf(&out, "pgcordon: %s\n", line)
		}
	}
	if out.Len() == 0 {
		return "the same lines in another order or number"
	}
	return out.String()
}
