package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// figureName is the name that Postgres gives an output column without one (FigureColname in parse_target.c); empty where that is ?column?.
func figureName(n *pg.Node) string {
	name, _ := figure(n)
	return name
}

// figure also tells whether the name is a strong one: that of a type, or CASE, gives way to what stands around it.
func figure(n *pg.Node) (name string, strong bool) {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return nameBehind(v.ColumnRef.Fields)
	case *pg.Node_AIndirection:
		if name, ok := nameBehind(v.AIndirection.Indirection); ok {
			return name, true
		}
		return figure(v.AIndirection.Arg)
	case *pg.Node_FuncCall:
		return nameBehind(v.FuncCall.Funcname)
	case *pg.Node_TypeCast:
		if name, strong := figure(v.TypeCast.Arg); strong {
			return name, true
		}
		name, _ := nameBehind(v.TypeCast.TypeName.GetNames())
		return name, false
	case *pg.Node_CollateClause:
		return figure(v.CollateClause.Arg)
	case *pg.Node_CaseExpr:
		if name, strong := figure(v.CaseExpr.Defresult); strong {
			return name, true
		}
		return "case", false
	case *pg.Node_SubLink:
		return figureSub(v.SubLink)
	case *pg.Node_AExpr:
		if v.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", true
		}
	case *pg.Node_MinMaxExpr:
		if v.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			return "least", true
		}
		return "greatest", true
	case *pg.Node_SqlvalueFunction:
		return figureValue(v.SqlvalueFunction.Op)
	case *pg.Node_XmlExpr:
		if op, ok := strings.CutPrefix(v.XmlExpr.Op.String(), "IS_XML"); ok {
			return "xml" + strings.ToLower(op), true
		}
	default:
		name := plainNames[nodeName(n)]
		return name, name != ""
	}
	return "", false
}

// plainNames are the names that an expression gives by its kind alone.
var plainNames = map[string]string{
	"GroupingFunc": "grouping", "A_ArrayExpr": "array", "RowExpr": "row", "CoalesceExpr": "coalesce", "XmlSerialize": "xmlserialize",
	"JsonObjectConstructor": "json_object", "JsonArrayConstructor": "json_array", "JsonArrayQueryConstructor": "json_array",
	"JsonObjectAgg": "json_objectagg", "JsonArrayAgg": "json_arrayagg",
}

func nameBehind(names []*pg.Node) (string, bool) {
	for i := len(names) - 1; i >= 0; i-- {
		if s := names[i].GetString_(); s != nil {
			return s.Sval, true
		}
	}
	return "", false
}

// figureSub is the name that a sub-select gives: that of its only column.
func figureSub(l *pg.SubLink) (string, bool) {
	switch l.SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		return "exists", true
	case pg.SubLinkType_ARRAY_SUBLINK:
		return "array", true
	case pg.SubLinkType_EXPR_SUBLINK:
		q := l.Subselect.GetSelectStmt()
		for q.GetLarg() != nil {
			q = q.Larg
		}
		if len(q.GetValuesLists()) > 0 {
			return "column1", true
		}
		if list := q.GetTargetList(); len(list) == 1 {
			if t := list[0].GetResTarget(); t.GetName() != "" {
				return t.Name, true
			}
			if name, _ := figure(list[0].GetResTarget().GetVal()); name != "" {
				return name, true
			}
			return "?column?", true
		}
	}
	return "", false
}

func figureValue(op pg.SQLValueFunctionOp) (string, bool) {
	switch op {
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME, pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N:
		return "current_time", true
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP, pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N:
		return "current_timestamp", true
	case pg.SQLValueFunctionOp_SVFOP_LOCALTIME, pg.SQLValueFunctionOp_SVFOP_LOCALTIME_N:
		return "localtime", true
	case pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP, pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N:
		return "localtimestamp", true
	}
	name, ok := strings.CutPrefix(op.String(), "SVFOP_")
	return strings.ToLower(name), ok
}

// keepNames remembers the names of output columns; what it returns gives them back where the rewritten expression has another.
func (p *pass) keepNames(list []*pg.Node) (restore func()) {
	if p.inView > 0 {
		return func() {}
	}
	names := make([]string, len(list))
	for i, n := range list {
		if names[i] = figureName(n.GetResTarget().GetVal()); names[i] == "" && n.GetResTarget().GetVal().GetAExpr() != nil {
			names[i] = "?column?" // which LEAST around it would change
		}
	}
	return func() {
		for i, n := range list {
			r := n.GetResTarget()
			if r == nil || r.Name != "" || names[i] == "" || isStar(r.Val) {
				continue
			}
			now := figureName(r.Val)
			if now != names[i] && now != absentFunction && (now != "" || names[i] != "?column?") {
				r.Name = names[i]
			}
		}
	}
}
