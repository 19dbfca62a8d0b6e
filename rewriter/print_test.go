package rewriter

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// clearPlaces removes from a tree what only says where in a text its nodes stood.
func clearPlaces(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch name := f.Name(); {
		case name == "location" || name == "stmt_location" || name == "stmt_len" || name == "list_start":
			m.Clear(f)
		case f.IsList() && f.Message() != nil:
			for i := 0; i < v.List().Len(); i++ {
				clearPlaces(v.List().Get(i).Message())
			}
		case f.Message() != nil:
			clearPlaces(v.Message())
		}
		return true
	})
}

// reprint prints a tree, parses the text, and says how the trees differ.
func reprint(tree *pg.ParseResult) (printed, error) {
	out, err := printTree(tree, nil, nil, nil, nil)
	if err != nil {
		return out, err
	}
	again, err := pg.Parse(out.text)
	if err != nil {
		return out, fmt.Errorf("does not parse: %w", err)
	}
	if err := sameOrigins(tree, again, out.origins); err != nil {
		return out, err
	}
	want := proto.Clone(tree).(*pg.ParseResult)
	clearPlaces(want.ProtoReflect())
	clearPlaces(again.ProtoReflect())
	if !proto.Equal(want, again) {
		return out, fmt.Errorf("is another tree:\n  %v\n  %v", want.Stmts, again.Stmts)
	}
	return out, nil
}

// sameOrigins checks that the nodes of the printed text stand where the origins say.
func sameOrigins(tree, again *pg.ParseResult, origins []origin) error {
	known := map[origin]bool{}
	for i, o := range origins {
		if i > 0 && o.out < origins[i-1].out {
			return fmt.Errorf("origins are not ascending: %v", origins)
		}
		known[o] = true
	}
	return placesIn(tree.ProtoReflect(), again.ProtoReflect(), known)
}

func placesIn(a, b protoreflect.Message, known map[origin]bool) error {
	var err error
	a.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Name() == "location":
			in, out := int32(v.Int()), int32(b.Get(f).Int())
			if in > 0 && out > 0 && !known[origin{out, in}] {
				err = fmt.Errorf("%s at %d, from %d, has no origin", a.Descriptor().Name(), out, in)
			}
		case f.IsList() && f.Message() != nil:
			if n := v.List().Len(); n == b.Get(f).List().Len() {
				for i := 0; i < n && err == nil; i++ {
					err = placesIn(v.List().Get(i).Message(), b.Get(f).List().Get(i).Message(), known)
				}
			}
		case f.Message() != nil && b.Has(f):
			err = placesIn(v.Message(), b.Get(f).Message(), known)
		}
		return err == nil
	})
	return err
}

// printCorpus is every statement of testdata/print: blocks divided by empty lines.
func printCorpus(t testing.TB) []string {
	t.Helper()
	var out []string
	paths, err := filepath.Glob("testdata/print/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range strings.Split(string(b), "\n\n") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	if len(out) < 700 {
		t.Fatalf("testdata/print has %d statements", len(out))
	}
	return out
}

// TestPrintCorpus prints every statement of testdata/print and parses it again.
func TestPrintCorpus(t *testing.T) {
	for _, sql := range printCorpus(t) {
		checkReprint(t, sql)
	}
}

func checkReprint(t *testing.T, sql string) {
	t.Helper()
	tree, err := pg.Parse(sql)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	out, err := reprint(tree)
	if err != nil {
		t.Errorf("%s\n  printed as %s\n  %v", sql, out.text, err)
	}
}

// TestPrintGolden prints what the rewriter is given and what it makes of it, as far as the kind of statement is one that can be printed.
func TestPrintGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			tree, err := pg.Parse(d.Input)
			if err != nil {
				return d.Expected
			}
			for _, s := range tree.Stmts {
				switch kind := nodeName(s.Stmt); kind {
				case "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "TransactionStmt", "VariableSetStmt", "VariableShowStmt":
				default:
					return d.Expected
				}
			}
			checkReprint(t, d.Input)
			if text, _, _ := strings.Cut(d.Expected, "\n"); text != "" && !strings.HasPrefix(text, "refused ") {
				if _, err := pg.Parse(text); err == nil {
					checkReprint(t, text)
				}
			}
			return d.Expected
		})
	})
}

