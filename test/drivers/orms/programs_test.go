//go:build orms

package orms

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/drivers/wiretap"
)

// program is one that runs against a server named by PG* and DATABASE_URL, and what installs it.
type program struct {
	name string
	// needs are the commands without which it is skipped.
	needs []string
	// dir is where it runs, below programs.
	dir string
	// install makes it ready; it does nothing when that was done before.
	install string
	run     string
	// refused is what a tenant may not read, at which the program gives up: its statements but these are sent to both worlds as if recorded.
	refused string
}

const venv = `test -x .venv/bin/python || python3 -m venv .venv; .venv/bin/pip -q install -r requirements.txt`

// npm installs what package-lock.json names, unless that was done before.
const npm = `cmp -s package-lock.json node_modules/.installed || { npm ci --no-audit --no-fund --ignore-scripts; cp package-lock.json node_modules/.installed; }`

// generate writes Prisma's client. The engine that it would download is not used.
const generate = "test -e node_modules/.prisma/client/schema.prisma || PRISMA_SCHEMA_ENGINE_BINARY=/bin/true npx --no-install prisma generate"

const maven = "mvn -q -o package || mvn -q package"

var (
	node = []string{"node", "npm"}
	java = []string{"java", "mvn"}
)

var programs = []program{
	{name: "sqlalchemy_psycopg", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python alchemy.py postgresql+psycopg"},
	{name: "sqlalchemy_psycopg2", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python alchemy.py postgresql+psycopg2"},
	{name: "sqlalchemy_asyncpg", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python alchemy.py postgresql+asyncpg"},
	{name: "asyncpg", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python plain_asyncpg.py"},
	{name: "django", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python library.py"},
	{name: "rails", needs: []string{"ruby"}, dir: "ruby", run: "ruby library.rb"},
	{name: "gorm", needs: []string{"go"}, dir: "go", run: "go run ."},
	{name: "gorm_simple", needs: []string{"go"}, dir: "go", run: "go run . simple"},
	{name: "sequelize", needs: node, dir: "node", install: npm, run: "node sequelize.js"},
	{name: "typeorm", needs: node, dir: "node", install: npm, run: "node typeorm.js"},
	{name: "knex", needs: node, dir: "node", install: npm, run: "node knex.js"},
	{name: "drizzle", needs: node, dir: "node", install: npm, run: "node drizzle.js"},
	{name: "drizzle_kit", needs: node, dir: "node", install: npm, run: `out=$(mktemp -d); trap 'rm -r $out' EXIT; DRIZZLE_OUT=$out npx --no-install drizzle-kit introspect`, refused: "pg_policies"},
	{name: "prisma", needs: node, dir: "prisma", install: npm + "; " + generate, run: "node client.js"},
	{name: "prisma_engine", needs: node, dir: "prisma", install: npm, run: "node engine.js version pull status"},
	{name: "hibernate", needs: java, dir: "java", install: maven, run: "java -cp 'target/classes:target/lib/*' Library none"},
	{name: "hibernate_validate", needs: java, dir: "java", install: maven, run: "java -cp 'target/classes:target/lib/*' Library validate"},
	{name: "hibernate_update", needs: java, dir: "java", install: maven, run: "java -cp 'target/classes:target/lib/*' Library update"},
	{name: "jdbc", needs: java, dir: "java", install: maven, run: "java -cp 'target/classes:target/lib/*' Metadata"},
	{name: "jdbc_simple", needs: java, dir: "java", install: maven, run: "java -cp 'target/classes:target/lib/*' Metadata simple"},
}

// TestPrograms runs each program in both worlds and compares what they were answered.
func TestPrograms(t *testing.T) {
	needWorlds(t)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			ready(t, p)
			own := tapped(t, p, direct)
			var shared [][]wiretap.Exchange
			statements := described(own, p.refused)
			if p.refused == "" {
				shared = tapped(t, p, proxied)
			} else {
				own, shared = replay(t, direct, statements), replay(t, proxied, statements)
			}
			n := compare(t, own, shared)
			t.Logf("%d statements", n)
			if *record && !t.Failed() {
				writeRecord(t, p.name, statements)
			}
		})
	}
}

// ready installs what a program needs, or skips the test.
func ready(t *testing.T, p program) {
	t.Helper()
	for _, command := range p.needs {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("needs %s: not on this machine", command)
		}
	}
	if p.install != "" {
		if out, err := shell(t, p, p.install, nil); err != nil {
			t.Fatalf("installing: %v\n%s", err, out)
		}
	}
}

// tapped runs a program against one world, through a tap.
func tapped(t *testing.T, p program, e stack.Endpoint) [][]wiretap.Exchange {
	t.Helper()
	tap, err := wiretap.Listen(e.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	e.Port = tap.Port
	out, err := shell(t, p, p.run, append(e.Environment(), "DATABASE_URL="+e.URL(), "TZ=UTC"))
	if err != nil {
		t.Errorf("%s: %v\n%s", e.Name, err, out)
	}
	sessions := tap.Sessions()
	for i := range sessions { // pgx asks whether a connection still lives, by the time since it was last used
		sessions[i] = slices.DeleteFunc(sessions[i], func(e wiretap.Exchange) bool { return e.SQL == "-- ping" })
	}
	return sessions
}

func shell(t *testing.T, p program, script string, env []string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", script)
	cmd.Dir = filepath.Join("programs", p.dir)
	cmd.Env = append(append(os.Environ(), "PYTHONHASHSEED=0"), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
