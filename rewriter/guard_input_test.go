package rewriter

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const testBytes = 1 << 20

var repeat = strings.Repeat

// growing are statements that grow without end in one way each, n of it. Without the guard each kills libpg_query
// at some n or takes it minutes, but for those that it answers with an error of its own.
var growing = map[string]func(n int) string{
	"binary operators":    func(n int) string { return "select 1" + repeat("+1", n) },
	"operators and names": func(n int) string { return "select a" + repeat(" + b.c", n) },
	"NOT":                 func(n int) string { return "select " + repeat("not ", n) + "true" },
	"prefix minus":        func(n int) string { return "select " + repeat("- ", n) + "a" },
	"casts":               func(n int) string { return "select x" + repeat("::a", n) },
	"nested operators":    func(n int) string { return "select " + repeat("(1+", n) + "1" + repeat(")", n) },
	"nested on the left":  func(n int) string { return "select " + repeat("(", n) + "1" + repeat("+1)", n) },
	"function calls":      func(n int) string { return "select " + repeat("f(", n) + "1" + repeat(")", n) },
	"CASE":                func(n int) string { return "select " + repeat("case when true then ", n) + "1" + repeat(" end", n) },
	"CASE argument":       func(n int) string { return "select " + repeat("case ", n) + "1" + repeat(" when 1 then 2 end", n) },
	"CASE with operators": func(n int) string { return "select " + repeat("case when 1+1 then 1+", n) + "1" + repeat(" end+1", n) },
	"UNION ALL":           func(n int) string { return "select 1" + repeat(" union all select 1", n) },
	"UNION in lists":      func(n int) string { return "select 1, 2" + repeat(" except select 1, 2", n) },
	"nested UNION":        func(n int) string { return repeat("(select 1 union ", n) + "select 1" + repeat(")", n) },
	"JOIN":                func(n int) string { return "select 1 from a" + repeat(" cross join a", n) },
	"JOIN ON with AND":    func(n int) string { return "select 1 from a" + repeat(" join a on true and true", n) },
	"nested JOIN":         func(n int) string { return "select 1 from a" + repeat(" join a", n) + repeat(" on true", n) },
	"scalar sub-selects":  func(n int) string { return "select " + repeat("(select ", n) + "1" + repeat(")", n) },
	"sub-selects in FROM": func(n int) string { return repeat("select * from (", n) + "select 1" + repeat(") x", n) },
	"EXISTS": func(n int) string {
		return "select 1 where " + repeat("exists (select 1 where ", n) + "true" + repeat(")", n)
	},
	"WITH":                  func(n int) string { return repeat("with x as (", n) + "select 1" + repeat(") select 1", n) },
	"arrays":                func(n int) string { return "select array" + repeat("[", n) + "1" + repeat("]", n) },
	"rows":                  func(n int) string { return "select " + repeat("row(", n) + "1" + repeat(")", n) },
	"IS NULL":               func(n int) string { return "select a" + repeat(" is null", n) },
	"NOTNULL":               func(n int) string { return "select a" + repeat(" notnull", n) },
	"COLLATE":               func(n int) string { return "select a" + repeat(" collate c", n) },
	"AT TIME ZONE":          func(n int) string { return "select a" + repeat(" at time zone b", n) },
	"OPERATOR()":            func(n int) string { return "select 1" + repeat(" operator(pg_catalog.+) 1", n) },
	"IN":                    func(n int) string { return "select a" + repeat(" in (1)", n) },
	"BETWEEN":               func(n int) string { return "select a" + repeat(" between 1 and 2 is null", n) },
	"LIKE":                  func(n int) string { return "select a" + repeat(" like 'x' is null", n) },
	"SIMILAR TO":            func(n int) string { return "select a" + repeat(" similar to 'x' escape 'y' is null", n) },
	"reserved names":        func(n int) string { return "select a.when" + repeat(" + x.when + x.and + x.or + x.select", n) },
	"quoted names":          func(n int) string { return `select "a"` + repeat(` + "," + "or"`, n) },
	"strings":               func(n int) string { return `select 'a'` + repeat(` || ',' || E'\',' || $$,$$ || $x$,$x$`, n) },
	"continued strings":     func(n int) string { return "select E'a' -- x\n '\\',' " + repeat("+ E'a' \n '\\'' ", n) },
	"comments between":      func(n int) string { return "select 1" + repeat("/* , */+--,\n1", n) },
	"nested comments":       func(n int) string { return "select 1 " + repeat("/*", n) + repeat("*/", n) },
	"adjacent comments":     func(n int) string { return "select 1 " + repeat("/**/", n) },
	"plus and minus":        func(n int) string { return "select " + repeat("+-", n) + "1" },
	"NOT on the right":      func(n int) string { return "select a" + repeat(" = not a", n) },
	"several statements":    func(n int) string { return "select 1;" + "select 1" + repeat("+1", n) },
	"IN list of NOTs":       func(n int) string { return "select a in (1, " + repeat("not ", n) + "1, 2)" },
	"spurious brackets":     func(n int) string { return "select 1" + repeat("+1", n) + ")" },
	"subscripts of casts":   func(n int) string { return "select (" + repeat("(", n) + "a" + repeat(")::int[])[1]", n) + ")" },
	"sub-selects and joins": func(n int) string { return "select 1 from a" + repeat(" join (select a+1 from b) x on true", n) },
}

