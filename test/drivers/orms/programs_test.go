//go:build orms

package orms

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
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
}

const venv = `test -x .venv/bin/python || python3 -m venv .venv; .venv/bin/pip -q install -r requirements.txt`

var programs = []program{
	{name: "sqlalchemy_psycopg", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python alchemy.py postgresql+psycopg"},
	{name: "sqlalchemy_psycopg2", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python alchemy.py postgresql+psycopg2"},
	{name: "sqlalchemy_asyncpg", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python alchemy.py postgresql+asyncpg"},
	{name: "asyncpg", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python plain_asyncpg.py"},
	{name: "django", needs: []string{"python3"}, dir: "python", install: venv, run: ".venv/bin/python library.py"},
	{name: "rails", needs: []string{"ruby"}, dir: "ruby", run: "ruby library.rb"},
	{name: "jdbc", needs: []string{"java", "mvn"}, dir: "java", install: "mvn -q -o package || mvn -q package", run: "java -cp 'target/classes:target/lib/*' Metadata"},
	{name: "jdbc_simple", needs: []string{"java", "mvn"}, dir: "java", install: "mvn -q -o package || mvn -q package", run: "java -cp 'target/classes:target/lib/*' Metadata simple"},
}

// TestPrograms runs each program in both worlds and compares what they were answered.
func TestPrograms(t *testing.T) {
	needWorlds(t)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
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
			own := tapped(t, p, direct)
			shared := tapped(t, p, proxied)
			n := compare(t, own, shared)
			t.Logf("%d statements", n)
			if *record && !t.Failed() {
				writeRecord(t, p.name, own)
			}
		})
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
	return tap.Sessions()
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
