package rewriter

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

var updateSnapshot = flag.Bool("snapshot", false, "load testdata/schema.sql into a real Postgres and write testdata/snapshot.json.gz, there and below")

// goldenBound binds testdata/policy.yaml to the checked-in snapshot of testdata/schema.sql.
func goldenBound(t testing.TB) *policy.Bound { return boundIn(t, "testdata") }

// boundIn binds the policy.yaml of a directory to the checked-in snapshot of its schema.sql.
func boundIn(t testing.TB, dir string) *policy.Bound {
	t.Helper()
	if *updateSnapshot && !written[dir] {
		writeSnapshot(t, dir)
		written[dir] = true
	}
	f, err := os.Open(dir + "/snapshot.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	snap, err := catalog.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	pol, err := policy.LoadFile(dir + "/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return policy.Bind(pol, snap)
}

// written are the directories whose snapshots this run has made.
var written = map[string]bool{}

func writeSnapshot(t testing.TB, dir string) {
	schema, err := os.ReadFile(dir + "/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	pg := throwawaytest.ForTest(t)
	db := throwawaytest.Database(t, pg, string(schema))
	conn, err := pgx.Connect(context.Background(), pg.DSN(pg.Superuser, db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	snap, err := catalog.Load(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	snap.Database = "shop"
	f, err := os.Create(dir + "/snapshot.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := catalog.Encode(f, snap); err != nil {
		t.Fatal(err)
	}
}

// TestGolden runs testdata/golden: SQL in, SQL out or the denial. In the output the tenant's parameters stand as $n.
//
//	plan [simple] [role=name] [path=(a,b)] [types=(23,0)] [open=(truncate,explain_analyze)] [temp=(table:column:typeoid,...)]
//	     [major=n] [notes] [whole] [changes]
//
// open gives the switches of the policy's key statements that are on; major is the server's, where it is not the snapshot's;
// with changes, what the statements do to rows is all that is shown.
func TestGolden(t *testing.T) {
	r := New(goldenBound(t), Options{})
	cases := 0
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "plan" {
				t.Fatalf("%s: unknown directive %s", d.Pos, d.Cmd)
			}
			cases++
			return golden(t, r, d)
		})
	})
	if cases < 800 && !t.Failed() {
		t.Errorf("the golden corpus has %d cases", cases)
	}
}

func golden(t *testing.T, r *Rewriter, d *datadriven.TestData) string {
	req := Request{SQL: d.Input, Protocol: Extended, SearchPath: []string{"public"}}
	notes, whole, changes := false, false, false
	major := 0
	var opened policy.Statements
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "simple":
			req.Protocol = Simple
		case "role":
			req.Role = a.Vals[0]
		case "path":
			req.SearchPath = a.Vals
		case "types":
			for _, v := range a.Vals {
				n, err := strconv.Atoi(v)
				if err != nil {
					t.Fatal(err)
				}
				req.ParamTypes = append(req.ParamTypes, uint32(n))
			}
		case "open":
			for _, v := range a.Vals {
				on, ok := statementSwitches[v]
				if !ok {
					t.Fatalf("%s: unknown switch %s", d.Pos, v)
				}
				on(&opened)
			}
		case "major":
			n, err := strconv.Atoi(a.Vals[0])
			if err != nil {
				t.Fatal(err)
			}
			major = n
		case "temp":
			req.Temporary = temporaryTables(t, a.Vals)
		case "notes":
			notes = true
		case "whole":
			whole = true
		case "changes":
			changes = true
		default:
			t.Fatalf("%s: unknown argument %s", d.Pos, a.Key)
		}
	}
	if opened != (policy.Statements{}) || major > 0 {
		pol, snap := *r.bound.Policy, *r.bound.Catalog
		if opened != (policy.Statements{}) {
			pol.Statements = opened
		}
		if major > 0 {
			snap.ServerVersion = major * 10000
		}
		r = New(policy.Bind(&pol, &snap), Options{})
	}
	plan, err := r.Plan(req)
	if err != nil {
		den := err.(*Denial)
		out := fmt.Sprintf("refused %s %s: %s", den.SQLState, den.Rule, den.Message)
		if den.Position > 0 {
			out += fmt.Sprintf(" (at %d)", den.Position)
		}
		return out + "\n"
	}
	if changes {
		return describeChanges(plan)
	}
	return foldCatalogs(describe(plan, notes), whole)
}

func describeChanges(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Statements {
		fmt.Fprintf(&b, "%+v\n", s.Changes)
		if s.Prepared != nil {
			fmt.Fprintf(&b, "at EXECUTE %+v\n", s.Prepared.Plan.Statements[0].Changes)
		}
	}
	return b.String()
}

var statementSwitches = map[string]func(*policy.Statements){
	"explain_analyze":  func(s *policy.Statements) { s.ExplainAnalyze = true },
	"truncate":         func(s *policy.Statements) { s.Truncate = true },
	"temporary_tables": func(s *policy.Statements) { s.Temporary = true },
	"lock_table":       func(s *policy.Statements) { s.LockTable = true },
}

func describe(p *Plan, notes bool) string {
	var b strings.Builder
	fmt.Fprintln(&b, p.SQL)
	for _, t := range p.Tenants {
		fmt.Fprintf(&b, "tenant $%d %s\n", t.Number, t.Type)
	}
	for _, c := range p.Constants {
		fmt.Fprintf(&b, "check %q is the tenant of %s (%s)\n", c.Text, c.Table, c.Type)
	}
	for _, a := range p.Params {
		fmt.Fprintf(&b, "check $%d is the tenant of %s (%s)\n", a.Number, a.Table, a.Type)
	}
	for _, s := range p.Statements {
		if s.Name != "" {
			fmt.Fprintf(&b, "name %s\n", s.Name)
		}
		if s.Prepared != nil {
			fmt.Fprintf(&b, "prepares a statement of %d parameters\n", s.Prepared.Plan.ClientParams)
			for _, a := range s.Prepared.Plan.Params {
				fmt.Fprintf(&b, "check $%d at EXECUTE is the tenant of %s (%s)\n", a.Number, a.Table, a.Type)
			}
		}
		if s.Setting != nil {
			fmt.Fprintf(&b, "setting %+v\n", *s.Setting)
		}
	}
	if notes {
		for _, n := range p.Relations {
			fmt.Fprintf(&b, "%s %s (%s) %s: %s\n", n.Relation, n.Alias, n.Scope, n.Predicate, n.Place)
		}
	}
	return b.String()
}

func temporaryTables(t *testing.T, columns []string) *catalog.Temporary {
	tables := &catalog.Temporary{Relations: map[string]*catalog.Relation{}, Key: strings.Join(columns, ",")}
	for _, c := range columns {
		parts := strings.Split(c, ":")
		oid, err := strconv.Atoi(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		r := tables.Relations[parts[0]]
		if r == nil {
			r = &catalog.Relation{Schema: catalog.TemporarySchema, Name: parts[0], Kind: catalog.Table}
			tables.Relations[r.Name] = r
		}
		r.Columns = append(r.Columns, catalog.Column{Name: parts[1], TypeOID: uint32(oid)})
	}
	return tables
}