// TestGuardKeepsTheParserAlive runs libpg_query in a child process with a quarter of the usual stack on every statement that the guard
// passes, up to sizes that kill it.
func TestGuardKeepsTheParserAlive(t *testing.T) {
	if name := os.Getenv("PGCORDON_TEST_GROW"); name != "" {
		growUntilRefused(name)
		return
	}
	for name := range growing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			child := exec.Command("/bin/sh", "-c", `ulimit -s 2048 && exec "$0" -test.run='^TestGuardKeepsTheParserAlive$'`, os.Args[0])
			child.Env = append(os.Environ(), "PGCORDON_TEST_GROW="+name)
			var out bytes.Buffer
			child.Stdout, child.Stderr = &out, &out
			if err := child.Run(); err != nil {
				t.Fatalf("%v; last words:\n%s", err, lastLines(out.String()))
			}
			if !strings.Contains(out.String(), "refused at ") {
				t.Errorf("the guard passes it at every size:\n%s", lastLines(out.String()))
			}
		})
	}
}

func lastLines(s string) string { return s[max(0, len(s)-800):] }

func growUntilRefused(name string) {
	for _, n := range []int{1, 20, 80, 120, 150, 200, 240, 320, 400, 490, 499, 600, 800, 900, 1000, 2000, 4000, 30000} {
		sql := growing[name](n)
		if d := guardInput(sql, 64<<20); d != nil {
			fmt.Println("refused at", n)
			continue
		}
		fmt.Println("passed at", n)
		tree, err := pg_query.Parse(sql)
		if err != nil {
			continue
		}
		if _, err := pg_query.Fingerprint(sql); err != nil {
			fmt.Println("fingerprint:", err)
		}
		if text, err := pg_query.Deparse(tree); err == nil {
			_, _ = pg_query.Parse(text)
		}
	}
}

func TestGuardRefuses(t *testing.T) {
	cases := []struct {
		name, sql  string
		state      string
		rule       string
		atPosition int // 0: any
	}{
		{"too many bytes", repeat(" ", testBytes+1), "54000", "statement-too-large", 0},
		{"NUL", "select 1\x00; drop table t", "22021", "nul-byte", 9},
		{"NUL in a string", "select 'ä\x00'", "22021", "nul-byte", 10},
		{"invalid UTF-8", "select '\xff'", "22021", "invalid-utf8", 0},
		{"overlong UTF-8", "select '\xc0\xa7'", "22021", "invalid-utf8", 0},
		{"surrogate", "select '\xed\xa0\x80'", "22021", "invalid-utf8", 0},
		{"chain", "select 1" + repeat("+1", 40000), "54001", "statement-too-complex", 0},
		{"chain behind a list", "select 1,2,3" + repeat("+1", 40000), "54001", "statement-too-complex", 0},
		{"nesting", repeat("(", 5000), "54001", "statement-too-complex", 0},
		{"brackets", repeat("[", 5000), "54001", "statement-too-complex", 0},
		{"comments", repeat("/*", 20000), "54001", "statement-too-complex", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := guardInput(c.sql, testBytes)
			if d == nil {
				t.Fatal("passed")
			}
			if d.SQLState != c.state || d.Rule != c.rule || d.Message == "" || c.atPosition > 0 && d.Position != c.atPosition {
				t.Errorf("got %+v, want %s %s at %d", d, c.state, c.rule, c.atPosition)
			}
		})
	}
}

