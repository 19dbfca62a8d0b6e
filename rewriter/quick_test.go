package rewriter

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/test/throwaway/throwawaytest"
)

// sameQuick compares what Quick makes of a text whose shape is known with the plan in full.
func sameQuick(t *testing.T, r *Rewriter, req Request, want *Plan, denial *Denial) {
	t.Helper()
	var q Quick
	if !r.Quick(&req, &q) {
		t.Fatalf("%q is not quick", req.SQL)
	}
	if want == nil {
		if q.Plan != nil || q.Denial == nil || *q.Denial != *denial {
			t.Fatalf("%q: %v, in full %v", req.SQL, q.Denial, denial)
		}
		return
	}
	id := tenant(t, `o'hara \ $1 "x"`)
	if got, want := string(q.AppendSplice([]byte("x"), id)), "x"+want.Splice(id); got != want {
		t.Fatalf("%q: spliced\n%s, in full\n%s", req.SQL, got, want)
	}
	got, full := q.CheckConstants(id), want.CheckConstants(id)
	if (got == nil) != (full == nil) || got != nil && *got != *full {
		t.Fatalf("%q: %v, in full %v", req.SQL, got, full)
	}
	p, ok := q.Prepared()
	if !ok {
		return
	}
	if text := withValues(t, p, q.AppendParams(nil)); text != want.SQL {
		t.Fatalf("%q: with parameters\n%s, their values put in\n%s, in full\n%s", req.SQL, p.SQL, text, want.SQL)
	}
	for i, o := range p.origins {
		position := len([]rune(p.SQL[:o.out])) + 1
		if i+1 < len(p.origins) && p.origins[i+1].out == o.out {
			continue
		}
		if got := want.ClientPositionIn(p, position); got != int(want.origins[i].in) {
			t.Fatalf("%q: position %d of %s is %d, want %d", req.SQL, position, p.SQL, got, want.origins[i].in)
		}
	}
}

// withValues writes a prepared statement's values in the place of its first parameters, and numbers the others as if there were none of them.
func withValues(t *testing.T, p *Plan, params []byte) string {
	t.Helper()
	var values []string
	for i := 0; len(params) > 0; i++ {
		n := int(binary.BigEndian.Uint32(params))
		value := string(params[4 : 4+n])
		if params = params[4+n:]; p.ParamTypes[i] == 0 {
			value = "'" + strings.ReplaceAll(value, "'", "''") + "'"
		}
		values = append(values, value)
	}
	if len(values) != p.ClientParams || len(p.ParamTypes) != p.ClientParams {
		t.Fatalf("%s: %d values for %d parameters", p.SQL, len(values), p.ClientParams)
	}
	tokens, err := pg.Scan(p.SQL)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	at := 0
	for _, tok := range tokens.Tokens {
		if tok.Token != pg.Token_PARAM {
			continue
		}
		n := 0
		for _, c := range p.SQL[tok.Start+1 : tok.End] {
			n = n*10 + int(c-'0')
		}
		b.WriteString(p.SQL[at:tok.Start])
		if n <= len(values) {
			b.WriteString(values[n-1])
		} else {
			b.WriteString("$" + string(rune('0'+n-len(values))))
		}
		at = int(tok.End)
	}
	return b.String() + p.SQL[at:]
}

