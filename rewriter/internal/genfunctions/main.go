package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

func main() {
	out := flag.String("out", "rewriter", "folder of functions.tsv, operators.tsv and types.tsv")
	flag.Parse()
	if err := run(context.Background(), flag.Args(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "genfunctions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsns []string, out string) error {
	var servers []*server
	seen := map[int]bool{}
	for _, dsn := range dsns {
		s, err := load(ctx, dsn)
		if err != nil {
			return err
		}
		servers = append(servers, s)
		seen[s.major] = true
	}
	for major := oldest; major <= newest; major++ {
		if !seen[major] {
			return fmt.Errorf("the tables are made of all majors from %d to %d: there is no server of %d", oldest, newest, major)
		}
	}
	sort.Slice(servers, func(i, j int) bool { return servers[i].major < servers[j].major })
	u := unite(servers)
	for _, p := range u.procs {
		if p.verdict.reason == unreviewed {
			fmt.Fprintf(os.Stderr, "to be reviewed, denied until then: %s, Postgres %s\n", p.signature(), p.majors)
		}
	}
	for _, t := range []table{u.functionTable(), u.operatorTable(), u.typeTable()} {
		if err := t.write(filepath.Join(out, t.file)); err != nil {
			return err
		}
	}
	return nil
}

// table is one file.
type table struct {
	file   string
	header []string
	lines  []string
}

func (t *table) add(cells ...string) { t.lines = append(t.lines, strings.Join(cells, "\t")) }

func (t *table) write(path string) error {
	sort.Strings(t.lines)
	text := "# Written by rewriter/internal/genfunctions; do not edit.\n#" + strings.Join(t.header, "\t") + "\n" + strings.Join(t.lines, "\n") + "\n"
	return os.WriteFile(path, []byte(text), 0o644)
}

func (u *union) functionTable() table {
	t := table{file: "functions.tsv",
		header: []string{"name", "args", "kind", "min_args", "max_args", "volatility", "leakproof", "strict", "majors", "decision", "harmless", "reason"}}
	for _, p := range u.procs {
		t.add(p.name, p.args, p.kind, strconv.Itoa(p.min), strconv.Itoa(p.max), p.volatility, flagText(p.leakproof), flagText(p.strict),
			p.majors.String(), decisionText(p.verdict.allow), flagText(p.verdict.allow && u.harmless(p)), p.verdict.reason)
	}
	return t
}

func (u *union) operatorTable() table {
	t := table{file: "operators.tsv", header: []string{"name", "left", "right", "function", "majors", "decision", "plain", "harmless"}}
	for _, o := range u.operators {
		t.add(o.name, o.left, o.right, o.function, o.majors.String(), decisionText(o.allowed), flagText(!unplain(o.left) && !unplain(o.right)),
			flagText(o.harmless()))
	}
	return t
}

func (u *union) typeTable() table {
	t := table{file: "types.tsv", header: []string{"name", "oid", "majors", "decision", "plain"}}
	for _, y := range u.types {
		t.add(y.name, strconv.FormatUint(uint64(y.oid), 10), y.majors.String(), decisionText(y.allowed()), flagText(y.plain()))
	}
	return t
}

func flagText(b bool) string {
	if b {
		return "t"
	}
	return "f"
}

func decisionText(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}
