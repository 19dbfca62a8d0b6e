package lexer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// hard are texts at the edges of Postgres's lexical rules.
var hard = []string{
	`SELECT 1, 12345678901, 1.5, .5, 5., 1e5, 1.5e-3, 2147483647, 2147483648, 9223372036854775807, 9223372036854775808`,
	`SELECT 0x1F, 0o17, 0b11, 1_000, 1_000.5, 0x_1, 00, 007, 0.5, 00.5, 0`, `SELECT 1..2`, `SELECT a[1:2], x::int, f(a := 1, b => 2)`,
	`SELECT 1a`, `SELECT 0x`, `SELECT 0b12`, `SELECT 1e`, `SELECT 1e+`, `SELECT 1__0`, `SELECT 1_`, `SELECT 1.5.5`, `SELECT 1.a`, `SELECT t.5`,
	`SELECT 'a', 'it''s', '', 'back\slash', E'a\\b', E'it\'s', e'\n', E'\x41', E'\u0041', E'\101', 'ünïcode', E'ü'`,
	"SELECT 'a'\n'b'", "SELECT 'a' -- c\n 'b'", "SELECT 'a' -- c\n, 'b'", "SELECT 'a' 'b'", "SELECT 'a'-- c", "SELECT 'a' /* c */ 'b'",
	`SELECT B'101', X'1F', b'', B'1''0', N'x', n'x', U&'\0041', U&"a", u&"a" UESCAPE '!', u&x, U & 'x', "q""q", "", "ü"`,
	`SELECT $$a$$, $tag$a $$ b$tag$, $1, $12, $1a, $a, $a$ $b$ $a$, $ü$x$ü$, a$1, a$b$c`,
	`SELECT a<-1, a<=-1, a->>'x', a@-1, a*-1, a+-+1, a=-1, a!=-1, a<>1, 1--x`, "SELECT 1 -- x\n+ 2", "SELECT 1/* x */+2", `SELECT 1*/2`,
	`SELECT /* a /* nested */ b */ 1`, `SELECT /**/ 1`, `SELECT /***/ 1`, `SELECT /*/ 1 */ 2`, `SELECT /* unterminated`, `SELECT 'unterminated`,
	`SELECT a+/*c*/b`, `SELECT a+--c`, `SELECT ~-1, !!1, @ -5, |/ 25, a || b, a ?| b, a #>> b, a ^ b % c`, `;;;`, ``, `   `, "\x0b\x0c", `{}`, `\d`,
	`SELECT E'a''b', e'', E''`, "SELECT E'a'\n'b'", "SELECT x'1'\n'2'", `SELECT a.b.c, a..b, a.*, a . 1`, `SELECT 'a'::text, '1'::int COLLATE "C"`,
	`SELECT 1 FROM t WHERE a=1AND b=2`, `SELECT 1OR 2`, `SELECT 'a'AND'b'`, `SELECT +-+-+-+1`, `SELECT <@>-+`, `SELECT a-/**/-1`, "SELECT 1\r--x\r2",
}

// texts are the hard ones and the golden corpus of the rewriter.
func texts(t testing.TB) []string {
	files, err := filepath.Glob("../testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	out := hard
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split(string(b), "\n\n") {
			_, rest, _ := strings.Cut(c, "\n")
			if sql, _, ok := strings.Cut(rest, "\n----"); ok {
				out = append(out, sql)
			}
		}
	}
	return out
}

// FuzzTokens holds the lexer against libpg_query's: for each text that it accepts, the same tokens.
func FuzzTokens(f *testing.F) {
	for _, text := range texts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { sameTokens(t, text) })
}

func sameTokens(t *testing.T, text string) (accepted bool) {
	key, literals, ok := Skeleton(text, nil, nil)
	if !ok {
		return false
	}
	want, err := pg.Scan(text)
	if err != nil {
		t.Fatalf("%q is accepted; Postgres says %v", text, err)
	}
	s := scanner{text: text}
	for _, w := range want.Tokens {
		got := s.next()
		kind, end := kindOf(w, text), int(w.End)
		if w.Token == pg.Token_USCONST || w.Token == pg.Token_UIDENT { // with something right behind it, libpg_query ends it by the length of its value
			end = max(end, got.end)
		}
		if got.kind != kind || got.start != int(w.Start) || got.end != end {
			t.Fatalf("%q: token %d %q at %d to %d; Postgres has %v (%d) at %d to %d", text, got.kind, text[got.start:got.end],
				got.start, got.end, w.Token, kind, w.Start, w.End)
		}
	}
	if got := s.next(); got.kind != tokenEnd {
		t.Fatalf("%q: one token more, at %d", text, got.start)
	}
	if again := refill(key, text, literals); again != text {
		t.Fatalf("%q: the skeleton %q gives %q", text, key, again)
	}
	return true
}

