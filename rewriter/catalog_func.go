package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Functions that read the catalogs take an oid, which a client can guess as well as read. So the argument is replaced by
//
//	(SELECT pgcordon.pgcordon FROM (what tenants see of the relation) pgcordon(pgcordon) WHERE pgcordon.pgcordon = argument)
//
// which is NULL for an object that tenants do not see; all these functions then return NULL.

// guardName is the alias and the only column of that sub-select: a name that stands in no argument.
const guardName = "pgcordon"

// oidOid is the type oid's own oid (pg_type.dat).
const oidOid = 26

// oidRegclass is regclass's.
const oidRegclass = 2205

// systemFunction allows a call of a function that reads the catalogs; false when it is none of those.
func (p *pass) systemFunction(f *pg.FuncCall, schema, name string, sc *scope) bool {
	key := name
	if schema != "pg_catalog" {
		key = schema + "." + name
	}
	c := systemCatalogs().calls[key]
	if c == nil || addedBuiltin(p.cat, name, len(f.Args)) || len(f.Args) < c.least || len(f.Args) > c.most || f.AggWithinGroup || f.AggStar || f.FuncVariadic {
		return false
	}
	for _, a := range f.Args {
		if a.GetNamedArgExpr() != nil {
			p.denyFunction(f, name, "it is called with named arguments")
			return true
		}
	}
	switch {
	case c.forms[len(f.Args)] != nil: // which looks up what it needs
	case c.null > 0:
		if !p.ofCatalogs(f.Args[c.null-1], sc) || len(columnRefs(f.Args[c.null-1])) == 0 {
			return false
		}
		f.Args[c.null-1] = p.castTo(&pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}, oidOid)
	case c.self > 0:
		p.privilegeFunction(f, c, sc)
	case c.read > 0 && name == "ts_token_type" && p.namedByText(f.Args[0], sc):
		p.denyFunction(f, name, "it finds a parser by its name; it can be asked with the parser's oid")
	case c.read > 0:
		p.numberOf(f, c.read-1, c.of, sc)
	case c.key != "oid" && !p.nameOfSetting(f.Args[c.arg-1], sc):
		return false
	case c.arg > 0:
		of := c.of
		if c.by > 0 {
			r := classRelation(f.Args[c.by-1].GetAConst().GetSval().GetSval())
			if r == nil {
				p.denyFunction(f, name, "it shows objects of a kind that tenants do not see")
				return true
			}
			of = r.schema + "." + r.name
		}
		if c.named && p.namedByText(f.Args[c.arg-1], sc) && !p.castToClass(f, c.arg-1, sc) {
			p.denyFunction(f, name, "it prints names in errors, and this one is neither constant nor of the catalogs")
			return true
		}
		p.hiddenConstant(f.Args[c.arg-1])
		f.Args[c.arg-1] = p.visibleOID(f.Args[c.arg-1], of, c.key, guardName)
	}
	f.Funcname = []*pg.Node{pg.MakeStrNode(schema), pg.MakeStrNode(name)}
	return true
}

// namedByText tells whether an argument that could be an oid is the name of one instead. A constant is a text unless it is cast.
func (p *pass) namedByText(n *pg.Node, sc *scope) bool {
	if e := n.GetAExpr(); constantName(n) || e != nil && opName(e.Name) == "||" || slices.ContainsFunc(choices(n), constantName) {
		return true
	}
	switch p.typeOf(n, sc) {
	case oidText, oidVarchar, oidName:
		return n.GetAConst() == nil
	}
	return false
}

// choices are the expressions of which one is the value of a CASE or a COALESCE.
func choices(n *pg.Node) []*pg.Node {
	switch v := n.GetNode().(type) {
	case *pg.Node_CoalesceExpr:
		return v.CoalesceExpr.Args
	case *pg.Node_CaseExpr:
		out := []*pg.Node{v.CaseExpr.Defresult}
		for _, w := range v.CaseExpr.Args {
			out = append(out, w.GetCaseWhen().GetResult())
		}
		return out
	}
	return nil
}

