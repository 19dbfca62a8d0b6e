package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// The sweep's proof that a system catalog is read as catalogs.txt says. Its conditions are patterns here: the text must hold the same tree, and
// where a pattern has a word that stands for the policy, a condition that shows nothing which the policy does not open.

// systemEntry is the table's entry for a relation that tenants may read.
func (s *sweeper) systemEntry(schema, name string) (*systemRelation, *catalog.Relation) {
	st := systemCatalogs().relations[schema+"."+name]
	rel := (*catalog.Relation)(nil)
	if in := s.in.bound.Catalog.Schemas[schema]; in != nil {
		rel = in.Relations[name]
	}
	if st == nil || rel == nil || st.denied != "" {
		s.fail("system relation %s.%s", schema, name)
		return nil, nil
	}
	return st, rel
}

// bareSystem checks a system relation in FROM that is read as it is.
func (s *sweeper) bareSystem(r *pg.RangeVar, e sweepEnv) {
	st, rel := s.systemEntry(r.Schemaname, r.Relname)
	if st == nil {
		return
	}
	if r.Catalogname != "" || r.Relpersistence != "p" || len(st.where) > 0 {
		s.fail("system relation %s is read without its conditions", r.Relname)
	}
	for _, c := range rel.Columns {
		if st.columns[c.Name] != columnOpen {
			s.fail("system relation %s is read with its column %s", r.Relname, c.Name)
		}
	}
	shown := rel
	if len(r.Alias.GetColnames()) > 0 {
		shown = nil
	}
	if r.Alias != nil {
		s.addName(e, fromName{name: r.Alias.Aliasname, system: shown})
	} else {
		s.addName(e, fromName{schema: r.Schemaname, name: r.Relname, system: shown})
	}
}

// systemQuery checks a query whose FROM is one system relation with conditions or masked columns; false when it is another query.
func (s *sweeper) systemQuery(q *pg.SelectStmt) bool {
	if len(q.FromClause) != 1 {
		return false
	}
	r := q.FromClause[0].GetRangeVar()
	if r == nil || !catalog.IsSystem(r.Schemaname) || r.GetAlias().GetAliasname() != "t" || len(r.Alias.Colnames) > 0 {
		return false
	}
	st, rel := s.systemEntry(r.Schemaname, r.Relname)
	if st == nil {
		return true
	}
	s.onlyFields(q.ProtoReflect(), "target_list", "from_clause", "where_clause", "limit_offset", "limit_option", "op")
	if o := q.LimitOffset; o != nil && (o.GetAConst().GetIval() == nil || o.GetAConst().GetIval().Ival != 0) {
		s.fail("barrier of a system relation that skips rows")
	}
	s.onlyFields(r.ProtoReflect(), "schemaname", "relname", "inh", "relpersistence", "alias", "location")
	for _, n := range q.TargetList {
		s.systemTarget(n.GetResTarget(), st, rel)
	}
	var want []*pg.Node
	for _, w := range st.where {
		if w.needs == "" || rel.Column(w.needs) != nil {
			want = append(want, w.expr)
		}
	}
	if s.hidesAny() {
		want = append(want, st.hideWhere...)
	}
	got := []*pg.Node{q.WhereClause}
	switch {
	case len(want) == 0:
		if q.WhereClause != nil {
			s.fail("condition on %s", r.Relname)
		}
		return true
	case len(want) > 1:
		b := q.WhereClause.GetBoolExpr()
		if b == nil || b.Boolop != pg.BoolExprType_AND_EXPR {
			s.fail("conditions on %s", r.Relname)
			return true
		}
		got = b.Args
	}
	if len(got) != len(want) {
		s.fail("%d conditions on %s, not %d", len(got), r.Relname, len(want))
		return true
	}
	for i := range want {
		if !s.means(want[i], got[i], nil) {
			s.fail("condition %d on %s is not the table's", i, r.Relname)
		}
	}
	return true
}

