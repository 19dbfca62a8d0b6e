package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// regValues checks where values that print as names of objects stand: where no number can become one beside them. above are the
// messages around m, the nearest last; wrappers of nodes are left out.
func (s *sweeper) regValues(m protoreflect.Message, above []protoreflect.Message) {
	if c, ok := m.Interface().(*pg.TypeCast); ok && isRegType(c.TypeName) && systemCatalogs().casts[stringsOf(c.TypeName.Names)[1]] != "" && !s.regMayStand(m, above) {
		s.fail("a value of type %s beside others", stringsOf(c.TypeName.Names)[1])
	}
	if _, wrapper := m.Interface().(*pg.Node); !wrapper {
		above = append(slices.Clip(above), m)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				s.regValues(v.List().Get(i).Message(), above)
			}
		default:
			s.regValues(v.Message(), above)
		}
		return s.err == nil
	})
}

// regMayStand goes outwards from a value through what only hands it on.
func (s *sweeper) regMayStand(m protoreflect.Message, above []protoreflect.Message) bool {
	in := m
	for i := len(above) - 1; i >= 0; i-- {
		switch x := above[i].Interface().(type) {
		case *pg.TypeCast, *pg.SortBy:
			return true
		case *pg.FuncCall:
			names := stringsOf(x.Funcname)
			name := names[len(names)-1]
			_, known := systemCatalogs().calls[name]
			return slices.ContainsFunc(x.Args, func(a *pg.Node) bool { return holds(a, in) }) && (known || name == "nextval" || name == "currval")
		case *pg.A_Expr:
			names := stringsOf(x.Name)
			return x.Kind != pg.A_Expr_Kind_AEXPR_NULLIF && slices.Contains([]string{"=", "<>", "!=", "<", ">", "<=", ">="}, names[len(names)-1])
		case *pg.SubLink:
			return x.SubLinkType == pg.SubLinkType_ANY_SUBLINK || x.SubLinkType == pg.SubLinkType_ALL_SUBLINK || holds(x.Testexpr, in)
		case *pg.A_ArrayExpr:
			e, ok := outer(above, i).(*pg.A_Expr)
			if !ok || e.Kind != pg.A_Expr_Kind_AEXPR_OP_ANY && e.Kind != pg.A_Expr_Kind_AEXPR_OP_ALL {
				return false
			}
		case *pg.CaseExpr:
			return holds(x.Arg, in)
		case *pg.CaseWhen:
			e, ok := outer(above, i).(*pg.CaseExpr)
			return ok && e.Arg != nil && holds(x.Expr, in)
		case *pg.SelectStmt:
			if slices.ContainsFunc(x.GroupClause, func(n *pg.Node) bool { return holds(n, in) }) {
				return true
			}
			rows := slices.ContainsFunc(slices.Concat(x.TargetList, x.ValuesLists), func(n *pg.Node) bool { return holds(n, in) })
			if !rows && x.Larg.ProtoReflect() != in && x.Rarg.ProtoReflect() != in {
				return false
			}
		case *pg.List, *pg.RowExpr, *pg.ResTarget:
		default:
			return false
		}
		in = above[i]
	}
	return false
}

func outer(above []protoreflect.Message, i int) any {
	if i == 0 {
		return nil
	}
	return above[i-1].Interface()
}

// holds tells whether a node wraps the message.
func holds(n *pg.Node, m protoreflect.Message) bool {
	if n == nil {
		return false
	}
	r := n.ProtoReflect()
	f := r.WhichOneof(r.Descriptor().Oneofs().Get(0))
	return f != nil && r.Get(f).Message() == m
}