// castToClass makes the relation of a name, as a function does that takes names; false for a name that is no constant and not of the catalogs.
func (p *pass) castToClass(f *pg.FuncCall, i int, sc *scope) bool {
	if c := f.Args[i].GetTypeCast(); c != nil && constantName(c.Arg) {
		f.Args[i] = c.Arg
	}
	if !p.ofCatalogs(f.Args[i], sc) {
		return false
	}
	p.naming = true
	f.Args[i] = p.castTo(f.Args[i], oidRegclass)
	f.Args[i].GetTypeCast().Location = f.Location
	return true
}

// nameOfSetting tells whether the name of a setting is a column of the catalogs, so that it is looked up in pg_settings.
func (p *pass) nameOfSetting(n *pg.Node, sc *scope) bool {
	return len(columnRefs(n)) > 0 && p.ofCatalogs(n, sc)
}

// privilegeFunction allows has_table_privilege and its kin for the session's own role, about names that are constants or come
// from the catalogs: an error of theirs quotes the name.
func (p *pass) privilegeFunction(f *pg.FuncCall, c *systemCall, sc *scope) {
	name := f.Funcname[len(f.Funcname)-1].GetString_().GetSval()
	if len(f.Args) > c.self && !isCurrentUser(f.Args[0]) {
		p.denyFunction(f, name, "it tells of other roles")
		return
	}
	for _, a := range f.Args {
		if !p.ofCatalogs(a, sc) {
			p.denyFunction(f, name, "it prints names in errors, and this one is neither constant nor of the catalogs")
			return
		}
	}
	if i := len(f.Args) - c.self; c.of != "" && i >= 0 {
		p.numberOrNameOf(f, i, c.of, sc)
	}
}

// ofCatalogs tells whether all columns in an expression are those of system catalogs, or the statement reads nothing else.
func (p *pass) ofCatalogs(n *pg.Node, sc *scope) bool {
	return p.columnsOfCatalogs(n, sc) || p.onlyCatalogs()
}

func (p *pass) columnsOfCatalogs(n *pg.Node, sc *scope) bool {
	for _, ref := range columnRefs(n) {
		_, owners := p.resolve(ref, sc)
		if len(owners) == 0 {
			return false
		}
		for _, it := range owners {
			if !it.catalog {
				return false
			}
		}
	}
	return true
}

// isCurrentUser tells whether an expression is the session's own role, in one of the ways in which it is written.
func isCurrentUser(n *pg.Node) bool {
	switch n.GetSqlvalueFunction().GetOp() {
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_USER, pg.SQLValueFunctionOp_SVFOP_USER, pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE,
		pg.SQLValueFunctionOp_SVFOP_SESSION_USER:
		return true
	}
	return false
}

// visibleOID is the sub-select that stands in place of an oid. name is what an output column of it would be called.
func (p *pass) visibleOID(x *pg.Node, of, key, name string) *pg.Node {
	if omitted("object that tenants see") {
		return x
	}
	return lookedUp(p.oidsSeen(of, key), x, name)
}

// visibleName is the same where the oid is made a name of: 0, which is no object's, is left as it is. It prints as "-".
func (p *pass) visibleName(x *pg.Node, of, name string) *pg.Node {
	if omitted("object that tenants see") {
		return x
	}
	none := &pg.SelectStmt{TargetList: []*pg.Node{resTarget("", p.castTo(integer(0), oidOid))},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE}
	return lookedUp(&pg.SelectStmt{Op: pg.SetOperation_SETOP_UNION, All: true, Larg: p.oidsSeen(of, "oid"), Rarg: none,
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT}, x, name)
}

// oidsSeen selects the column of a system relation that holds the oids of what tenants see.
func (p *pass) oidsSeen(of, key string) *pg.SelectStmt {
	schema, relname, _ := strings.Cut(of, ".")
	return p.systemForm(p.cat.Schemas[schema].Relations[relname], systemCatalogs().relations[of], map[string]bool{key: true})
}

