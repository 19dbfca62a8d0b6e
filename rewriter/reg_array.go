package rewriter

import (
	"regexp"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// nameList is the text of an array of one dimension whose elements are names, as they stand: no quotes, no NULL, no numbers.
var nameList = regexp.MustCompile(`^\{ *[a-zA-Z_][a-zA-Z0-9_. ]*(, *[a-zA-Z_][a-zA-Z0-9_. ]*)*\}$`)

// namesOfArray writes x = ANY ('{int2,int4}'::regtype[]) as x = ANY (ARRAY['int2'::regtype, 'int4'::regtype]), in which each name is looked at like
// any other.
func namesOfArray(e *pg.A_Expr) {
	c := e.Rexpr.GetTypeCast()
	if c == nil || e.Kind != pg.A_Expr_Kind_AEXPR_OP_ANY && e.Kind != pg.A_Expr_Kind_AEXPR_OP_ALL {
		return
	}
	t, text := c.TypeName, c.Arg.GetAConst().GetSval().GetSval()
	if len(t.GetArrayBounds()) != 1 || len(t.Typmods) > 0 || t.Setof || !nameList.MatchString(text) {
		return
	}
	if name, system := lastName(t.Names); !namingTypes[name] || !system && len(t.Names) > 1 {
		return
	}
	list := &pg.A_ArrayExpr{Location: c.Location}
	for name := range strings.SplitSeq(strings.Trim(text, "{}"), ",") {
		if strings.EqualFold(strings.TrimSpace(name), "null") {
			return
		}
		element := again(e.Rexpr)
		element.GetTypeCast().Arg, element.GetTypeCast().TypeName.ArrayBounds = constant(strings.TrimSpace(name)), nil
		list.Elements = append(list.Elements, element)
	}
	e.Rexpr = &pg.Node{Node: &pg.Node_AArrayExpr{AArrayExpr: list}}
}
