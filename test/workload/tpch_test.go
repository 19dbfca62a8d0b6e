package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// queries are those of testdata/queries.sql, with the line above each.
func queries(t *testing.T) (names, texts []string) {
	t.Helper()
	file, err := os.ReadFile("testdata/queries.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(file), "-- ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		names, texts = append(names, name), append(texts, strings.TrimSuffix(strings.TrimSpace(text), ";"))
	}
	if len(names) != 22 {
		t.Fatalf("%d queries", len(names))
	}
	return names, texts
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// answer runs a query and returns its rows as text, in order.
func answer(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(context.Background(), sql, pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		out = append(out, fmt.Sprintf("%q", rows.RawValues()))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTPCH compares the answers to the 22 queries, and looks at the plans: lineitem and orders, of which the tenant has a
// twentieth, are reached by the index on the tenant column.
func TestTPCH(t *testing.T) {
	w := running(t)
	direct, proxied := connect(t, w.directDSN()), connect(t, w.proxiedDSN())
	names, texts := queries(t)
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			want, got := answer(t, direct, texts[i]), answer(t, proxied, texts[i])
			if len(want) == 0 || slices.Equal(want, []string{`[""]`}) {
				t.Errorf("the own world has no rows for it: %q", want)
			}
			if !slices.Equal(want, got) {
				t.Errorf("own world: %d rows, proxy: %d rows\n%s\n%s", len(want), len(got), strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
			var plan []struct{ Plan node }
			text := answerJSON(t, proxied, "EXPLAIN (FORMAT json) "+texts[i])
			if err := json.Unmarshal([]byte(text), &plan); err != nil {
				t.Fatal(err)
			}
			for _, problem := range plan[0].Plan.scans() {
				t.Errorf("%s\n%s", problem, text)
			}
		})
	}
}

func answerJSON(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var text string
	if err := conn.QueryRow(context.Background(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// node is what EXPLAIN tells of one node of a plan.
type node struct {
	Type      string `json:"Node Type"`
	Relation  string `json:"Relation Name"`
	IndexCond string `json:"Index Cond"`
	Plans     []node
}

// scans names the scans of the large tables that do not go by an index on the tenant column.
func (n node) scans() []string {
	var out []string
	if n.Relation == "lineitem" || n.Relation == "orders" {
		cond := n.IndexCond
		for _, below := range n.Plans { // a bitmap's index scan
			cond += below.IndexCond
		}
		if !strings.Contains(cond, "tenant_id") {
			out = append(out, fmt.Sprintf("%s on %s without the tenant's index", n.Type, n.Relation))
		}
	}
	for _, below := range n.Plans {
		out = append(out, below.scans()...)
	}
	return out
}