func lookedUp(form *pg.SelectStmt, x *pg.Node, name string) *pg.Node {
	guarded := qualified(guardName, guardName)
	sel := &pg.SelectStmt{
		TargetList:  []*pg.Node{resTarget(name, guarded)},
		FromClause:  []*pg.Node{rangeSubselect(form, &pg.Alias{Aliasname: guardName, Colnames: []*pg.Node{pg.MakeStrNode(guardName)}})},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
		WhereClause: compare("=", again(guarded), x),
	}
	return &pg.Node{Node: &pg.Node_SubLink{SubLink: &pg.SubLink{SubLinkType: pg.SubLinkType_EXPR_SUBLINK,
		Subselect: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}}}}}
}

// regCast rewrites a cast to one of the types that name objects; false when it is another one.
// A constant name is left alone: the answer shows the name again. A number could be the oid of anything.
func (p *pass) regCast(c *pg.TypeCast, sc *scope) bool {
	t := c.TypeName
	if len(t.GetArrayBounds())+len(t.GetTypmods()) > 0 || t.GetSetof() || t.GetPctType() {
		return false
	}
	name := ""
	switch n := t.GetNames(); {
	case len(n) == 1:
		name = n[0].GetString_().GetSval()
	case len(n) == 2 && n[0].GetString_().GetSval() == "pg_catalog":
		name = n[1].GetString_().GetSval()
	}
	of, known := systemCatalogs().casts[name]
	if !known {
		return false
	}
	if !p.ofCatalogs(c.Arg, sc) && (name != "regclass" || !p.ownTable(c.Arg, sc)) {
		return false // refused like any type that looks up names: errors quote the value
	}
	p.naming = true
	out := []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(name)}
	if constantName(c.Arg) && name != "regrole" || of == "" {
		t.Names = out
		p.hiddenConstant(&pg.Node{Node: &pg.Node_TypeCast{TypeCast: c}})
		return true
	}
	label := figureName(&pg.Node{Node: &pg.Node_TypeCast{TypeCast: c}})
	if c.Arg.GetAConst() == nil && c.Arg.GetColumnRef() == nil && c.Arg.GetFuncCall() == nil && c.Arg.GetTypeCast() == nil {
		label = name
	}
	t.Names = out
	x := c.Arg
	if name == "regrole" && c.Arg.GetAConst().GetSval() != nil && constantName(c.Arg) {
		p.denyAt(t.Location, statePrivilege, ruleTypeDenied, "permission denied for type regrole", "It tells whether a role exists.")
		return true
	}
	if !isOIDCast(x) {
		x = &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: x, TypeName: &pg.TypeName{Names: again(&pg.Node{Node: &pg.Node_List{List: &pg.List{Items: out}}}).GetList().Items, Typemod: -1}}}}
	}
	c.Arg = p.visibleName(x, of, label)
	return true
}

// ownTable tells whether an expression is the system column tableoid of a table: a number, which cannot fail to be cast.
func (p *pass) ownTable(n *pg.Node, sc *scope) bool {
	c := n.GetColumnRef()
	if c == nil || c.Fields[len(c.Fields)-1].GetString_().GetSval() != "tableoid" {
		return false
	}
	_, owners := p.resolve(c, sc)
	if len(owners) != 1 {
		return false
	}
	it := owners[0]
	table := it.table != nil && it.through == nil || it.global && it.shared
	return table && it.columns != nil && it.column("tableoid") == nil
}

func isOIDCast(n *pg.Node) bool {
	names := n.GetTypeCast().GetTypeName().GetNames()
	return len(names) > 0 && names[len(names)-1].GetString_().GetSval() == "oid"
}

// constantName tells whether an expression is a constant text that is no number.
func constantName(n *pg.Node) bool {
	s := n.GetAConst().GetSval()
	return s != nil && strings.Trim(s.Sval, "0123456789- \t\r\n\v\f") != ""
}

