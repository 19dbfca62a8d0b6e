package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fields walks every message in a message, but for the fields that the caller has checked itself.
func (s *sweeper) fields(m protoreflect.Message, e sweepEnv, checked ...protoreflect.Name) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case slices.Contains(checked, f.Name()):
		case f.IsMap():
			s.fail("map in %s", m.Descriptor().Name())
		case f.Message() == nil:
		case f.IsList():
			list := v.List()
			for i := range list.Len() {
				s.walk(list.Get(i).Message(), e)
			}
		default:
			s.walk(v.Message(), e)
		}
		return s.err == nil
	})
}

// walk checks one message that is part of an expression, and all below it. A message that stands on no list is an error; so a
// RangeVar that was not reached through a FROM or as a target is one.
func (s *sweeper) walk(m protoreflect.Message, e sweepEnv) {
	if s.err != nil || !m.IsValid() {
		return
	}
	switch x := m.Interface().(type) {
	case *pg.Node:
		s.fields(m, e)
	case *pg.A_Const, *pg.Integer, *pg.Float, *pg.Boolean, *pg.String, *pg.BitString, *pg.List, *pg.Alias,
		*pg.A_ArrayExpr, *pg.A_Indices, *pg.A_Star, *pg.NullTest, *pg.BooleanTest, *pg.BoolExpr, *pg.CoalesceExpr,
		*pg.SQLValueFunction, *pg.XmlExpr, *pg.XmlSerialize, *pg.NamedArgExpr, *pg.RowExpr, *pg.ResTarget, *pg.WindowDef,
		*pg.GroupingSet, *pg.GroupingFunc, *pg.SetToDefault, *pg.MultiAssignRef, *pg.CTESearchClause, *pg.CTECycleClause,
		*pg.RangeTableFuncCol:
		s.fields(m, e)
	case *pg.ParamRef:
		s.parameter(x)
	case *pg.ColumnRef:
		s.columnRef(x, e)
	case *pg.A_Indirection:
		for _, n := range x.Indirection {
			if name := n.GetString_(); name != nil {
				s.attribute(name.Sval)
			}
		}
		s.fields(m, e)
	case *pg.A_Expr:
		s.operation(x, e)
	case *pg.MinMaxExpr:
		s.least(x, e)
	case *pg.CaseExpr:
		s.caseExpr(x, e)
	case *pg.FuncCall:
		if s.catalogSequence(x, e) || s.sequenceCall(x) || s.sessionCall(x, e) || s.systemCall(x, e) {
			return
		}
		nargs := len(x.Args)
		if x.AggWithinGroup {
			nargs += len(x.AggOrder)
		}
		s.function(stringsOf(x.Funcname), nargs)
		s.fields(m, e, "funcname")
	case *pg.SubLink:
		s.subLink(x, e)
	case *pg.TypeCast:
		if s.regCast(x, e) || s.typeofCast(x, e) {
			return
		}
		if !isTextSearchConfig(x) {
			s.typeName(x.TypeName)
		}
		s.fields(m, e, "type_name")
	case *pg.TypeName:
		s.typeName(x)
	case *pg.CollateClause:
		if n := len(x.Collname); n < 1 || n > 2 {
			s.fail("collation of %d names", n)
		}
		s.fields(m, e)
	case *pg.SortBy:
		if len(x.UseOp) > 0 {
			s.operator(stringsOf(x.UseOp), false)
		}
		s.fields(m, e, "use_op")
	case *pg.IndexElem: // of ON CONFLICT
		if len(x.Opclass)+len(x.Opclassopts) > 0 || x.Indexcolname != "" {
			s.fail("operator class in ON CONFLICT")
		}
		s.fields(m, e)
	case *pg.ColumnDef: // of a function's column definition list
		if len(x.Constraints)+len(x.Fdwoptions) > 0 || x.RawDefault != nil || x.CookedDefault != nil || x.IdentitySequence != nil {
			s.fail("column definition with more than a type")
		}
		s.fields(m, e)
	case *pg.LockingClause:
		s.locking(x)
	default:
		if !s.json(m, e) {
			s.fail("message %s is not known at its place", m.Descriptor().Name())
		}
	}
}

func stringsOf(nodes []*pg.Node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		s := n.GetString_()
		if s == nil {
			return nil
		}
		out[i] = s.Sval
	}
	return out
}

// parameter checks a parameter outside of the places that are the tenant's.
func (s *sweeper) parameter(p *pg.ParamRef) {
	if _, ok := s.in.tenants[p.Number]; ok {
		s.fail("tenant parameter $%d outside of a predicate", p.Number)
	} else if p.Number < 1 || int(p.Number) > s.in.clientParams && !s.ownParams {
		s.fail("parameter $%d is nobody's", p.Number)
	}
}

// columnRef checks what a qualified name may call when it is no column.
func (s *sweeper) columnRef(c *pg.ColumnRef, e sweepEnv) {
	parts := c.Fields
	if n := len(parts); n == 0 || n > 3 {
		s.fail("column reference of %d parts", n)
		return
	}
	last := parts[len(parts)-1]
	if last.GetAStar() != nil {
		parts = parts[:len(parts)-1]
	}
	names := stringsOf(parts)
	if names == nil && len(parts) > 0 {
		s.fail("column reference is not made of names")
		return
	}
	s.shows(c, e, names, last.GetAStar() != nil)
	if last.GetAStar() != nil || len(names) < 2 {
		return
	}
	schema, column := "", names[len(names)-1]
	if len(names) == 3 {
		schema = names[0]
	}
	if n := e.names.find(schema, names[len(names)-2]); n != nil && n.table != nil &&
		(n.table.Relation.Column(column) != nil || systemColumns[column]) {
		return
	}
	s.attribute(column)
}

