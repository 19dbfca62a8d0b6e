package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// LIKE raises an error when its pattern ends in a lone escape, but only on a value that matches as far as that: on another tenant's row it
// tells how the value begins. A pattern that does not end so is harmless. What a parameter will hold is not known when a plan is made, so its
// guard asks: `CASE WHEN right($1, 1) <> '\' OR t.tenant = $2 THEN t.x LIKE $1 ELSE false END`. Postgres folds that to the bare
// `t.x LIKE $1` when it plans for the values of one Bind, and so can use an index.
//
// Under a nondeterministic collation LIKE and other searches are an error on whatever row comes first.

// harmlessLike tells whether LIKE or ILIKE cannot fail, whatever the row holds.
func (p *pass) harmlessLike(e *pg.A_Expr, sc *scope) bool {
	pattern, isText := e.Rexpr, p.textual(e.Lexpr, sc)
	for isTextCast(pattern.GetTypeCast()) {
		pattern, isText = pattern.GetTypeCast().Arg, true
	}
	if c := pattern.GetAConst(); c != nil {
		s := c.GetSval()
		return s != nil && harmlessLikePattern(s.Sval) && (isText || harmlessByteaPattern(s.Sval))
	}
	if ref := pattern.GetParamRef(); ref != nil && isText && p.patterns != nil && p.declaredText(ref.Number) {
		if !slices.Contains(*p.patterns, ref.Number) {
			*p.patterns = append(*p.patterns, ref.Number)
		}
		return true
	}
	return endsPlainly(pattern)
}

// searches are the harmless functions that, as LIKE and ^@ do, raise an error under a nondeterministic collation.
var searches = map[string]bool{"strpos": true, "starts_with": true}

// collated is the weight under a COLLATE clause. The collations named here are Postgres's own, and deterministic.
func (w weight) collated(c *pg.CollateClause) weight {
	w.collation, w.explicit = namedCollation(c), true
	switch opName(c.Collname) {
	case "C", "POSIX", "ucs_basic", "default":
		w.folding = false
	default:
		w.folding = true
	}
	return w
}

// harmlessLikePattern says whether `x LIKE 'pattern'` with this constant and the default escape cannot fail for a text x.
func harmlessLikePattern(pattern string) bool {
	trailing := len(pattern) - len(strings.TrimRight(pattern, `\`))
	return trailing%2 == 0
}

// harmlessByteaPattern says so for an x that could be a bytea: then the constant is an input text of bytea, in which the last byte can be
// written in hexadecimal or octal digits.
func harmlessByteaPattern(pattern string) bool {
	return !strings.HasPrefix(pattern, `\x`) && !strings.HasSuffix(pattern, `\134`) && !strings.HasSuffix(pattern, `\`)
}

// endsPlainly tells whether a pattern surely ends in a constant without an escape, or is NULL: $1 || '%'.
func endsPlainly(n *pg.Node) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_AConst:
		s := v.AConst.GetSval().GetSval()
		return s != "" && !strings.Contains(s, `\`)
	case *pg.Node_TypeCast:
		return isTextCast(v.TypeCast) && endsPlainly(v.TypeCast.Arg)
	case *pg.Node_AExpr:
		return v.AExpr.Kind == pg.A_Expr_Kind_AEXPR_OP && opName(v.AExpr.Name) == "||" && endsPlainly(v.AExpr.Rexpr)
	case *pg.Node_FuncCall:
		f := v.FuncCall
		return len(f.Args) > 0 && !f.FuncVariadic && len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() == "pg_catalog" &&
			f.Funcname[1].GetString_().GetSval() == "concat" && endsPlainly(f.Args[len(f.Args)-1])
	}
	return false
}

// isTextCast tells whether a cast leaves a text as it is.
func isTextCast(c *pg.TypeCast) bool {
	t := c.GetTypeName()
	names := t.GetNames()
	if len(t.GetArrayBounds()) > 0 || len(t.GetTypmods()) > 0 || len(names) != 2 || names[0].GetString_().GetSval() != "pg_catalog" {
		return false
	}
	name := names[1].GetString_().GetSval()
	return name == "text" || name == "varchar"
}

// textual tells whether an expression is surely a text, so that LIKE takes its pattern for a text too.
func (p *pass) textual(n *pg.Node, sc *scope) bool {
	if f := n.GetFuncCall(); f != nil && len(f.Funcname) == 2 && len(f.Args) == 1 && f.Funcname[0].GetString_().GetSval() == "pg_catalog" {
		if name := f.Funcname[1].GetString_().GetSval(); name == "lower" || name == "upper" {
			return p.textual(f.Args[0], sc)
		}
	}
	oid := p.typeOf(n, sc)
	if t := p.cat.TypeByOID[oid]; t != nil && t.Kind == 'd' {
		oid = t.Base
	}
	return n.GetAConst() == nil && (oid == oidText || oid == oidVarchar || oid == oidBpchar)
}

// declaredText tells whether $n is declared as a text, or left open.
func (p *pass) declaredText(n int32) bool {
	if int(n) > len(p.req.ParamTypes) {
		return true
	}
	switch p.req.ParamTypes[n-1] {
	case 0, oidUnknown, oidText, oidVarchar:
		return true
	}
	return false
}

// patternParams returns the parameters that must be sane patterns for an unsafe condition to be safe; nil when it would not be.
func (p *pass) patternParams(c *pg.Node, sc *scope) []int32 {
	var found []int32
	p.patterns = &found
	defer func() { p.patterns = nil }()
	if p.unsafe(c, sc) {
		return nil
	}
	return found
}

// sanePattern is `right($n, 1) <> '\'`: the parameter does not end in an escape.
func (p *pass) sanePattern(n int32) *pg.Node {
	p.paramUses[n]++
	last := &pg.Node{Node: &pg.Node_FuncCall{FuncCall: &pg.FuncCall{
		Funcname:   []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("right")},
		Args:       []*pg.Node{{Node: &pg.Node_ParamRef{ParamRef: &pg.ParamRef{Number: n}}}, pg.MakeAConstIntNode(1, -1)},
		Funcformat: pg.CoercionForm_COERCE_EXPLICIT_CALL,
	}}}
	name := []*pg.Node{pg.MakeStrNode("<>")}
	if p.userOperator("<>") {
		name = []*pg.Node{pg.MakeStrNode("pg_catalog"), name[0]}
	}
	return &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{
		Kind: pg.A_Expr_Kind_AEXPR_OP, Name: name, Lexpr: last, Rexpr: pg.MakeAConstStrNode(`\`, -1)}}}
}

// guardTest is the condition of a guard: the tenant predicates, or that all parameters on which the conjunct's harm depends are sane.
func (p *pass) guardTest(c *pg.Node, sc *scope, preds []*pg.Node) *pg.Node {
	params := p.patternParams(c, sc)
	if len(params) == 0 {
		return and(preds, nil)
	}
	sane := make([]*pg.Node, len(params))
	for i, n := range params {
		sane[i] = p.sanePattern(n)
	}
	return boolExpr(pg.BoolExprType_OR_EXPR, []*pg.Node{and(sane, nil), and(preds, nil)})
}