// refill puts the literals back into a skeleton.
func refill(key []byte, text string, literals []Literal) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if key[i] != 0 {
			b.WriteByte(key[i])
			continue
		}
		i++
		if len(literals) == 0 || key[i] != byte(literals[0].Kind) {
			return fmt.Sprintf("no literal for a hole of kind %c", key[i])
		}
		b.WriteString(text[literals[0].Start:literals[0].End])
		literals = literals[1:]
	}
	return b.String()
}

// kindOf is what this package calls one of libpg_query's tokens.
func kindOf(w *pg.ScanToken, text string) tokenKind {
	first := text[w.Start]
	switch w.Token {
	case pg.Token_IDENT:
		if first == '"' {
			return tokenQuoted
		}
		return tokenWord
	case pg.Token_UIDENT:
		return tokenUQuoted
	case pg.Token_SCONST:
		return tokenString
	case pg.Token_USCONST:
		return tokenUString
	case pg.Token_BCONST:
		return tokenBits
	case pg.Token_XCONST:
		return tokenHex
	case pg.Token_ICONST:
		return tokenInteger
	case pg.Token_FCONST:
		return tokenNumber
	case pg.Token_PARAM:
		return tokenParam
	case pg.Token_Op:
		return tokenOp
	case pg.Token_C_COMMENT:
		return tokenBlock
	case pg.Token_SQL_COMMENT:
		return tokenLine
	}
	if isLetter(first) {
		return tokenWord
	}
	return tokenOther
}

// TestTokens runs the fuzz target's seeds, and sees that they are not just declined.
func TestTokens(t *testing.T) {
	accepted := 0
	for _, text := range texts(t) {
		if !sameTokens(t, text) {
			continue
		}
		accepted++
	}
	if accepted < 500 {
		t.Errorf("only %d texts are accepted", accepted)
	}
	t.Logf("%d of %d texts are accepted", accepted, len(texts(t)))
}

// TestSkeleton shows what becomes a hole: \x00 is written as a dot.
func TestSkeleton(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT 'a', E'\\', 1, 3000000000, 1.5 -- x`:             `SELECT .s, .e, .i, .j, .n .c`,
		`SELECT E'\n', 007, 1e5, 5., .5, 0x1, 00.5`:              `SELECT E'\n', 007, 1e5, 5., .5, 0x1, 00.5`,
		`SELECT B'1', X'1', $$a$$, "a", $1, 9223372036854775808`: `SELECT B'1', X'1', $$a$$, "a", $1, 9223372036854775808`,
		`SELECT/* a */-1/**/`:                                    `SELECT.c-.i/**/`,
		`SELECT N'a', 0.0`:                                       `SELECT N.s, .n`,
	} {
		key, _, ok := Skeleton(text, nil, nil)
		if got := strings.ReplaceAll(string(key), "\x00", "."); !ok || got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestValueAndPrinted(t *testing.T) {
	for _, c := range []struct {
		kind                 Kind
		text, value, printed string
	}{
		{String, `'it''s \'`, `it's \`, `'it''s \'`},
		{Escaped, `E'it''s \\ "'`, `it's \ "`, `'it''s \ "'`},
		{Escaped, `e''`, ``, `''`},
		{Int4, `17`, ``, `17`},
	} {
		if got := string(Printed(nil, c.kind, c.text)); got != c.printed {
			t.Errorf("%s is printed as %s", c.text, got)
		}
		if c.kind == Int4 {
			continue
		}
		if got := string(Value(nil, c.kind, c.text)); got != c.value {
			t.Errorf("%s has the value %q", c.text, got)
		}
		tree, err := pg.Parse("SELECT " + c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().Val.GetAConst().GetSval().GetSval(); got != c.value {
			t.Errorf("%s has the value %q for Postgres", c.text, got)
		}
	}
}

var pgbenchSelect = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"

func TestSkeletonAllocatesNothing(t *testing.T) {
	key, literals := make([]byte, 0, 1024), make([]Literal, 0, 16)
	if n := testing.AllocsPerRun(100, func() { Skeleton(pgbenchSelect, key, literals) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSkeleton(b *testing.B) {
	key, literals := make([]byte, 0, 1024), make([]Literal, 0, 16)
	b.SetBytes(int64(len(pgbenchSelect)))
	for b.Loop() {
		Skeleton(pgbenchSelect, key, literals)
	}
}