func (s *sweeper) onlyFields(m protoreflect.Message, allowed ...protoreflect.Name) {
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(allowed, f.Name()) {
			s.fail("%s of %s", f.Name(), m.Descriptor().Name())
		}
		return true
	})
}

// systemTarget checks one column: shown and open, or replaced by what the table says.
func (s *sweeper) systemTarget(t *pg.ResTarget, st *systemRelation, rel *catalog.Relation) {
	if t == nil || len(t.Indirection) > 0 {
		s.fail("select list of %s", st.name)
		return
	}
	if t.Name == "" {
		ref := stringsOf(t.Val.GetColumnRef().GetFields())
		if len(ref) == 2 && st.hides[ref[1]] != nil && s.hidesAny() {
			s.fail("column %q of %s is shown as it is", ref, st.name)
		}
		if len(ref) != 2 || ref[0] != "t" || st.columns[ref[1]] != columnOpen && ref[1] != "tableoid" && ref[1] != "xmin" {
			s.fail("column %q of %s is shown", ref, st.name)
		}
		return
	}
	c := rel.Column(t.Name)
	if c == nil {
		s.fail("column %s of %s is made up", t.Name, st.name)
		return
	}
	mask := st.columns[t.Name]
	if hides := st.hides[t.Name]; hides != nil && s.hidesAny() {
		if !s.means(hides, t.Val, nil) {
			s.fail("column %s of %s does not hide what it should", t.Name, st.name)
		}
		return
	}
	if mask == columnComputed {
		if !s.means(st.computed[t.Name], t.Val, nil) {
			s.fail("column %s of %s is not computed as the table says", t.Name, st.name)
		}
		return
	}
	if mask == "own" {
		if sub := t.Val.GetSubLink(); sub == nil || !equalTrees(t.Val.ProtoReflect(), sweepOwnRole.ProtoReflect()) {
			s.fail("column %s of %s is not the session's role", t.Name, st.name)
		}
		return
	}
	cast := t.Val.GetTypeCast()
	typ := s.in.bound.Catalog.TypeByOID[c.TypeOID]
	if cast == nil || typ == nil || !slices.Equal(stringsOf(cast.TypeName.GetNames()), []string{typ.Schema, typ.Name}) || len(cast.TypeName.ArrayBounds) > 0 {
		s.fail("column %s of %s is replaced by something of another type", t.Name, st.name)
		return
	}
	text, _ := constantText(cast.Arg.GetAConst())
	ok := false
	switch mask {
	case columnOpen, columnRefused:
	case "", "null":
		ok = cast.Arg.GetAConst().GetIsnull()
	case "user":
		ok = cast.Arg.GetSqlvalueFunction().GetOp() == pg.SQLValueFunctionOp_SVFOP_CURRENT_USER
	default:
		ok = text == mask
	}
	if !ok {
		s.fail("column %s of %s is not what the table says", t.Name, st.name)
	}
}

var sweepOwnRole = parseCondition("(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER)")

// means says whether an expression is the table's. Where the table has a parameter, given takes what stands in its place.
func (s *sweeper) means(want, got *pg.Node, given map[int32]*pg.Node) bool {
	if f := want.GetFuncCall(); f != nil && len(f.Funcname) == 1 {
		return got != nil && s.policyMeans(f, got)
	}
	if r := want.GetRangeVar(); r != nil {
		return s.sourceMeans(r, got)
	}
	if p := want.GetParamRef(); p != nil && given != nil {
		_, twice := given[p.Number]
		given[p.Number] = got
		return !twice
	}
	return s.alike(want.ProtoReflect(), got.ProtoReflect(), given)
}

