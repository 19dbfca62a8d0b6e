package rewriter

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"pgcordon/policy"
)

func tenant(t testing.TB, s string) policy.TenantID {
	t.Helper()
	id, err := policy.NewTenantID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSameID(t *testing.T) {
	const uuid = "8d3e1c50-0c36-4c5a-9c9e-6f0b7a9d2f11"
	for _, c := range []struct {
		typ       policy.ColumnType
		value, id string
		same      bool
	}{
		{policy.TypeText, "acme", "acme", true},
		{policy.TypeText, "Acme", "acme", false},
		{policy.TypeText, "acme ", "acme", false},
		{policy.TypeVarchar, "acme", "acme", true},
		{policy.TypeUUID, uuid, uuid, true},
		{policy.TypeUUID, "8D3E1C500C364C5A9C9E6F0B7A9D2F11", uuid, true},
		{policy.TypeUUID, "{" + uuid + "}", uuid, true},
		{policy.TypeUUID, uuid[:35] + "2", uuid, false},
		{policy.TypeUUID, "", uuid, false},
		{policy.TypeInt4, "42", "42", true},
		{policy.TypeInt4, " 42 ", "42", true},
		{policy.TypeInt4, "042", "42", true},
		{policy.TypeInt4, "\t\n\v\f\r42", "42", true},
		{policy.TypeInt4, "42\u00a0", "42", false},
		{policy.TypeNumeric, "\u200342", "42", false},
		{policy.TypeInt4, "43", "42", false},
		{policy.TypeInt8, "4e1", "40", false},
		{policy.TypeNumeric, "42.0", "42", true},
		{policy.TypeNumeric, "42.01", "42", false},
		{policy.TypeNumeric, "NaN", "42", false},
		{policy.TypeAny, "42", "42", false},
	} {
		if got := sameID(c.typ, c.value, c.id); got != c.same {
			t.Errorf("sameID(%s, %q, %q) = %v", c.typ, c.value, c.id, got)
		}
	}
}

// A COPY reads a binary value with the receive function of the column's own type, which takes no other length.
func TestCopyBinaryLength(t *testing.T) {
	for _, c := range []struct {
		typ   policy.ColumnType
		value []byte
		same  bool
	}{
		{policy.TypeInt4, []byte{0, 0, 0, 42}, true},
		{policy.TypeInt4, []byte{0, 42}, false},
		{policy.TypeInt4, []byte{0, 0, 0, 0, 0, 0, 0, 42}, false},
		{policy.TypeInt8, []byte{0, 0, 0, 0, 0, 0, 0, 42}, true},
		{policy.TypeInt8, []byte{0, 0, 0, 42}, false},
	} {
		if got := (&CopyTenant{Type: c.typ}).Same(c.value, true, tenant(t, "42")); got != c.same {
			t.Errorf("%v of %s is the tenant's: %v", c.value, c.typ, got)
		}
	}
}

func TestCheckArgument(t *testing.T) {
	m := pgtype.NewMap()
	encode := func(oid uint32, v any) []byte {
		b, err := m.Encode(oid, pgtype.BinaryFormatCode, v, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	numeric := func(s string) []byte {
		var n pgtype.Numeric
		if err := n.Scan(s); err != nil {
			t.Fatal(err)
		}
		return encode(pgtype.NumericOID, n)
	}
	plan := &Plan{}
	for _, c := range []struct {
		name   string
		typ    policy.ColumnType
		value  []byte
		format int16
		id     string
		ok     bool
	}{
		{"null", policy.TypeText, nil, 0, "acme", false},
		{"text", policy.TypeText, []byte("acme"), 0, "acme", true},
		{"text, binary", policy.TypeText, []byte("acme"), 1, "acme", true},
		{"another", policy.TypeText, []byte("globex"), 1, "acme", false},
		{"int4", policy.TypeInt4, binary.BigEndian.AppendUint32(nil, 42), 1, "42", true},
		{"int8 for int4", policy.TypeInt4, binary.BigEndian.AppendUint64(nil, 42), 1, "42", true},
		{"int4, short", policy.TypeInt4, []byte{42}, 1, "42", false},
		{"numeric", policy.TypeNumeric, numeric("12345678"), 1, "12345678", true},
		{"numeric 40000", policy.TypeNumeric, numeric("40000"), 1, "40000", true},
		{"numeric, another", policy.TypeNumeric, numeric("12345679"), 1, "12345678", false},
		{"numeric, negative", policy.TypeNumeric, numeric("-7"), 1, "-7", true},
		{"numeric, cut", policy.TypeNumeric, numeric("12345678")[:9], 1, "12345678", false},
		{"numeric NaN", policy.TypeNumeric, []byte{0, 0, 0, 0, 0xC0, 0, 0, 0}, 1, "0", false},
		{"uuid, long", policy.TypeUUID, make([]byte, 17), 1, "00000000-0000-0000-0000-000000000000", false},
		{"uuid", policy.TypeUUID, make([]byte, 16), 1, "00000000-0000-0000-0000-000000000000", true},
	} {
		d := plan.CheckArgument(TenantArgument{Number: 1, Type: c.typ}, c.value, c.format, tenant(t, c.id))
		if (d == nil) != c.ok {
			t.Errorf("%s: %v", c.name, d)
		}
	}
}

func TestSplice(t *testing.T) {
	r := New(goldenBound(t), Options{})
	plan, err := r.Plan(Request{SQL: `SELECT '$1', "$1" FROM (SELECT 1 AS "$1") x, orders /* $1 */ WHERE secret = $$ $1 $$`,
		Protocol: Simple, SearchPath: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `SELECT '$1', "$1" FROM (SELECT 1 AS "$1") x, public.orders WHERE public.orders.tenant_id = 'it''s \ "x"; --' AND secret = ' $1 '`
	if got := plan.Splice(tenant(t, `it's \ "x"; --`)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if d := plan.CheckConstants(tenant(t, "acme")); d != nil {
		t.Error(d)
	}
	given, err := r.Plan(Request{SQL: "INSERT INTO orders (tenant_id) VALUES ('acme')", Protocol: Simple, SearchPath: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := given.CheckConstants(tenant(t, "acme")); d != nil {
		t.Error(d)
	}
	if d := given.CheckConstants(tenant(t, "globex")); d == nil || d.Rule != ruleTenantMismatch || d.Position != 40 {
		t.Errorf("another tenant's constant: %+v", d)
	}
}

func TestCache(t *testing.T) {
	r := New(goldenBound(t), Options{CacheBytes: 256 << 10})
	req := Request{SQL: "SELECT id FROM orders", Protocol: Extended, SearchPath: []string{"public"}}
	first, err := r.Plan(req)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := r.Plan(req); second != first {
		t.Error("the second plan of a text is not the cached one")
	}
	for _, other := range []Request{
		{SQL: req.SQL, Protocol: Simple, SearchPath: req.SearchPath},
		{SQL: req.SQL, Protocol: Extended, SearchPath: []string{"billing", "public"}},
		{SQL: req.SQL, Protocol: Extended, SearchPath: req.SearchPath, ParamTypes: []uint32{23}},
		{SQL: req.SQL, Protocol: Extended, SearchPath: req.SearchPath, Role: "reader"},
	} {
		if p, err := r.Plan(other); err != nil || p == first {
			t.Errorf("%+v shares a plan: %v", other, err)
		}
	}
	for i := range 5000 {
		if _, err := r.Plan(Request{SQL: "SELECT id FROM orders WHERE qty = " + string(rune('0'+i%10)) + " AND id = 1" + string(rune('a'+i%26)) +
			" OR total = " + string(rune('A'+i%17)), Protocol: Extended, SearchPath: []string{"public"}}); err == nil {
			continue
		}
	}
	st := r.CacheStats()
	if st.Bytes > 256<<10 {
		t.Errorf("the cache holds %d bytes", st.Bytes)
	}
	if st.Hits == 0 || st.Misses == 0 {
		t.Errorf("%+v", st)
	}
}

func TestPlansAreShared(t *testing.T) {
	r := New(goldenBound(t), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			for i := 0; i < 200 && ctx.Err() == nil; i++ {
				if _, err := r.Plan(Request{SQL: "SELECT * FROM order_totals", Protocol: Extended, SearchPath: []string{"public"}}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