// hiddenConstant refuses 'name'::regclass and 'name'::regproc where it is plain that tenants do not see the object. Others that they do
// not see are NULL when the statement runs.
func (p *pass) hiddenConstant(n *pg.Node) {
	c := n.GetTypeCast()
	if c == nil || !constantName(c.Arg) {
		return
	}
	names := c.TypeName.GetNames()
	parts, ok := dottedName(c.Arg.GetAConst().GetSval().Sval)
	if !ok || len(parts) > 2 {
		return
	}
	schemas := append([]string{"pg_catalog"}, p.path...)
	name := parts[len(parts)-1]
	if len(parts) == 2 {
		schemas = parts[:1]
	}
	for _, s := range schemas {
		schema := p.cat.Schemas[s]
		if schema == nil {
			continue
		}
		switch names[len(names)-1].GetString_().GetSval() {
		case "regclass":
			if rel := schema.Relations[name]; rel != nil {
				p.hiddenRelation(rel, c)
				return
			}
		case "regproc":
			if len(schema.Functions[name]) > 0 {
				if !catalog.IsSystem(s) && !p.anyVisible(schema.Functions[name]) {
					p.denyAt(c.Location, statePrivilege, ruleFunctionDenied, "permission denied for function "+name, hintFunction)
				}
				return
			}
		}
	}
}

func (p *pass) hiddenRelation(rel *catalog.Relation, c *pg.TypeCast) {
	if catalog.IsSystem(rel.Schema) || rel.Kind == catalog.Sequence || rel.Kind == catalog.CompositeType {
		return
	}
	if t := p.bound.Table(rel.OID); t == nil || t.Scope == policy.ScopeDenied {
		p.denyRelation(&pg.RangeVar{Relname: rel.Name, Location: c.Location}, rel, t)
	}
}

func (p *pass) anyVisible(overloads []*catalog.Function) bool {
	for _, f := range overloads {
		if f.Extension != "" || p.vouchedFor(f) {
			return true
		}
	}
	return false
}

// dottedName reads a name as the input functions of the reg* types do; false for one with a dot or comma inside quotes, which is left to the server.
func dottedName(s string) ([]string, bool) {
	inside := false
	for _, c := range s {
		switch {
		case c == '"':
			inside = !inside
		case c == ',', c == '.' && inside:
			return nil, false
		}
	}
	return SplitPath(strings.ReplaceAll(s, ".", ","))
}

// catalogSequence allows pg_get_serial_sequence of names out of the catalogs, the table's or that of a column alone; false when the call is another one.
func (p *pass) catalogSequence(f *pg.FuncCall, sc *scope) bool {
	if !p.isCatalogFunction(f, "pg_get_serial_sequence") || len(f.Args) != 2 || addedBuiltin(p.cat, "pg_get_serial_sequence", 2) {
		return false
	}
	found := len(columnRefs(f.Args[0])) > 0
	if !found && len(columnRefs(f.Args[1])) == 0 {
		return false
	}
	p.exprs(f.Args, sc)
	if !found {
		p.serialTable(f, false)
	}
	if !p.ofCatalogs(f.Args[0], sc) || !p.ofCatalogs(f.Args[1], sc) {
		p.denyFunction(f, "pg_get_serial_sequence", "it prints names in errors, and this one is neither constant nor of the catalogs")
	}
	f.Funcname = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("pg_get_serial_sequence")}
	return true
}

// unnestMany writes unnest(a, b) in FROM, which Postgres understands by its bare name alone, as ROWS FROM (unnest(a), unnest(b)), which it means
// (Postgres manual, "Array Functions and Operators").
func (p *pass) unnestMany(r *pg.RangeFunction) {
	if r.IsRowsfrom || len(r.Functions) != 1 {
		return
	}
	items := r.Functions[0].GetList().GetItems()
	if len(items) == 0 {
		return
	}
	f := items[0].GetFuncCall()
	if f == nil || len(f.Args) < 2 || len(f.Funcname) != 1 || f.Funcname[0].GetString_().GetSval() != "unnest" || f.FuncVariadic ||
		f.AggStar || f.AggDistinct || f.AggFilter != nil || f.Over != nil || len(f.AggOrder) > 0 || len(r.Coldeflist) > 0 {
		return
	}
	r.Functions, r.IsRowsfrom = nil, true
	for _, a := range f.Args {
		call := &pg.FuncCall{Funcname: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("unnest")}, Args: []*pg.Node{a},
			Funcformat: pg.CoercionForm_COERCE_EXPLICIT_CALL}
		r.Functions = append(r.Functions, &pg.Node{Node: &pg.Node_List{List: &pg.List{Items: []*pg.Node{
			{Node: &pg.Node_FuncCall{FuncCall: call}}, {}}}}})
	}
}