func (s *sweeper) alike(want, got protoreflect.Message, given map[int32]*pg.Node) bool {
	if want.IsValid() != got.IsValid() || want.Descriptor() != got.Descriptor() {
		return false
	}
	same := func(a, b protoreflect.Message) bool {
		if n, ok := a.Interface().(*pg.Node); ok {
			return s.means(n, b.Interface().(*pg.Node), given)
		}
		return s.alike(a, b, given)
	}
	equal := true
	want.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case isPosition(f):
		case !got.Has(f):
			equal = false
		case f.Message() == nil:
			equal = equalValues(f, v, got.Get(f))
		case f.IsList():
			a, b := v.List(), got.Get(f).List()
			equal = a.Len() == b.Len()
			for i := 0; equal && i < a.Len(); i++ {
				equal = same(a.Get(i).Message(), b.Get(i).Message())
			}
		default:
			equal = same(v.Message(), got.Get(f).Message())
		}
		return equal
	})
	got.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		equal = equal && (isPosition(f) || want.Has(f))
		return equal
	})
	return equal
}

func sameOrNil(a, b *pg.Node) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return equalTrees(a.ProtoReflect(), b.ProtoReflect())
}

// sourceMeans compares what stands in the FROM of a condition's sub-select: a raw relation, or one that is filtered in turn.
func (s *sweeper) sourceMeans(w *pg.RangeVar, got *pg.Node) bool {
	if w.Schemaname == "raw" {
		g := got.GetRangeVar()
		return g != nil && g.Schemaname == "pg_catalog" && g.Relname == w.Relname && g.Catalogname == "" &&
			equalTrees(g.Alias.ProtoReflect(), w.Alias.ProtoReflect())
	}
	g := got.GetRangeSubselect()
	return g != nil && !g.Lateral && equalTrees(g.Alias.ProtoReflect(), w.Alias.ProtoReflect()) && s.systemSub(g, w.Schemaname+"."+w.Relname)
}

// systemSub checks that a sub-select is what tenants see of one relation.
func (s *sweeper) systemSub(r *pg.RangeSubselect, of string) bool {
	q := r.Subquery.GetSelectStmt()
	if q == nil || len(q.FromClause) != 1 {
		return false
	}
	rv := q.FromClause[0].GetRangeVar()
	return rv != nil && rv.Schemaname+"."+rv.Relname == of && s.systemQuery(q)
}

// systemCall checks a call of a function that reads the catalogs; false when it is none.
func (s *sweeper) systemCall(f *pg.FuncCall, e sweepEnv) bool {
	c := systemCatalogs().calls[strings.TrimPrefix(strings.Join(stringsOf(f.Funcname), "."), "pg_catalog.")]
	if c == nil || len(f.Funcname) != 2 || len(f.Args) < c.least || len(f.Args) > c.most {
		return false
	}
	if n := len(f.Args); c.forms[n] != nil || c.rows[n] != nil {
		s.fail("%s is called, rather than what stands for it", c.name)
		return true
	}
	if c.self > 0 && len(f.Args) > c.self {
		switch f.Args[0].GetSqlvalueFunction().GetOp() {
		case pg.SQLValueFunctionOp_SVFOP_CURRENT_USER, pg.SQLValueFunctionOp_SVFOP_USER,
			pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE, pg.SQLValueFunctionOp_SVFOP_SESSION_USER:
		default:
			s.fail("%s for another role", c.name)
		}
	}
	for i, a := range f.Args {
		if i+1 == c.null {
			if cast := a.GetTypeCast(); !cast.GetArg().GetAConst().GetIsnull() || !slices.Equal(stringsOf(cast.TypeName.GetNames()), []string{"pg_catalog", "oid"}) {
				s.fail("%s of something other than NULL", c.name)
			}
			continue
		}
		if i+1 == c.read {
			s.numberOf(a, c.of, e)
			continue
		}
		if c.self > 0 && c.of != "" && i == len(f.Args)-c.self {
			s.numberOrNameOf(a, c.of, e)
			continue
		}
		if i+1 != c.arg {
			s.walk(a.ProtoReflect(), e)
			continue
		}
		of := c.of
		if c.by > 0 {
			class, _ := constantText(f.Args[c.by-1].GetAConst())
			if r := classRelation(class); r != nil {
				of = "pg_catalog." + r.name
			}
		}
		s.guardedOID(a, of, c.key, e)
	}
	s.fields(f.ProtoReflect(), e, "funcname", "args")
	return true
}

