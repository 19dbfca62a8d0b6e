package rewriter

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// policyMeans says whether a condition keeps to what a word of catalogs.txt stands for: it may show less, never more.
func (s *sweeper) policyMeans(word *pg.FuncCall, got *pg.Node) bool {
	x := word.Args[0]
	switch stringsOf(word.Funcname)[0] {
	case "relations":
		list, ok := rangesOver(x, got)
		return ok && s.relationsIn(list, s.seen)
	case "functions":
		list, ok := rangesOver(x, got)
		return ok && s.functionsIn(list)
	case "schemas":
		names, ok := namesOver(x, got)
		return ok && !slices.ContainsFunc(names, func(n string) bool { return !s.seenSchema(n) })
	case "settings":
		call := got.GetAExpr().GetLexpr().GetFuncCall()
		if !slices.Equal(stringsOf(call.GetFuncname()), []string{"pg_catalog", "lower"}) || len(call.Args) != 1 || !sameOrNil(x, call.Args[0]) {
			return false
		}
		names, ok := namesOver(got.GetAExpr().Lexpr, got)
		return ok && !slices.ContainsFunc(names, func(n string) bool { return !shownSettings[n] && !changedSettings[n] })
	case "unsaid":
		return s.unsaid(x, got)
	case "hiding":
		return s.hidingMeans(x, got)
	case "shown":
		return s.hidesColumns(got, func(t *policy.BoundTable, column string, where *pg.Node) bool {
			list, ok := rangesOver(x, where)
			return ok && slices.ContainsFunc(list, func(r [2]uint32) bool { return r[0] <= t.Relation.OID && t.Relation.OID <= r[1] })
		}, word.Args[1])
	case "shown_name":
		return s.hidesColumns(got, func(t *policy.BoundTable, column string, where *pg.Node) bool {
			return slices.ContainsFunc(disjuncts(where), func(d *pg.Node) bool {
				a := d.GetBoolExpr()
				if a == nil || a.Boolop != pg.BoolExprType_AND_EXPR || len(a.Args) != 2 {
					return false
				}
				schema, isEqual := comparedWith("=", x, a.Args[0])
				names, isList := namesOver(word.Args[1], a.Args[1])
				return isEqual && isList && schema == t.Relation.Schema && slices.Contains(names, t.Relation.Name)
			})
		}, word.Args[2])
	}
	return false
}

// hidesAny says whether the policy hides the tenant column of any relation.
func (s *sweeper) hidesAny() bool { return s.catalog.hides }

// hidingMeans checks a condition that holds for every relation with a hidden column which tenants see.
func (s *sweeper) hidingMeans(x, got *pg.Node) bool {
	list, ok := rangesOver(x, got)
	for oid, r := range s.in.bound.Catalog.ByOID {
		if s.in.bound.Table(oid).HiddenColumn() != "" && s.seen(r) {
			ok = ok && slices.ContainsFunc(list, func(r [2]uint32) bool { return r[0] <= oid && oid <= r[1] })
		}
	}
	return ok
}

// hidesColumns checks that no hidden column is shown: NOT (name = column AND where OR ..) names each.
func (s *sweeper) hidesColumns(got *pg.Node, covers func(t *policy.BoundTable, column string, where *pg.Node) bool, name *pg.Node) bool {
	var any []*pg.Node
	if not := got.GetBoolExpr(); not != nil && not.Boolop == pg.BoolExprType_NOT_EXPR {
		any = disjuncts(not.Args[0])
	}
	for oid := range s.in.bound.Catalog.ByOID {
		t := s.in.bound.Table(oid)
		hidden := t.HiddenColumn()
		if hidden == "" || !s.seen(t.Relation) {
			continue
		}
		if !slices.ContainsFunc(any, func(d *pg.Node) bool {
			both := d.GetBoolExpr()
			if both == nil || both.Boolop != pg.BoolExprType_AND_EXPR || len(both.Args) < 2 {
				return false
			}
			column, ok := comparedWith("=", name, both.Args[0])
			where := both.Args[1]
			if len(both.Args) > 2 { // a range's two ends are conjuncts of their own when the text is parsed
				where = &pg.Node{Node: &pg.Node_BoolExpr{BoolExpr: &pg.BoolExpr{Boolop: pg.BoolExprType_AND_EXPR, Args: both.Args[1:]}}}
			}
			return ok && column == hidden && covers(t, column, where)
		}) {
			return false
		}
	}
	return true
}

