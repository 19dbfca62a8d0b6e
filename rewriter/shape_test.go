package rewriter

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgcordon/rewriter/lexer"
)

// knownWords are all texts that the rewriter's own source holds: a rule that looks at a constant compares it with one of them.
var knownWords = sync.OnceValue(func() []string {
	var words []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		panic(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			panic(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil && len(s) < 40 && !strings.Contains(s, "\x00") {
					words = append(words, s)
				}
			}
			return true
		})
	}
	return words
})

// otherLiterals returns the text with other literals, of the kinds that the lexer says.
func otherLiterals(rnd *rand.Rand, sql string, literals []lexer.Literal) string {
	var b strings.Builder
	at := 0
	for _, l := range literals {
		b.WriteString(sql[at:l.Start])
		b.WriteString(randomLiteral(rnd, l.Kind, sql[l.Start:l.End]))
		at = int(l.End)
	}
	return b.String() + sql[at:]
}

func randomLiteral(rnd *rand.Rand, kind lexer.Kind, text string) string {
	if rnd.IntN(3) == 0 {
		return text
	}
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	switch kind {
	case lexer.Comment:
		if text[0] == '-' {
			return pick("--", "-- x", "--ü'", "-- /*")
		}
		return pick("/* a */", "/* 'ü */", "/*+ hint() */", "/* -- $1 */")
	case lexer.Int4:
		return pick("0", "1", "7", "42", "1234567", "2147483647")
	case lexer.Int8:
		return pick("2147483648", "3000000000", "9223372036854775807")
	case lexer.Numeric:
		return pick("0.0", "1.5", "0.000001", "12345678901234567890.123")
	}
	words := knownWords()
	value := pick("", "x", "t", "f", "no", " ", "it's", "ü", `\`, `a\`, `a\\`, `\x41`, `\134`, "%a%", "a_", "2020-01-01", "acme", "17", "{1,2}", "public",
		words[rnd.IntN(len(words))])
	value = strings.ReplaceAll(value, "'", "''")
	if kind == lexer.Escaped {
		return "E'" + strings.ReplaceAll(value, `\`, `\\`) + "'"
	}
	return "'" + value + "'"
}

// knownShape has a rewriter learn the shape of a request, and tells whether it did.
func knownShape(r *Rewriter, req Request) bool {
	var l lookup
	if r.shapes.find(&req, r.opts.MaxStatementBytes, &l) {
		return true
	}
	if len(l.key) == 0 {
		return false
	}
	for range 3 { // once for the skeleton, once for what tells its variants apart
		r.shapes.find(&req, r.opts.MaxStatementBytes, &l)
		r.shapes.again(l.key)
		le := &lesson{sql: req.SQL, literals: append([]lexer.Literal(nil), l.literals...)}
		plan, denial := r.plan(req, le)
		if !r.learn(req, l.key, l.skeleton, le, plan, denial) {
			return false
		}
	}
	return r.shapes.find(&req, r.opts.MaxStatementBytes, &l)
}

// sameByShape plans a text in full and by its shape, if it has one, and compares.
func sameByShape(t *testing.T, r *Rewriter, req Request) (quick bool) {
	t.Helper()
	var l lookup
	if !r.shapes.find(&req, r.opts.MaxStatementBytes, &l) {
		return false
	}
	want, wantDenial := r.plan(req, nil)
	got, gotDenial := l.whole()
	if !reflect.DeepEqual(gotDenial, wantDenial) {
		t.Fatalf("%q: by its shape %v, in full %v", req.SQL, gotDenial, wantDenial)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: by its shape\n%+v, in full\n%+v", req.SQL, got, want)
	}
	sameQuick(t, r, req, want, wantDenial)
	return true
}

// TestShapesOfGolden plans every text of the golden corpus with other literals by its shape and in full, and tells how many have one. The others
// are statements of other kinds, or their literals are arguments of functions, names, or conditions on system catalogs.
func TestShapesOfGolden(t *testing.T) {
	for dir, least := range map[string]int{"testdata": 600, "testdata/hidden": 100} {
		r := New(boundIn(t, dir), Options{})
		rnd := rand.New(rand.NewPCG(1, 2))
		all, quick := 0, 0
		for _, sql := range goldenInputsIn(t, dir) {
			for _, how := range []Protocol{Simple, Extended} {
				req := Request{SQL: sql, Protocol: how, SearchPath: []string{"public", "billing"}}
				_, literals, ok := lexer.Skeleton(sql, nil, nil)
				if len(literals) == 0 && ok {
					continue
				}
				all++
				if !knownShape(r, req) {
					continue
				}
				any := false
				for range 12 {
					req.SQL = otherLiterals(rnd, sql, literals)
					any = sameByShape(t, r, req) || any
				}
				if any {
					quick++
				}
			}
		}
		t.Logf("%s: %d of %d texts with literals are planned without a parse", dir, quick, all)
		if quick < least {
			t.Errorf("%s: only %d of %d texts with literals are planned without a parse", dir, quick, all)
		}
	}
}

// FuzzShapes learns the shape of any text and compares what other literals give by it and in full.
func FuzzShapes(f *testing.F) {
	for i, sql := range goldenInputs(f) {
		f.Add(sql, uint64(i))
	}
	r := New(goldenBound(f), Options{CacheBytes: 4 << 20, MaxStatementBytes: 8 << 10})
	f.Fuzz(func(t *testing.T, sql string, seed uint64) {
		req := Request{SQL: sql, Protocol: Protocol(seed % 2), SearchPath: []string{"public", "billing"}}
		_, literals, ok := lexer.Skeleton(sql, nil, nil)
		if !ok || len(literals) == 0 || len(literals) > 200 || !knownShape(r, req) {
			return
		}
		sameByShape(t, r, req)
		rnd := rand.New(rand.NewPCG(seed, 0))
		for range 3 {
			req.SQL = otherLiterals(rnd, sql, literals)
			sameByShape(t, r, req)
		}
	})
}

// TestPlanByShape: the third text of a shape is planned without a parse, and a denial moves with its place.
func TestPlanByShape(t *testing.T) {
	r := New(goldenBound(t), Options{})
	plan := func(sql string) (*Plan, error) {
		return r.Plan(Request{SQL: sql, Protocol: Simple, SearchPath: []string{"public"}})
	}
	for i, sql := range []string{"SELECT id FROM orders WHERE id = 1 AND secret = 'a'", "SELECT id FROM orders WHERE id = 22 AND secret = 'b'",
		"SELECT id FROM orders WHERE id = 333 AND secret = 'c''c'"} {
		p, err := plan(sql)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimPrefix(sql, "SELECT id FROM orders WHERE "); !strings.HasSuffix(p.SQL, want) {
			t.Errorf("%s became %s", sql, p.SQL)
		}
		if known := r.shapes.known.Load(); known != uint64(i/2) {
			t.Errorf("%d texts were found by their shape after %s", known, sql)
		}
	}
	if st := r.CacheStats(); st.Hits != 1 || st.Misses != 2 {
		t.Errorf("%+v", st)
	}
	for _, sql := range []string{"SELECT 1 FROM orders WHERE id = 1 AND secrets.x = 1", "SELECT 22 FROM orders WHERE id = 22 AND pg_read_file(id) = 2",
		"SELECT 22 FROM orders WHERE id = 333 AND pg_read_file(id) = 2", "SELECT 22 FROM orders WHERE id = 4444 AND pg_read_file(id) = 2"} {
		_, err := plan(sql)
		if d, ok := err.(*Denial); ok && sql[d.Position-1:d.Position+3] != "pg_r" {
			t.Errorf("%s: %v at %d", sql, d, d.Position)
		}
	}
	if known := r.shapes.known.Load(); known != 2 {
		t.Errorf("%d texts were found by their shape", known)
	}
}

// TestConstantsByShape: a constant for the tenant column is checked for each text, though the shape is known.
func TestConstantsByShape(t *testing.T) {
	r := New(goldenBound(t), Options{})
	id := tenant(t, "acme")
	for i, name := range []string{"acme", "acme", "other", "acme", "", `acme\`} {
		p, err := r.Plan(Request{SQL: "INSERT INTO orders (id, tenant_id) VALUES (" + strconv.Itoa(i) + ", '" + name + "')", SearchPath: []string{"public"}})
		if err != nil {
			t.Fatal(err)
		}
		if d := p.CheckConstants(id); (d == nil) != (name == "acme") {
			t.Errorf("%s: %v", name, d)
		}
	}
	if known := r.shapes.known.Load(); known != 4 {
		t.Errorf("%d texts were found by their shape", known)
	}
}

// TestOnceSeenTextsKeepShapes: texts that never come again take no memory from shapes.
func TestOnceSeenTextsKeepShapes(t *testing.T) {
	r := New(goldenBound(t), Options{CacheBytes: 1 << 20})
	text := func(i int) Request {
		return Request{SQL: "SELECT id FROM orders WHERE id = " + strconv.Itoa(i), SearchPath: []string{"public"}}
	}
	plan := func(req Request) {
		if _, err := r.Plan(req); err != nil {
			t.Fatal(err)
		}
	}
	plan(text(1))
	plan(text(2))
	for i := range 2000 {
		plan(Request{SQL: "SELECT id AS n" + strconv.Itoa(i) + " FROM orders WHERE id = 1", SearchPath: []string{"public"}})
	}
	before := r.shapes.known.Load()
	plan(text(3))
	if r.shapes.known.Load() != before+1 {
		t.Error("the shape is gone")
	}
}

// TestPreparedTextsShareAPlan: a text of the extended protocol that comes again is kept by sessions, who need not each have a plan of it.
func TestPreparedTextsShareAPlan(t *testing.T) {
	r := New(goldenBound(t), Options{})
	plans := map[*Plan]bool{}
	for _, id := range []string{"1", "22", "333", "333", "333", "333"} {
		p, err := r.Plan(Request{SQL: "SELECT id FROM orders WHERE id = " + id, Protocol: Extended, SearchPath: []string{"public"}})
		if err != nil {
			t.Fatal(err)
		}
		plans[p] = true
	}
	if len(plans) != 4 { // the last three share the fourth
		t.Errorf("%d plans", len(plans))
	}
}

// TestAdmitBeforeParse: who plans is asked for a text that has to be parsed, and not for one whose plan is known.
func TestAdmitBeforeParse(t *testing.T) {
	r := New(goldenBound(t), Options{})
	asked, ended := 0, 0
	req := Request{Protocol: Simple, SearchPath: []string{"public"}, Admit: func() (func(), *Denial) {
		asked++
		return func() { ended++ }, nil
	}}
	for _, id := range []string{"1", "1", "22", "333", "4444"} {
		req.SQL = "SELECT id FROM orders WHERE id = " + id
		if _, err := r.Plan(req); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 || ended != 2 {
		t.Errorf("asked %d times, told %d times of the end", asked, ended)
	}
	refusal := &Denial{SQLState: "53400", Rule: ruleInternal}
	req.SQL, req.Admit = "SELECT total FROM orders", func() (func(), *Denial) { return nil, refusal }
	if _, err := r.Plan(req); err != refusal {
		t.Errorf("%v", err)
	}
}

func BenchmarkPlanByShape(b *testing.B) {
	r := New(goldenBound(b), Options{})
	for _, bench := range []struct{ name, sql string }{
		{"select", "SELECT secret FROM orders WHERE id = %"},
		{"update", "UPDATE orders SET total = total + % WHERE id = %"},
		{"insert", "INSERT INTO orders (id, secret, total) VALUES (%, 'some text', %)"},
	} {
		texts := make([]Request, 1000)
		for i := range texts {
			texts[i] = Request{SQL: strings.ReplaceAll(bench.sql, "%", strconv.Itoa(100000+i)), Protocol: Simple, SearchPath: []string{"public"}}
			if i < 2 {
				if _, err := r.Plan(texts[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(bench.name+"/shape", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := r.Plan(texts[i%1000]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bench.name+"/parse", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, d := r.plan(texts[i%1000], nil); d != nil {
					b.Fatal(d)
				}
			}
		})
	}
}