// operatorExpr checks the operator of an expression, and those that its kind implies.
func (s *sweeper) operatorExpr(x *pg.A_Expr) {
	names := stringsOf(x.Name)
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		s.operator(names, x.Lexpr == nil)
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL, pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT,
		pg.A_Expr_Kind_AEXPR_NULLIF, pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE, pg.A_Expr_Kind_AEXPR_SIMILAR:
		s.operator(names, false)
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		s.implied("BETWEEN", "<", "<=", ">", ">=")
	default:
		s.fail("expression of kind %v", x.Kind)
	}
}

// caseExpr checks a CASE. One that guards a condition against being evaluated on rows of others,
// CASE WHEN <tenant predicates> THEN <condition> ELSE false END, may hold tenant parameters in its test.
func (s *sweeper) caseExpr(x *pg.CaseExpr, e sweepEnv) {
	if x.Arg != nil {
		s.implied("CASE with an argument", "=")
	}
	if x.Arg == nil && len(x.Args) == 1 && isFalse(x.Defresult) {
		if when := x.Args[0].GetCaseWhen(); when != nil {
			s.guard(when.Expr, e)
			s.fields(when.ProtoReflect(), e, "expr")
			s.fields(x.ProtoReflect(), e, "args")
			return
		}
	}
	for _, n := range x.Args {
		when := n.GetCaseWhen()
		if when == nil {
			s.fail("CASE holds %T", n.GetNode())
			return
		}
		s.fields(when.ProtoReflect(), e)
	}
	s.fields(x.ProtoReflect(), e, "args")
}

func isFalse(n *pg.Node) bool {
	b, ok := n.GetAConst().GetVal().(*pg.A_Const_Boolval)
	return ok && !n.GetAConst().Isnull && !b.Boolval.GetBoolval()
}

// guard checks the test of a guarding CASE.
func (s *sweeper) guard(n *pg.Node, e sweepEnv) {
	if b := n.GetBoolExpr(); b != nil && b.Boolop != pg.BoolExprType_NOT_EXPR {
		for _, arg := range b.Args {
			s.guard(arg, e)
		}
		return
	}
	p, ok := s.asPredicate(n)
	if !ok {
		s.walk(n.ProtoReflect(), e)
		return
	}
	t := e.names.find(p.schema, p.relation)
	if t == nil || t.table == nil || !t.table.Scope.HasTenant() || t.table.Column != p.column || t.table.Type != s.in.tenants[p.param] {
		s.fail("guard by %s.%s = $%d, which is no tenant column in scope", p.relation, p.column, p.param)
	}
}

func (s *sweeper) subLink(x *pg.SubLink, e sweepEnv) {
	if s.callForm(x, e) {
		return
	}
	q := x.Subselect.GetSelectStmt()
	if q == nil {
		s.fail("sub-link to %T", x.Subselect.GetNode())
		return
	}
	switch {
	case len(x.OperName) > 0:
		s.operator(stringsOf(x.OperName), false)
	case x.SubLinkType == pg.SubLinkType_ANY_SUBLINK:
		s.implied("IN (SELECT ...)", "=")
	}
	s.query(q, e, nil)
	s.fields(x.ProtoReflect(), e, "subselect", "oper_name")
}

// typeName checks a type: built in and allowed, or of the snapshot.
func (s *sweeper) typeName(t *pg.TypeName) {
	if t == nil || t.Setof || t.PctType || t.TypeOid != 0 {
		s.fail("type of an unknown form")
		return
	}
	names := stringsOf(t.Names)
	switch {
	case len(names) == 1 && builtinTypeAllowed(names[0]):
	case len(names) == 2 && names[0] == "pg_catalog" && builtinTypeAllowed(names[1]):
	case len(names) == 2 && names[0] != "pg_catalog":
		schema := s.in.bound.Catalog.Schemas[names[0]]
		if schema == nil || !s.typeAllowed(schema.Types[names[1]], 0) {
			s.fail("type %q", names)
		}
	default:
		s.fail("type %q", names)
	}
	for _, lists := range [][]*pg.Node{t.Typmods, t.ArrayBounds} {
		for _, n := range lists {
			if n.GetAConst() == nil && n.GetInteger() == nil {
				s.fail("modifier %T of type %q", n.GetNode(), names)
			}
		}
	}
}

// isTextSearchConfig accepts the one cast to a reg* type that applications write, as in to_tsvector('english'::regconfig, x):
// of a constant, so that no value of a row can turn up in an error.
func isTextSearchConfig(c *pg.TypeCast) bool {
	_, constant := c.Arg.GetAConst().GetVal().(*pg.A_Const_Sval)
	t := c.TypeName
	names := stringsOf(t.GetNames())
	return constant && len(t.Typmods)+len(t.ArrayBounds) == 0 && !t.Setof && !t.PctType && t.TypeOid == 0 &&
		(slices.Equal(names, []string{"regconfig"}) || slices.Equal(names, []string{"pg_catalog", "regconfig"}))
}

// locking checks FOR UPDATE and its kin, which name aliases.
func (s *sweeper) locking(l *pg.LockingClause) {
	if s.in.role != nil && s.in.role.ReadOnly {
		s.fail("a read-only role locks rows")
	}
	for _, n := range l.LockedRels {
		if r := n.GetRangeVar(); r == nil || r.Schemaname != "" || r.Catalogname != "" {
			s.fail("row lock on something other than an alias")
		}
	}
}