// relationsIn says whether every relation of the snapshot in the ranges is one that may be shown, and the ranges end at relations of it.
func (s *sweeper) relationsIn(list [][2]uint32, seen func(*catalog.Relation) bool) bool {
	for _, r := range list {
		for _, end := range r {
			if s.in.bound.Catalog.ByOID[end] == nil {
				return false
			}
		}
	}
	for oid, rel := range s.in.bound.Catalog.ByOID {
		for _, r := range list {
			if r[0] <= oid && oid <= r[1] && rel.Kind != catalog.Sequence && (catalog.IsSystem(rel.Schema) || !seen(rel)) {
				return false
			}
		}
	}
	return true
}

func (s *sweeper) functionsIn(list [][2]uint32) bool {
	role := ""
	if s.in.role != nil {
		role = s.in.role.Name
	}
	most := uint32(0)
	for name, schema := range s.in.bound.Catalog.Schemas {
		for _, overloads := range schema.Functions {
			for _, f := range overloads {
				most = max(most, f.OID)
				for _, r := range list {
					if r[0] <= f.OID && f.OID <= r[1] && (catalog.IsSystem(name) || f.Extension == "" && s.in.bound.Vouched(f.OID, role) == nil) {
						return false
					}
				}
			}
		}
	}
	return !slices.ContainsFunc(list, func(r [2]uint32) bool { return r[1] > most })
}

// unsaid checks COALESCE(text, ”) !~ 'expression', where the expression finds the name of every tenant column.
func (s *sweeper) unsaid(x, got *pg.Node) bool {
	test := got.GetAExpr()
	text := test.GetLexpr().GetCoalesceExpr()
	expression, ok := constantText(test.GetRexpr().GetAConst())
	if text == nil || !ok || len(text.Args) != 2 || !slices.Equal(stringsOf(test.Name), []string{"!~"}) || test.Kind != pg.A_Expr_Kind_AEXPR_OP ||
		!sameOrNil(x, text.Args[0]) {
		return false
	}
	finds, err := regexp.Compile(expression)
	if err != nil {
		return false
	}
	columns := map[string]bool{}
	for oid, r := range s.in.bound.Catalog.ByOID {
		if t := s.in.bound.Table(oid); t.Column != "" && s.seen(r) {
			columns[t.Column] = true
		}
	}
	for _, c := range slices.Collect(maps.Keys(columns)) {
		if !finds.MatchString(strings.ReplaceAll(c, `"`, `""`)) {
			return false
		}
	}
	return true
}

// rangesOver reads false, or an OR of `x = 'n'` and `x >= 'n' AND x <= 'm'`.
func rangesOver(x, n *pg.Node) ([][2]uint32, bool) {
	if isFalse(n) {
		return nil, true
	}
	var out [][2]uint32
	for _, d := range disjuncts(n) {
		if isFalse(d) {
			continue
		}
		low, high := d, d
		ops := []string{"=", "="}
		if b := d.GetBoolExpr(); b != nil && b.Boolop == pg.BoolExprType_AND_EXPR && len(b.Args) == 2 {
			low, high, ops = b.Args[0], b.Args[1], []string{">=", "<="}
		}
		from, ok := comparedWith(ops[0], x, low)
		to, ok2 := comparedWith(ops[1], x, high)
		a, err := strconv.ParseUint(from, 10, 32)
		b, err2 := strconv.ParseUint(to, 10, 32)
		if !ok || !ok2 || err != nil || err2 != nil || a < 16384 {
			return nil, false
		}
		out = append(out, [2]uint32{uint32(a), uint32(b)})
	}
	return out, true
}

func disjuncts(n *pg.Node) []*pg.Node {
	if b := n.GetBoolExpr(); b != nil && b.Boolop == pg.BoolExprType_OR_EXPR {
		return b.Args
	}
	return []*pg.Node{n}
}

// comparedWith reads `x op 'text'`.
func comparedWith(op string, x, n *pg.Node) (string, bool) {
	e := n.GetAExpr()
	if e == nil || e.Kind != pg.A_Expr_Kind_AEXPR_OP || !slices.Equal(stringsOf(e.Name), []string{op}) || !sameOrNil(x, e.Lexpr) {
		return "", false
	}
	return constantText(e.Rexpr.GetAConst())
}

// namesOver reads false, or `x IN ('a', 'b')`.
func namesOver(x, n *pg.Node) ([]string, bool) {
	if isFalse(n) {
		return nil, true
	}
	e := n.GetAExpr()
	if e == nil || e.Kind != pg.A_Expr_Kind_AEXPR_IN || !slices.Equal(stringsOf(e.Name), []string{"="}) || !sameOrNil(x, e.Lexpr) {
		return nil, false
	}
	var out []string
	for _, item := range e.Rexpr.GetList().GetItems() {
		text, ok := constantText(item.GetAConst())
		if !ok {
			return nil, false
		}
		out = append(out, text)
	}
	return out, true
}
