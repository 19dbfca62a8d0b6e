//go:build orms

package orms

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgcordon/test/drivers/wiretap"
)

// migrations are programs that make their tables by themselves. They speak the simple protocol, or send their values as texts, so that what they
// sent can be sent again.
var migrations = []program{
	{name: "django", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python migrate.py"},
	{name: "alembic", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python revise.py"},
	{name: "rails", needs: []string{"ruby"}, dir: "ruby", run: "ruby migrate.rb"},
	{name: "gorm", needs: []string{"go"}, dir: "go", run: "go run . migrate"},
	{name: "hibernate", needs: java, dir: "java", install: maven, run: "java -cp 'target/classes:target/lib/*' Schema"},
	{name: "knex", needs: node, dir: "node", install: npm, run: "node migrate.js"},
}

// TestMigrations runs each program in two empty worlds, and compares what they were answered and what they made.
func TestMigrations(t *testing.T) {
	needWorlds(t)
	for _, p := range migrations {
		t.Run(p.name, func(t *testing.T) {
			ready(t, p)
			own, shared := emptyWorlds(t)
			direct := tapped(t, p, own)
			statements := sessionsOf(direct)
			n := compare(t, unnumbered(direct), unnumbered(tapped(t, p, shared)))
			compareSchemas(t)
			t.Logf("%d statements", n)
			if *record && !t.Failed() {
				writeMigration(t, p.name, statements)
			}
		})
	}
}

// sessionsOf lists what a program sent, by connection: all but questions about the numbers that earlier answers gave, and the end of statements that
// were prepared by the protocol.
func sessionsOf(said [][]wiretap.Exchange) [][]recorded {
	var out [][]recorded
	for _, session := range said {
		statements := []recorded{}
		for _, e := range session {
			sql := times.ReplaceAllString(e.SQL, "2024-01-01 00:00:00")
			if !strings.HasPrefix(sql, "DEALLOCATE ") && !oids.MatchString(sql+times.ReplaceAllString(shown(e.Params), "")) {
				statements = append(statements, recorded{sql, e.Types, e.Params})
			}
		}
		out = append(out, statements)
	}
	return out
}

func writeMigration(t *testing.T, name string, sessions [][]recorded) {
	t.Helper()
	var out bytes.Buffer
	write := json.NewEncoder(&out)
	write.SetEscapeHTML(false)
	for _, statements := range sessions {
		for _, s := range statements {
			if strings.Contains(shown(s.Params), `\x`) {
				t.Errorf("binary parameters: %s", s.SQL)
			}
		}
		if err := write.Encode(statements); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("testdata/migrations", name+".jsonl"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