// guardedOID checks that an oid is one of a relation's rows that tenants see, or NULL.
func (s *sweeper) guardedOID(n *pg.Node, of, key string, e sweepEnv) {
	x := n.GetSubLink()
	q := x.GetSubselect().GetSelectStmt()
	if x == nil || x.SubLinkType != pg.SubLinkType_EXPR_SUBLINK || x.Testexpr != nil || q == nil || len(q.TargetList) != 1 || len(q.FromClause) != 1 {
		s.fail("an oid that is not looked up in %s", of)
		return
	}
	s.onlyFields(q.ProtoReflect(), "target_list", "from_clause", "where_clause", "limit_option", "op")
	column := []string{"pgcordon", "pgcordon"}
	sub := s.withoutZero(q.FromClause[0].GetRangeSubselect())
	test := q.WhereClause.GetAExpr()
	switch {
	case !slices.Equal(stringsOf(q.TargetList[0].GetResTarget().GetVal().GetColumnRef().GetFields()), column):
		s.fail("the oid looked up in %s is not what is used", of)
	case sub == nil || sub.Lateral || sub.Alias.GetAliasname() != "pgcordon" || !slices.Equal(stringsOf(sub.Alias.Colnames), column[:1]) || !s.systemSub(sub, of):
		s.fail("an oid is not looked up in %s", of)
	case len(sub.Subquery.GetSelectStmt().TargetList) != 1 ||
		!slices.Equal(stringsOf(sub.Subquery.GetSelectStmt().TargetList[0].GetResTarget().GetVal().GetColumnRef().GetFields()), []string{"t", key}):
		s.fail("something else than the oid is looked up in %s", of)
	case test == nil || test.Kind != pg.A_Expr_Kind_AEXPR_OP || !slices.Equal(stringsOf(test.Name), []string{"="}) ||
		!slices.Equal(stringsOf(test.Lexpr.GetColumnRef().GetFields()), column):
		s.fail("an oid is not compared with those of %s", of)
	default:
		if cast := test.Rexpr.GetTypeCast(); cast != nil && isRegType(cast.TypeName) && !looksUp(cast.Arg) {
			s.walk(cast.Arg.ProtoReflect(), e)
			return
		}
		if s.foundByName(test.Rexpr.GetFuncCall(), of, e) {
			return
		}
		s.walk(test.Rexpr.ProtoReflect(), e)
	}
}

// withoutZero takes the arm off a sub-select that adds the number 0 to what tenants see: no object has it.
func (s *sweeper) withoutZero(r *pg.RangeSubselect) *pg.RangeSubselect {
	q := r.GetSubquery().GetSelectStmt()
	if q.GetOp() != pg.SetOperation_SETOP_UNION {
		return r
	}
	s.only(q.ProtoReflect(), "limit_option", "op", "all", "larg", "rarg")
	s.only(q.Rarg.ProtoReflect(), "limit_option", "op", "target_list")
	for _, n := range q.Rarg.GetTargetList() {
		c := n.GetResTarget().GetVal().GetTypeCast()
		s.only(n.GetResTarget().ProtoReflect(), "val", "location")
		s.only(c.GetTypeName().ProtoReflect(), "names", "typemod", "location")
		if v := c.GetArg().GetAConst().GetIval(); v == nil || v.Ival != 0 || !slices.Equal(stringsOf(c.TypeName.Names), []string{"pg_catalog", "oid"}) {
			s.fail("an oid is added to those that are looked up")
		}
	}
	if !q.All || len(q.Rarg.GetTargetList()) != 1 {
		s.fail("rows are added to the oids that are looked up")
	}
	return &pg.RangeSubselect{Lateral: r.Lateral, Alias: r.Alias, Subquery: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: q.Larg}}}
}

// looksUp tells whether an expression is itself an oid that is looked up, as a cast of a number to one of those types has in it.
func looksUp(n *pg.Node) bool {
	list := n.GetSubLink().GetSubselect().GetSelectStmt().GetTargetList()
	return len(list) == 1 && slices.Equal(stringsOf(list[0].GetResTarget().GetVal().GetColumnRef().GetFields()), []string{"pgcordon", "pgcordon"})
}