func TestGuardPasses(t *testing.T) {
	list := func(item string, n int) string { return item + repeat(","+item, n-1) }
	cases := map[string]string{
		"empty":                      "",
		"a megabyte of constants":    "select * from t where a in (" + list("1", testBytes/2-20) + ")",
		"a megabyte of strings":      "select * from t where a in (" + list("'it''s'", testBytes/8-20) + ")",
		"many rows":                  "insert into t values " + list("(1, 'a', now(), -1.5e-3 * 2)", 20000),
		"many ORs":                   "select * from t where a = 1" + repeat(" or a = 2", 20000),
		"many ANDs":                  "select * from t where a is not null" + repeat(" and b not in (1, 2)", 20000),
		"many columns":               "select " + list("coalesce(a.b, c) || 'x' as d", 10000) + " from t",
		"many branches of a CASE":    "select case" + repeat(" when a = 1 then b + 1", 20000) + " else 0 end",
		"many statements":            repeat("update t set a = a + 1 where b between 1 and 2 and c;", 15000),
		"a long UNION ALL":           "insert into t select 1, 2" + repeat(" union all select 1, 2 where 1 = 1", 800),
		"a long concatenation":       "select a" + repeat(" || ',' || b", 200),
		"200 joins":                  "select * from a" + repeat(" join b on a.x = b.x and a.y = b.y", 200),
		"a large string":             "select '" + repeat("+(/*[", testBytes/6) + "'",
		"a large escape string":      "select E'" + repeat(`\'+(`, testBytes/6) + "'",
		"a large dollar quote":       "select $q$" + repeat("+(/*$x$'", testBytes/9) + "$q$",
		"a large quoted name":        `select "` + repeat("+(/*", testBytes/6) + `"`,
		"a large comment":            "/*" + repeat(" +-( '\n", testBytes/9) + "*/ select 1",
		"banners":                    repeat("/"+repeat("*", 78)+"\n * x\n "+repeat("*", 78)+"/\n", 3000) + "select 1",
		"rulers":                     repeat("--"+repeat("-", 78)+"\n", 3000) + "select 1",
		"comments nested a little":   "select /* a /* b /* c */ */ */ 1",
		"names that look like words": "select t.case, t.end, t.when, t.select as case from t where t.and = 1",
	}
	for name, sql := range cases {
		t.Run(name, func(t *testing.T) {
			if d := guardInput(sql, testBytes); d != nil {
				t.Errorf("refused: %v at %d", d, d.Position)
			}
			if _, err := pg_query.Parse(sql); err != nil {
				t.Errorf("the case is no SQL: %v", err)
			}
		})
	}
}

// FuzzGuardInput: a text that the guard passes parses into a tree no deeper than its estimate says.
func FuzzGuardInput(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(growing)) {
		f.Add(growing[name](3))
		f.Add(growing[name](30))
	}
	f.Add("select e'a'\n'\\'', U&\"d\\0061t\" uescape '!', $a$ $b$ $a$, b'1', 1e-5, x.and is distinct from 3")
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 8192 || guardInput(sql, 8192) != nil {
			return
		}
		g := inputGuard{sql: sql}
		g.groups = append(g.space[:0], group{})
		if why := g.scan(); why != "" {
			t.Fatalf("guardInput passes what scan refuses: %s", why)
		}
		tree, err := pg_query.Parse(sql)
		if err != nil {
			return
		}
		// A level of the estimate is at most three nodes deep, each inside a message that wraps it.
		if got, bound := messageDepth(tree.ProtoReflect()), 6*g.depth()+40; got > bound {
			t.Errorf("tree of depth %d, the estimate %d allows for %d: %s", got, g.depth(), bound, strconv.Quote(sql))
		}
	})
}

func messageDepth(m protoreflect.Message) int {
	deepest := 0
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				deepest = max(deepest, messageDepth(v.List().Get(i).Message()))
			}
		default:
			deepest = max(deepest, messageDepth(v.Message()))
		}
		return true
	})
	return deepest + 1
}

func BenchmarkGuardInput(b *testing.B) {
	sql := "select o.id, o.total, c.name from orders o join customers c on c.id = o.customer_id where o.id = $1 and c.name like 'a%'"
	b.SetBytes(int64(len(sql)))
	b.ReportAllocs()
	for b.Loop() {
		if guardInput(sql, testBytes) != nil {
			b.Fatal("refused")
		}
	}
}