// TestPrintSplices checks that the places of the tenant's parameters are theirs, and that no other text looks like them.
func TestPrintSplices(t *testing.T) {
	tree, err := pg.Parse(`SELECT '$2', "$3", $1, $2::text FROM t WHERE a = $3 AND b = $2 AND c = $22; SELECT $3`)
	if err != nil {
		t.Fatal(err)
	}
	tenants := []TenantParam{{Number: 2}, {Number: 3}}
	out, err := printTree(tree, tenants, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	scan, err := pg.Scan(out.text)
	if err != nil {
		t.Fatal(err)
	}
	var want []splice
	for _, tok := range scan.Tokens {
		switch text := out.text[tok.Start:tok.End]; text {
		case "$2", "$3":
			want = append(want, splice{start: int(tok.Start), end: int(tok.End), tenant: int(text[1] - '2')})
		}
	}
	if len(want) != 4 || !slices.Equal(out.splices, want) {
		t.Errorf("splices %v, want %v", out.splices, want)
	}
}

// TestPrintRefuses checks that a tree which no text has is an error and not another tree's text.
func TestPrintRefuses(t *testing.T) {
	expr := func(n *pg.Node) *pg.ParseResult {
		tree, err := pg.Parse("SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().Val = n
		return tree
	}
	op := func(name string) *pg.Node {
		return &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{Kind: pg.A_Expr_Kind_AEXPR_OP, Name: []*pg.Node{pg.MakeStrNode(name)},
			Lexpr: pg.MakeAConstIntNode(1, 0), Rexpr: pg.MakeAConstIntNode(2, 0)}}}
	}
	for name, n := range map[string]*pg.Node{
		"no node":       nil,
		"comment":       op("--"),
		"block comment": op("/*"),
		"words":         op("= 1 OR 1 ="),
		"statement":     {Node: &pg.Node_CheckPointStmt{CheckPointStmt: &pg.CheckPointStmt{}}},
		"analysed":      {Node: &pg.Node_OpExpr{OpExpr: &pg.OpExpr{}}},
		"bits":          {Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Bsval{Bsval: &pg.BitString{Bsval: "b1' OR '1"}}}}},
		"number":        {Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Fval{Fval: &pg.Float{Fval: "1 OR 1"}}}}},
		"parameter":     {Node: &pg.Node_ParamRef{ParamRef: &pg.ParamRef{Number: -1}}},
		"minus minus":   {Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Fval{Fval: &pg.Float{Fval: "1--1"}}}}},
	} {
		if out, err := printTree(expr(n), nil, nil, nil, nil); err == nil {
			t.Errorf("%s is printed as %s", name, out.text)
		}
	}
}

// TestKeywords checks the list of keywords against the scanner's.
func TestKeywords(t *testing.T) {
	for word := range keywords {
		scan, err := pg.Scan(word)
		if err != nil || len(scan.Tokens) != 1 || scan.Tokens[0].KeywordKind == pg.KeywordKind_NO_KEYWORD {
			t.Errorf("%s is no keyword: %v, %v", word, scan, err)
		}
		if plainKeywords[word] && scan.Tokens[0].KeywordKind != pg.KeywordKind_UNRESERVED_KEYWORD {
			t.Errorf("%s is written plainly and is %s", word, scan.Tokens[0].KeywordKind)
		}
	}
	for _, sql := range printCorpus(t) {
		scan, err := pg.Scan(sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, tok := range scan.Tokens {
			text := strings.ToLower(sql[tok.Start:tok.End])
			// The prefix of n'text' counts as a keyword and is none.
			if tok.KeywordKind != pg.KeywordKind_NO_KEYWORD && !keywords[text] && !strings.HasPrefix(sql[tok.End:], "'") {
				t.Errorf("%s is missing", text)
			}
		}
	}
	for token := range pg.Token_name {
		name := strings.TrimSuffix(strings.ToLower(pg.Token_name[token]), "_p")
		if scan, err := pg.Scan(name); err == nil && len(scan.Tokens) == 1 && scan.Tokens[0].KeywordKind != pg.KeywordKind_NO_KEYWORD && !keywords[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// FuzzPrint prints what the parser makes of any text. A tree that the printer does not refuse must come back.
func FuzzPrint(f *testing.F) {
	for _, sql := range printCorpus(f) {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if guardInput(sql, 1<<16) != nil {
			return
		}
		tree, err := pg.Parse(sql)
		if err != nil {
			return
		}
		out, err := reprint(tree)
		if err != nil && !strings.HasPrefix(err.Error(), "cannot print ") {
			t.Errorf("%q\n  printed as %q\n  %v", sql, out.text, err)
		}
	})
}

var benchmarkQuery = `SELECT o.id, c.name AS customer, sum(l.qty * l.price)::numeric(12, 2) AS total
	FROM public.orders o JOIN public.customers c ON c.id = o.customer_id LEFT JOIN public.order_lines l ON l.order_id = o.id AND l.qty > 0
	WHERE o.tenant_id = $1 AND c.tenant_id = $1 AND o.placed > now() - '30 days'::interval AND (o.state IN ('new', 'paid') OR o.urgent)
	GROUP BY o.id, c.name HAVING count(*) > 1 ORDER BY total DESC LIMIT 20`

func BenchmarkPrint(b *testing.B) {
	tree, err := pg.Parse(benchmarkQuery)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("printTree", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := printTree(tree, nil, nil, nil, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Deparse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pg.Deparse(tree); err != nil {
				b.Fatal(err)
			}
		}
	})
}
