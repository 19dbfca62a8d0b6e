package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A number beside a value of a type like regclass becomes one without a cast that could be seen: in CASE, UNION, ARRAY, arguments, a
// temporary table's column. It prints as the name of whatever has that oid. So such a value is text at once, but where it is only compared,
// sorted or grouped by, cast on, or given to a function of the catalogs.

// namingTypes are the types whose values print as the names of relations, types, functions, schemas and roles.
var namingTypes = map[string]bool{"regclass": true, "regtype": true, "regproc": true, "regprocedure": true, "regnamespace": true, "regrole": true}

// comparisons are the operators that make nothing but a Boolean of such a value.
var comparisons = map[string]bool{"=": true, "<>": true, "!=": true, "<": true, ">": true, "<=": true, ">=": true}

// namesToText casts the values to text. only is set where the value of the node at hand is only compared and the like.
func namesToText(n *pg.Node, only bool) {
	switch v := n.GetNode().(type) {
	case nil:
	case *pg.Node_TypeCast:
		namesToText(v.TypeCast.Arg, true)
		if !only && namesObjects(n) && !omitted("names of objects as text") {
			castAgain(n, "text")
		}
	case *pg.Node_AExpr:
		compares := v.AExpr.Kind != pg.A_Expr_Kind_AEXPR_NULLIF && comparisons[v.AExpr.Name[len(v.AExpr.Name)-1].GetString_().GetSval()]
		namesToText(v.AExpr.Lexpr, compares)
		if list := v.AExpr.Rexpr.GetAArrayExpr(); list != nil && compares {
			allNamesToText(list.Elements, v.AExpr.Kind == pg.A_Expr_Kind_AEXPR_OP_ANY || v.AExpr.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL)
			return
		}
		namesToText(v.AExpr.Rexpr, compares)
	case *pg.Node_List:
		allNamesToText(v.List.Items, only)
	case *pg.Node_RowExpr:
		allNamesToText(v.RowExpr.Args, only)
	case *pg.Node_SortBy:
		namesToText(v.SortBy.Node, true)
	case *pg.Node_CaseExpr:
		namesToText(v.CaseExpr.Arg, true)
		for _, w := range v.CaseExpr.Args {
			namesToText(w.GetCaseWhen().Expr, v.CaseExpr.Arg != nil) // CASE a WHEN b compares them
			namesToText(w.GetCaseWhen().Result, false)
		}
		namesToText(v.CaseExpr.Defresult, false)
	case *pg.Node_SubLink:
		compared := v.SubLink.SubLinkType == pg.SubLinkType_ANY_SUBLINK || v.SubLink.SubLinkType == pg.SubLinkType_ALL_SUBLINK
		namesToText(v.SubLink.Testexpr, true)
		namesToText(v.SubLink.Subselect, compared)
	case *pg.Node_SelectStmt:
		selectNamesToText(v.SelectStmt, only)
	case *pg.Node_ResTarget:
		if !only && v.ResTarget.Name == "" && namesObjects(v.ResTarget.Val) {
			v.ResTarget.Name = figureName(v.ResTarget.Val)
		}
		namesToText(v.ResTarget.Val, only)
	case *pg.Node_FuncCall:
		name := v.FuncCall.Funcname[len(v.FuncCall.Funcname)-1].GetString_().GetSval()
		taken := systemCatalogs().calls[name] != nil || name == "nextval" || name == "currval"
		allNamesToText(v.FuncCall.Args, taken)
		rest(v.FuncCall.ProtoReflect(), "args")
	default:
		if field := n.ProtoReflect().WhichOneof(n.ProtoReflect().Descriptor().Oneofs().Get(0)); field != nil {
			rest(n.ProtoReflect().Get(field).Message())
		}
	}
}

// selectNamesToText handles a query; only tells that its rows are only compared.
func selectNamesToText(s *pg.SelectStmt, only bool) {
	if s == nil {
		return
	}
	if s.Larg != nil && !only && !omitted("names of objects beside numbers") {
		armsToOID(s)
	}
	allNamesToText(s.TargetList, only)
	allNamesToText(s.ValuesLists, only)
	allNamesToText(s.GroupClause, true)
	selectNamesToText(s.Larg, only)
	selectNamesToText(s.Rarg, only)
	rest(s.ProtoReflect(), "target_list", "values_lists", "group_clause", "larg", "rarg")
}

func allNamesToText(list []*pg.Node, only bool) {
	for _, n := range list {
		namesToText(n, only)
	}
}

// rest handles what is in a message besides the fields named.
func rest(m protoreflect.Message, done ...string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		for _, name := range done {
			if string(f.Name()) == name {
				return true
			}
		}
		each := func(m protoreflect.Message) {
			switch x := m.Interface().(type) {
			case *pg.Node:
				namesToText(x, false)
			case *pg.SelectStmt:
				selectNamesToText(x, false)
			default:
				rest(m)
			}
		}
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				each(v.List().Get(i).Message())
			}
		default:
			each(v.Message())
		}
		return true
	})
}

// castAgain puts a cast around a cast.
func castAgain(n *pg.Node, to string) {
	n.Node = &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: &pg.Node{Node: n.Node}, TypeName: &pg.TypeName{
		Names: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(to)}, Typemod: -1}}}
}

// armsToOID makes such a value in a set operation's further arms an oid, where the first arm has none in its place.
func armsToOID(s *pg.SelectStmt) {
	var arms []*pg.SelectStmt
	var add func(s *pg.SelectStmt)
	add = func(s *pg.SelectStmt) {
		if s.Larg == nil {
			arms = append(arms, s)
			return
		}
		add(s.Larg)
		add(s.Rarg)
	}
	add(s)
	for _, arm := range arms[1:] {
		for i, n := range arm.TargetList {
			first := arms[0].TargetList
			if n.GetResTarget() != nil && namesObjects(n.GetResTarget().Val) && (i >= len(first) || !namesObjects(first[i].GetResTarget().GetVal())) {
				castAgain(n.GetResTarget().Val, "oid")
			}
		}
	}
}

// namesObjects tells whether an expression is a cast to one of the types.
func namesObjects(n *pg.Node) bool {
	names := n.GetTypeCast().GetTypeName().GetNames()
	return len(names) == 2 && names[0].GetString_().GetSval() == "pg_catalog" && namingTypes[names[1].GetString_().GetSval()]
}
