package rewriter

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// TestGoldenPrepares gives each golden text to a real Postgres, as written by the client and as rewritten: Postgres must accept both or
// refuse both with the same SQLSTATE, and describe the same columns and the client's same parameters.
func TestGoldenPrepares(t *testing.T) {
	server := throwawaytest.ForTest(t)
	conn := connectTo(t, server, "testdata/schema.sql")
	if ran := prepareBoth(t, "testdata", conn, conn); ran < 150 && !t.Failed() {
		t.Errorf("only %d texts were prepared", ran)
	}
}

// TestHiddenColumnsPrepare does the same for hidden tenant columns: what the client wrote is prepared on a schema that never had the column.
func TestHiddenColumnsPrepare(t *testing.T) {
	server := throwawaytest.ForTest(t)
	own, shared := connectTo(t, server, "testdata/hidden/own.sql"), connectTo(t, server, "testdata/hidden/schema.sql")
	if ran := prepareBoth(t, "testdata/hidden", own, shared); ran < 70 && !t.Failed() {
		t.Errorf("only %d texts were prepared", ran)
	}
}

// connectTo makes a database of a file of SQL, and of more, and connects to it.
func connectTo(t testing.TB, server *throwaway.Postgres, file string, more ...string) *pgx.Conn {
	t.Helper()
	schema, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	db := throwawaytest.Database(t, server, string(schema)+strings.Join(more, ""))
	conn, err := pgx.Connect(context.Background(), server.DSN(server.Superuser, db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// boundTo binds the policy.yaml of a directory to the catalog of a database.
func boundTo(t testing.TB, conn *pgx.Conn, dir string) *policy.Bound {
	t.Helper()
	snapshot, err := catalog.Load(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	pol, err := policy.LoadFile(dir + "/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return policy.Bind(pol, snapshot)
}

// prepareBoth prepares the golden texts below dir as written on one connection, and on the other as rewritten for the catalog found there: the
// snapshot that the expected texts are made from is of one major.
func prepareBoth(t *testing.T, dir string, ownDB, shared *pgx.Conn) (ran int) {
	ctx := context.Background()
	r := New(boundTo(t, shared, dir), Options{})
	datadriven.Walk(t, dir+"/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if len(d.CmdArgs) > 0 {
				return d.Expected
			}
			plan, err := r.Plan(Request{SQL: d.Input, Protocol: Extended, SearchPath: []string{"public"}})
			if err != nil || len(plan.Statements) == 0 {
				return d.Expected
			}
			switch plan.Statements[0].Kind {
			case KindSelect, KindInsert, KindUpdate, KindDelete, KindExplain, KindMerge:
			default:
				return d.Expected
			}
			oids := append([]uint32(nil), plan.ParamTypes...)
			oids = append(oids, make([]uint32, plan.ClientParams-len(oids))...)
			for _, p := range plan.Tenants {
				oids = append(oids, p.OID)
			}
			own, ownErr := ownDB.PgConn().Prepare(ctx, "", d.Input, nil)
			sent, sentErr := shared.PgConn().Prepare(ctx, "", plan.SQL, oids)
			if sqlState(ownErr) != sqlState(sentErr) {
				t.Errorf("%s\n  %s\n  own:  %v\n  sent: %v\n  %s", d.Pos, d.Input, ownErr, sentErr, plan.SQL)
				return d.Expected
			}
			if ownErr == nil {
				ran++
				sameDescription(t, d, own, sent)
			}
			return d.Expected
		})
	})
	return ran
}

func sqlState(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func sameDescription(t *testing.T, d *datadriven.TestData, own, sent *pgconn.StatementDescription) {
	t.Helper()
	if len(own.Fields) != len(sent.Fields) {
		t.Errorf("%s: %d columns, %d as rewritten", d.Pos, len(own.Fields), len(sent.Fields))
		return
	}
	for i := range own.Fields {
		a, b := own.Fields[i], sent.Fields[i]
		if a.DataTypeOID > 16384 && b.DataTypeOID == 2249 {
			a.DataTypeOID = b.DataTypeOID // a row without its hidden column is a record
		}
		if b.DataTypeOID == 25 && slices.Contains([]uint32{24, 2202, 2205, 2206, 4089, 4096}, a.DataTypeOID) {
			a.DataTypeOID = b.DataTypeOID // what prints as the name of an object is text (reg.go, typeof.go)
		}
		if a.Name != b.Name || a.DataTypeOID != b.DataTypeOID || a.TypeModifier != b.TypeModifier {
			t.Errorf("%s: column %d is %s %d, as rewritten %s %d", d.Pos, i, a.Name, a.DataTypeOID, b.Name, b.DataTypeOID)
		}
	}
	for i := range own.ParamOIDs {
		if own.ParamOIDs[i] != sent.ParamOIDs[i] {
			t.Errorf("%s: $%d is of type %d, as rewritten %d", d.Pos, i+1, own.ParamOIDs[i], sent.ParamOIDs[i])
		}
	}
}