// foundByName accepts a function that finds an object of the relation by its name, where what it finds is looked up; false for another.
func (s *sweeper) foundByName(f *pg.FuncCall, of string, e sweepEnv) bool {
	names := stringsOf(f.GetFuncname())
	if len(names) != 2 || names[0] != "pg_catalog" || len(f.Args) != 1 {
		return false
	}
	switch names[1] + " " + of {
	case "to_regclass pg_catalog.pg_class", "to_regtype pg_catalog.pg_type", "to_regproc pg_catalog.pg_proc",
		"to_regprocedure pg_catalog.pg_proc", "to_regnamespace pg_catalog.pg_namespace":
		s.names = true
		s.fields(f.ProtoReflect(), e, "funcname")
		return true
	}
	return false
}

func isRegType(t *pg.TypeName) bool {
	names := stringsOf(t.GetNames())
	if len(names) != 2 || names[0] != "pg_catalog" || len(t.Typmods)+len(t.ArrayBounds) > 0 || t.Setof || t.PctType || t.TypeOid != 0 {
		return false
	}
	_, ok := systemCatalogs().casts[names[1]]
	return ok
}

// regCast checks a cast to a type that names objects; false when it is another one.
func (s *sweeper) regCast(c *pg.TypeCast, e sweepEnv) bool {
	if !isRegType(c.TypeName) {
		return false
	}
	s.names = true
	name := stringsOf(c.TypeName.Names)[1]
	of := systemCatalogs().casts[name]
	text, constant := c.Arg.GetAConst().GetVal().(*pg.A_Const_Sval)
	switch {
	case of == "":
		s.walk(c.Arg.ProtoReflect(), e)
	case constant && name != "regrole" && strings.ContainsFunc(text.Sval.Sval, func(r rune) bool { return (r < '0' || r > '9') && !strings.ContainsRune("- \t\r\n\v\f", r) }):
	default:
		s.guardedOID(c.Arg, of, "oid", e)
	}
	return true
}

// seen says whether the policy opens a relation, as the catalogs show it.
func (s *sweeper) seen(r *catalog.Relation) bool {
	if r.Kind == catalog.CompositeType {
		return s.seenSchema(r.Schema)
	}
	t := s.in.bound.Table(r.OID)
	return t != nil && t.Scope != policy.ScopeDenied && !r.IsPartition
}

func (s *sweeper) seenSchema(name string) bool {
	in := s.in.bound.Catalog
	schema := in.Schemas[name]
	if schema == nil {
		return false
	}
	if name == "public" || slices.Contains(in.SearchPath, name) {
		return true
	}
	for _, r := range schema.Relations {
		if r.Kind != catalog.CompositeType && s.seen(r) {
			return true
		}
	}
	for _, overloads := range schema.Functions {
		for _, f := range overloads {
			if f.Extension != "" || s.in.bound.Vouched(f.OID, "") != nil {
				return true
			}
		}
	}
	return false
}

// catalogSequence accepts pg_get_serial_sequence of a name that is no constant: it answers with a name, and reads no sequence.
func (s *sweeper) catalogSequence(f *pg.FuncCall, e sweepEnv) bool {
	if !slices.Equal(stringsOf(f.Funcname), []string{"pg_catalog", "pg_get_serial_sequence"}) || len(f.Args) != 2 {
		return false
	}
	switch {
	case holdsColumn(f.Args[0].ProtoReflect()):
	case holdsColumn(f.Args[1].ProtoReflect()):
		s.serialTable(f, false)
	default:
		return false
	}
	s.fields(f.ProtoReflect(), e, "funcname")
	return true
}

// holdsColumn says whether a column reference stands anywhere below.
func holdsColumn(m protoreflect.Message) bool {
	if _, ok := m.Interface().(*pg.ColumnRef); ok {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				found = found || holdsColumn(v.List().Get(i).Message())
			}
		default:
			found = found || holdsColumn(v.Message())
		}
		return !found
	})
	return found
}
