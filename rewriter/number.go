package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// newNumbers finds a number that the grammar of 16 reads and older servers do not, as 1_000.5 or 0xFFFFFFFFFF: what they would read of it is another token, and
// a name behind it. One that fits an int4 is printed in decimal, so it is the same to all.
func newNumbers(server int, sql string, tree *pg.ParseResult) bool {
	if server >= 160000 || !maybeNewNumber(sql) {
		return false
	}
	found := false
	eachMessage(tree.ProtoReflect(), func(m protoreflect.Message) {
		if f, ok := m.Interface().(*pg.Float); ok {
			found = found || strings.ContainsAny(f.Fval, "_xXoObB")
		}
	})
	return found
}

// maybeNewNumber tells whether a digit has something behind it that such a number has.
func maybeNewNumber(sql string) bool {
	for i := 1; i < len(sql); i++ {
		if c := sql[i-1]; '0' <= c && c <= '9' && strings.IndexByte("_xXoObB", sql[i]) >= 0 {
			return true
		}
	}
	return false
}
