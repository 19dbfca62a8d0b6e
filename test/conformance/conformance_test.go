package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/throwaway"
)

// worlds is nil when the machine has no Postgres; then every test is skipped.
var worlds *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	schema, err := os.ReadFile("../drivers/schema.sql")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	worlds, err = stack.Start(ctx, string(schema))
	switch {
	case errors.Is(err, throwaway.ErrNotInstalled) && os.Getenv("CI") != "true":
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	default:
		defer worlds.Stop()
	}
	return m.Run()
}

func TestScripts(t *testing.T) {
	scripts, err := readScripts("testdata/scripts/*.pgt")
	if err != nil {
		t.Fatal(err)
	}
	if worlds == nil {
		t.Skip("needs Postgres: no server on this machine")
	}
	major := worlds.Postgres.Major
	known, own, err := allDifferences(major)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		t.Run(s.id(), func(t *testing.T) {
			if major < s.oldest || major > s.newest {
				t.Skipf("not on servers of %d, which do not end the session", major)
			}
			direct, err := run(s, worlds.Direct)
			if err != nil {
				t.Fatalf("direct: %v", err)
			}
			if len(direct) == 0 {
				t.Fatal("Postgres answered nothing: the case tests nothing")
			}
			proxied, err := run(s, worlds.Proxied)
			if err != nil {
				t.Fatalf("through pgcordon: %v\ndirect:\n%s", err, strings.Join(direct, "\n"))
			}
			if text := known.check(s.id(), direct, proxied); text != "" {
				t.Error(text)
			}
			owned, err := run(s, worlds.Owned)
			if err != nil {
				t.Fatalf("on an own database: %v\ndirect:\n%s", err, strings.Join(direct, "\n"))
			}
			if text := own.check(s.id(), direct, owned); text != "" {
				t.Errorf("on an own database: %s", text)
			}
			if testing.Verbose() {
				t.Logf("direct:\n%s", strings.Join(direct, "\n"))
			}
		})
	}
	// Only a full run can tell that a difference is gone.
	if filter := flag.Lookup("test.run").Value.String(); !strings.Contains(filter, "/") {
		for _, d := range []*differences{known, own} {
			for _, entry := range slices.Sorted(maps.Keys(d.unused)) {
				t.Errorf("testdata/differences lists what does not differ any more: %s", entry)
			}
		}
	}
	select {
	case <-worlds.Proxy.Exited():
		t.Errorf("pgcordon ended:\n%s", worlds.Proxy.Log())
	default:
	}
}

// allDifferences reads what may differ on a shared database, and what on one of the tenant's own: there it is what goes wrong before or without a message.
func allDifferences(major int) (known, own *differences, err error) {
	files, err := filepath.Glob("testdata/differences/*.txt")
	if err != nil {
		return nil, nil, err
	}
	if known, err = readDifferences(files, major); err != nil {
		return nil, nil, err
	}
	own, err = readDifferences([]string{"testdata/differences/frame-length.txt", "testdata/differences/startup-errors.txt",
		"testdata/differences/older-servers.txt", "testdata/differences/sasl-message.txt", "testdata/differences/protocol-versions.txt"}, major)
	return known, own, err
}

// TestDifferencesAreFound proves that the comparison can fail.
func TestDifferencesAreFound(t *testing.T) {
	d := &differences{
		fields: map[string]string{"detail": "f.txt"},
		added:  map[string]string{`hint="try ..."`: "f.txt"},
		lines:  map[string][]string{"a.pgt/known": {`- ErrorResponse ERROR 42883`, `+ ErrorResponse ERROR 42501 ...`}},
		unused: map[string]bool{},
	}
	for _, c := range []struct {
		id              string
		direct, proxied []string
		equal           bool
	}{
		{"a.pgt/same", []string{"ReadyForQuery I"}, []string{"ReadyForQuery I"}, true},
		{"a.pgt/other", []string{"ReadyForQuery I"}, []string{"ReadyForQuery E"}, false},
		{"a.pgt/less", []string{"NoData", "ReadyForQuery I"}, []string{"ReadyForQuery I"}, false},
		{"a.pgt/more", []string{"ReadyForQuery I"}, []string{"NoData", "ReadyForQuery I"}, false},
		{"a.pgt/known", []string{"ErrorResponse ERROR 42883"}, []string{"ErrorResponse ERROR 42501 text"}, true},
		{"a.pgt/known", []string{"ErrorResponse ERROR 42883"}, []string{"ErrorResponse ERROR 42883"}, false},
		{"a.pgt/detail", []string{`ErrorResponse "m" detail="a\"b"`}, []string{`ErrorResponse "m"`}, true},
		{"a.pgt/detail made up", []string{`ErrorResponse "m"`}, []string{`ErrorResponse "m" detail="x"`}, false},
		{"a.pgt/hint", []string{`ErrorResponse "m"`}, []string{`ErrorResponse "m" hint="try \"x\""`}, true},
		{"a.pgt/other hint", []string{`ErrorResponse "m"`}, []string{`ErrorResponse "m" hint="no"`}, false},
		{"a.pgt/hint instead", []string{`ErrorResponse "m" hint="a"`}, []string{`ErrorResponse "m" hint="try b"`}, false},
		{"a.pgt/row detail", []string{`DataRow ("m" detail="x")`}, []string{`DataRow ("m")`}, false},
	} {
		if text := d.check(c.id, c.direct, c.proxied); (text == "") != c.equal {
			t.Errorf("%s: %v and %v: %q", c.id, c.direct, c.proxied, text)
		}
	}
}