// TestQuickAllocatesNothing: once the buffers have grown.
func TestQuickAllocatesNothing(t *testing.T) {
	r := New(goldenBound(t), Options{})
	req := Request{SQL: "UPDATE orders SET total = 5 WHERE id = -17 AND secret = E'a''b'", Protocol: Simple, SearchPath: []string{"public"}}
	if !knownShape(r, req) {
		t.Fatal("the shape was not learnt")
	}
	var q Quick
	buf, id := make([]byte, 0, 1024), tenant(t, "acme")
	allocs := testing.AllocsPerRun(100, func() {
		if !r.Quick(&req, &q) || q.CheckConstants(id) != nil {
			t.Fatal("not quick")
		}
		buf = q.AppendSplice(buf[:0], id)
		if _, ok := q.Prepared(); !ok {
			t.Fatal("not prepared")
		}
		buf = q.AppendParams(buf[:0])
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestPreparedForms shows which literals become parameters.
func TestPreparedForms(t *testing.T) {
	r := New(goldenBound(t), Options{})
	for sql, want := range map[string]string{
		"SELECT secret FROM orders WHERE id = 5 AND secret = 'x' LIMIT 10": "SELECT secret FROM public.orders WHERE public.orders.tenant_id = $3 AND id = $1 AND secret = $2 LIMIT 10",
		"SELECT secret, 7 FROM orders WHERE id IN (5, -6)":                 "SELECT secret, 7 FROM public.orders WHERE public.orders.tenant_id = $3 AND id IN ($1, $2)",
		"SELECT id FROM orders WHERE secret LIKE 'x%'":                     "",
		"SELECT id FROM orders WHERE id = '5'":                             "",
		"SELECT id FROM orders ORDER BY id = 5":                            "",
		"SELECT count(*) FROM orders GROUP BY id HAVING id = 5":            "",
		"SELECT id FROM orders WHERE id = 5; SELECT 1":                     "",
		"UPDATE orders SET total = total + -5, secret = 'x' WHERE id = 5":  "UPDATE public.orders SET total = total + $1, secret = $2 WHERE public.orders.tenant_id = $4 AND id = $3",
		"INSERT INTO orders (id, secret, created) VALUES (1, 'x', now())":  "INSERT INTO public.orders (id, secret, created, tenant_id) VALUES ($1, $2, pg_catalog.now(), $3::pg_catalog.text)",
		"DELETE FROM orders WHERE id = 5":                                  "DELETE FROM public.orders WHERE public.orders.tenant_id = $2 AND id = $1",
	} {
		req := Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}}
		var q Quick
		if !knownShape(r, req) || !r.Quick(&req, &q) {
			t.Fatalf("%s: not quick", sql)
		}
		p, ok := q.Prepared()
		if !ok {
			p = &Plan{}
		}
		if p.SQL != want {
			t.Errorf("%s: prepared as %q, want %q", sql, p.SQL, want)
		}
	}
}

// TestPreparedFormsDescribe prepares each text of the golden corpus on a real Postgres as it is and with parameters: both must be described by the same
// columns, and the parameters be of the types that were declared, or of the texts that they are.
func TestPreparedFormsDescribe(t *testing.T) {
	server := throwawaytest.ForTest(t)
	conn := connectTo(t, server, "testdata/schema.sql")
	ctx := context.Background()
	r := New(boundTo(t, conn, "testdata"), Options{})
	ran := 0
	for _, sql := range goldenInputs(t) {
		req := Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}}
		var q Quick
		if !knownShape(r, req) || !r.Quick(&req, &q) || q.Plan == nil {
			continue
		}
		p, ok := q.Prepared()
		if !ok {
			continue
		}
		oids := append([]uint32(nil), p.ParamTypes...)
		for _, tenant := range p.Tenants {
			oids = append(oids, tenant.OID)
		}
		plan, err := r.Plan(req)
		if err != nil {
			t.Fatal(err)
		}
		spliced, splicedErr := conn.PgConn().Prepare(ctx, "", plan.SQL, oids[p.ClientParams:])
		prepared, preparedErr := conn.PgConn().Prepare(ctx, "", p.SQL, oids)
		if sqlState(splicedErr) != sqlState(preparedErr) {
			t.Errorf("%s: %v, with parameters %v", sql, splicedErr, preparedErr)
			continue
		}
		if splicedErr != nil {
			continue
		}
		ran++
		for i := range spliced.Fields {
			if a, b := spliced.Fields[i], prepared.Fields[i]; a.Name != b.Name || a.DataTypeOID != b.DataTypeOID || a.TypeModifier != b.TypeModifier {
				t.Errorf("%s: column %s is of type %d, with parameters %d", sql, a.Name, a.DataTypeOID, b.DataTypeOID)
			}
		}
		for i, oid := range p.ParamTypes {
			if got := prepared.ParamOIDs[i]; got != oid && !(oid == 0 && (got == oidText || got == oidVarchar)) {
				t.Errorf("%s: $%d is of type %d", sql, i+1, got)
			}
		}
	}
	t.Logf("%d texts have a form with parameters", ran)
	if ran < 50 {
		t.Errorf("only %d texts have a form with parameters", ran)
	}
}

func BenchmarkQuick(b *testing.B) {
	r := New(goldenBound(b), Options{})
	req := Request{SQL: "SELECT secret FROM orders WHERE id = 4711", Protocol: Simple, SearchPath: []string{"public"}}
	if !knownShape(r, req) {
		b.Fatal("the shape was not learnt")
	}
	var q Quick
	buf, id := make([]byte, 0, 1024), tenant(b, "acme")
	for b.Loop() {
		if !r.Quick(&req, &q) {
			b.Fatal("not quick")
		}
		buf = q.AppendSplice(buf[:0], id)
	}
}
