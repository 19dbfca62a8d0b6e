package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

func main() {
	dsn := flag.String("dsn", "", "a live Postgres, any role")
	out := flag.String("out", "rewriter", "folder of functions.tsv, operators.tsv and types.tsv")
	merge := flag.Bool("merge", false, "keep entries that the files have and this server lacks")
	flag.Parse()
	if err := run(context.Background(), *dsn, *out, *merge); err != nil {
		fmt.Fprintln(os.Stderr, "genfunctions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn, out string, merge bool) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	procs, err := loadProcs(ctx, conn)
	if err != nil {
		return fmt.Errorf("read pg_proc: %w", err)
	}
	verdicts := make(map[string]verdict, len(procs))
	for i := range procs {
		verdicts[procs[i].signature()] = decide(&procs[i])
	}
	operators, err := loadOperators(ctx, conn, verdicts)
	if err != nil {
		return fmt.Errorf("read pg_operator: %w", err)
	}
	types, err := loadTypes(ctx, conn)
	if err != nil {
		return fmt.Errorf("read pg_type: %w", err)
	}
	tables := []table{functionTable(procs, verdicts, operators), operatorTable(operators), typeTable(types)}
	for _, t := range tables {
		path := filepath.Join(out, t.file)
		if merge {
			if err := t.keepFrom(path); err != nil {
				return err
			}
		}
		if err := t.write(path); err != nil {
			return err
		}
	}
	return nil
}

// table is one file: rows by key, which is their first keys columns.
type table struct {
	file   string
	header []string
	keys   int
	rows   map[string]string
}

func (t *table) add(cells ...string) {
	t.rows[strings.Join(cells[:t.keys], "\t")] = strings.Join(cells, "\t")
}

// keepFrom takes over the rows of an earlier file whose keys are new here.
func (t *table) keepFrom(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		key := strings.Join(strings.SplitN(line, "\t", t.keys+1)[:t.keys], "\t")
		if _, ok := t.rows[key]; !ok {
			t.rows[key] = line
		}
	}
	return nil
}

func (t *table) write(path string) error {
	lines := make([]string, 0, len(t.rows))
	for _, line := range t.rows {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	text := "# Written by rewriter/internal/genfunctions; do not edit.\n#" + strings.Join(t.header, "\t") + "\n" + strings.Join(lines, "\n") + "\n"
	return os.WriteFile(path, []byte(text), 0o644)
}

func functionTable(procs []proc, verdicts map[string]verdict, operators []operator) table {
	t := table{file: "functions.tsv", keys: 2, rows: map[string]string{},
		header: []string{"name", "identity_args", "kind", "min_args", "max_args", "volatility", "leakproof", "decision", "harmless", "reason"}}
	for i := range procs {
		p := &procs[i]
		v := verdicts[p.signature()]
		t.add(p.name, p.args, p.kind, strconv.Itoa(p.min), strconv.Itoa(p.max), p.volatility, flagText(p.leakproof),
			decisionText(v.allow), flagText(v.allow && harmless(p, operators)), v.reason)
	}
	return t
}

func operatorTable(operators []operator) table {
	t := table{file: "operators.tsv", keys: 3, rows: map[string]string{},
		header: []string{"name", "left", "right", "function", "decision", "plain", "harmless"}}
	for _, o := range operators {
		t.add(o.name, o.left, o.right, o.function, decisionText(o.allowed), flagText(!unplain(o.left) && !unplain(o.right)), flagText(o.harmless()))
	}
	return t
}

func typeTable(types []typeRow) table {
	t := table{file: "types.tsv", keys: 1, rows: map[string]string{}, header: []string{"name", "oid", "decision", "plain"}}
	for _, y := range types {
		t.add(y.name, strconv.FormatUint(uint64(y.oid), 10), decisionText(y.allowed()), flagText(y.plain()))
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
