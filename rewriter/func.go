package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// funcCall resolves a call to one function, or overloads of one name in one schema, and writes the schema into the tree,
// so that the server cannot find another by its search_path.
func (p *pass) funcCall(f *pg.FuncCall, sc *scope) {
	if p.catalogSequence(f, sc) || p.sequenceCall(f) {
		return
	}
	p.exprs(f.Args, sc)
	p.exprs(f.AggOrder, sc)
	p.expr(f.AggFilter, sc)
	p.window(f.Over, sc)
	nargs := len(f.Args)
	if f.AggWithinGroup {
		nargs += len(f.AggOrder)
	}
	written := f.Funcname
	if p.noSuchFunction(f, nargs) {
		if f.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX { // a word of a later version's grammar, as SYSTEM_USER
			name := f.Funcname[len(f.Funcname)-1].GetString_().GetSval()
			p.denyAt(f.Location, stateUndefinedColumn, ruleFunctionUnknown, `column "`+name+`" does not exist`, "")
			return
		}
		p.sendAbsent(&f.Funcname, absentFunction, f.Location)
		return
	}
	schema, name, ok := p.funcName(f, nargs)
	if !ok || schema == "" {
		return
	}
	if p.systemFunction(f, schema, name, sc) || schema == "pg_catalog" && !addedBuiltin(p.cat, name, nargs) && p.sessionFunction(f, name) {
		return
	}
	if schema == "pg_catalog" {
		allowed, reason := builtinDecision(name, nargs)
		if allowed && addedBuiltin(p.cat, name, nargs) {
			allowed, reason = false, "somebody has added a function of this name to pg_catalog"
		}
		if !allowed {
			p.denyFunction(f, name, reason)
			return
		}
	} else if !p.vouched(schema, name, nargs) {
		p.denyFunction(f, schema+"."+name, "")
		return
	} else if p.returnsTainted(schema, name) {
		p.denyFunction(f, schema+"."+name, "it returns a type with a cast that calls a user function")
		return
	}
	if !omitted("schema of a function") {
		f.Funcname = []*pg.Node{pg.MakeStrNode(schema), pg.MakeStrNode(name)}
		p.sends(f.Location, f.Funcname, written)
	}
}

// noSuchFunction tells whether a call cannot mean any function: there is none of its name, or all are built-in and allowed and none takes that many
// arguments.
func (p *pass) noSuchFunction(f *pg.FuncCall, nargs int) bool {
	parts := namesOf(f.Funcname)
	name := parts[len(parts)-1]
	switch {
	case len(parts) > 2 || len(parts) == 2 && parts[0] == "pg_catalog" && name == "extract" && f.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX:
		return false
	case len(parts) == 2 && parts[0] != "pg_catalog":
		s := p.cat.Schemas[parts[0]]
		return s == nil || s.Functions[name] == nil
	case len(parts) == 1 && p.userFunctions(name) != nil:
		return false
	case !builtinExists(p.cat, name):
		return true
	}
	return !slices.ContainsFunc(p.cat.Schemas["pg_catalog"].Functions[name], func(f *catalog.Function) bool { return takes(f, nargs) }) &&
		!slices.ContainsFunc(builtins().functions[name], func(o builtinOverload) bool { return !o.allowed || o.takes(nargs) })
}

// funcName finds the schema that a call's name stands for; none for a call that is allowed in every schema, and stays as it is.
func (p *pass) funcName(f *pg.FuncCall, nargs int) (schema, name string, ok bool) {
	parts := make([]string, len(f.Funcname))
	for i, n := range f.Funcname {
		parts[i] = n.GetString_().GetSval()
	}
	switch len(parts) {
	case 1:
		name = parts[0]
	case 2:
		schema, name = parts[0], parts[1]
		if schema == "pg_catalog" && name == "extract" && f.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX {
			return schema, name, true // printed as EXTRACT, which Postgres 13 reads as date_part
		}
		return schema, name, true
	default:
		if len(parts) > 3 {
			p.denyAt(f.Location, stateSyntax, ruleFunctionDenied, tooManyNames+dotted(f.Funcname), "")
		}
		p.denyAt(f.Location, stateFeature, ruleFunctionDenied, otherDatabase+dotted(f.Funcname), "")
		return "", "", false
	}
	user := p.userFunctions(name)
	builtin := builtinExists(p.cat, name)
	switch {
	case user == nil:
		return "pg_catalog", name, true
	}
	vouched := p.vouched(user.Name, name, -1)
	switch {
	case !builtin:
		return user.Name, name, true
	case !vouched:
		return "pg_catalog", name, true
	case !slices.ContainsFunc(user.Functions[name], func(f *catalog.Function) bool { return takes(f, nargs) }):
		return "pg_catalog", name, true
	case p.allowedAnywhere(name, nargs):
		return "", name, true
	}
	p.denyAt(f.Location, statePrivilege, ruleFunctionAmbiguous, "function "+name+" exists in pg_catalog and in schema "+user.Name,
		"Write the schema before the function's name.")
	return "", "", false
}

// userFunctions returns the first schema of the search_path that has functions of this name; nil for none.
func (p *pass) userFunctions(name string) *catalog.Schema {
	for _, schema := range p.path {
		if s := p.cat.Schemas[schema]; s != nil && schema != "pg_catalog" && s.Functions[name] != nil {
			return s
		}
	}
	return nil
}

// vouched tells whether the policy allows every overload of schema.name that takes nargs arguments; nargs -1 asks for any overload.
func (p *pass) vouched(schema, name string, nargs int) bool {
	s := p.cat.Schemas[schema]
	if s == nil || schema == "pg_catalog" || schema == "information_schema" {
		return false
	}
	any := false
	for _, f := range s.Functions[name] {
		if nargs >= 0 && !takes(f, nargs) {
			continue
		}
		ok := p.vouchedFor(f)
		if nargs < 0 && ok {
			return true
		}
		if nargs >= 0 && !ok {
			return false
		}
		p.calls(f)
		any = any || ok
	}
	return any
}

// calls notes what a function of the user's can do.
func (p *pass) calls(f *catalog.Function) {
	if f.Extension == "" && f.Volatility == 'v' {
		p.effects |= EffectUnknown
	}
}

func (p *pass) returnsTainted(schema, name string) bool {
	for _, f := range p.cat.Schemas[schema].Functions[name] {
		if p.tainted[f.Return] {
			return true
		}
	}
	return false
}

func takes(f *catalog.Function, nargs int) bool {
	if f.Variadic {
		return nargs >= len(f.Args)-1
	}
	return nargs <= len(f.Args) && nargs >= len(f.Args)-f.Defaults
}

func (p *pass) vouchedFor(f *catalog.Function) bool {
	return f.Kind != 'p' && p.bound.Vouched(f.OID, p.req.Role) != nil
}

// notation decides over `x.f` and `(x).f` where f is not known to be a column: then it can be a call of a function of one argument, or a cast
// to a type of that name (Postgres manual, "Function Calls"). Whatever it could mean in any schema must be allowed.
func (p *pass) notation(name string, loc int32) {
	denied := false
	for schema, s := range p.cat.Schemas { // all of them: the search_path counts when the statement runs
		if schema == "pg_catalog" {
			continue
		}
		for _, f := range s.Functions[name] {
			if takes(f, 1) {
				denied = denied || !p.vouchedFor(f)
				p.calls(f)
			}
		}
		if t := s.Types[name]; t != nil {
			denied = denied || p.typeProblem(t) != ""
		}
	}
	if t := p.cat.Schemas["pg_catalog"].Types[name]; t != nil {
		denied = denied || p.typeProblem(t) != ""
	}
	if allowed, _ := builtinDecision(name, 1); !allowed && p.builtinTakesOne(name) {
		denied = true
	}
	if denied {
		p.denyAt(loc, statePrivilege, ruleFunctionDenied, `column "`+name+`" is not known and a function or type of that name may not be used`, hintFunction)
	}
}

func (p *pass) builtinTakesOne(name string) bool {
	for _, f := range p.cat.Schemas["pg_catalog"].Functions[name] {
		if takes(f, 1) {
			return true
		}
	}
	return false
}

const hintFunction = "Functions are refused unless they are built-in and safe, or the policy lists them under `functions`."

func (p *pass) denyFunction(f *pg.FuncCall, name, reason string) {
	hint := hintFunction
	if reason != "" {
		hint = "Reason: " + reason + ". " + hint
	}
	p.denyAt(f.Location, statePrivilege, ruleFunctionDenied, "permission denied for function "+name, hint)
}

// operator allows an operator that exists in pg_catalog. One that a schema of the search_path overloads is written with its schema, so that the
// server cannot take the other.
func (p *pass) operator(name *[]*pg.Node, prefix bool, loc int32) {
	parts := *name
	var schema, op string
	switch len(parts) {
	case 1:
		op = parts[0].GetString_().GetSval()
	case 2:
		schema, op = parts[0].GetString_().GetSval(), parts[1].GetString_().GetSval()
	}
	if schema != "pg_catalog" && op != "" && !operatorAllowed(op, prefix) && p.extensionOperator(schema, op, prefix) ||
		schema != "" && schema != "pg_catalog" && p.extensionOperator(schema, op, prefix) {
		return
	}
	if schema != "" && schema != "pg_catalog" {
		p.denyAt(loc, statePrivilege, ruleOperatorDenied, "permission denied for operator "+schema+"."+op, "Only operators of pg_catalog are allowed.")
		return
	}
	if op == "" || len(p.cat.Schemas["pg_catalog"].Operators[op]) == 0 {
		if p.userOperator(op) {
			p.denyAt(loc, statePrivilege, ruleOperatorDenied, "permission denied for operator "+op, "Only operators of pg_catalog are allowed.")
			return
		}
		if op == "" {
			p.denyAt(loc, stateSyntax, ruleOperatorDenied, "improper qualified name (too many dotted names)", "")
			return
		}
		p.sendAbsent(name, absentOperator, loc)
		return
	}
	if !operatorAllowed(op, prefix) {
		p.denyAt(loc, stateUndefinedFunction, ruleOperatorDenied, "operator does not exist: "+op, "")
		return
	}
	if schema == "" && p.userOperator(op) {
		*name = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(op)}
		p.sends(loc, *name, parts)
	}
}

// implied refuses a construct that looks up operators by their bare names where one of them is overloaded.
func (p *pass) implied(loc int32, ops ...string) {
	for _, op := range ops {
		if p.userOperator(op) {
			p.denyAt(loc, statePrivilege, ruleOperatorDenied, "operator "+op+", which is meant here, is overloaded outside pg_catalog",
				"Write the comparison with OPERATOR(pg_catalog."+op+").")
			return
		}
	}
}

// userOperator tells whether an operator's bare name could mean a user's. Every schema counts, not those of the search_path alone: the server looks the
// name up when the statement runs, and the path may have changed by then, even within one message.
func (p *pass) userOperator(op string) bool {
	for name, s := range p.cat.Schemas {
		if name != "pg_catalog" && len(s.Operators[op]) > 0 && !fromTrustedExtension(p.bound, s.Operators[op]) {
			return true
		}
	}
	return false
}

// typeModifiers makes constants of the identifiers among a type's modifiers, which Postgres takes for the same.
func (p *pass) typeModifiers(t *pg.TypeName) {
	for i, m := range t.Typmods {
		switch fields := m.GetColumnRef().GetFields(); {
		case m.GetAConst() != nil:
		case len(fields) == 1 && fields[0].GetString_() != nil:
			t.Typmods[i] = pg.MakeAConstStrNode(fields[0].GetString_().Sval, -1)
		default:
			p.denyAt(t.Location, stateSyntax, ruleTypeDenied, "type modifiers must be simple constants or identifiers", "")
		}
	}
}

// typeName allows built-in types but those that look names up, and the user's types that hide no function.
func (p *pass) typeName(t *pg.TypeName) {
	if t == nil {
		return
	}
	if t.Setof || t.PctType {
		p.denyAt(t.Location, stateFeature, ruleTypeDenied, "SETOF and %TYPE are not supported", "")
		return
	}
	p.typeModifiers(t)
	parts := make([]string, len(t.Names))
	for i, n := range t.Names {
		parts[i] = n.GetString_().GetSval()
	}
	typ := p.findType(parts)
	name := strings.Join(parts, ".")
	if typ == nil {
		p.denyAt(t.Location, stateUndefinedObject, ruleTypeUnknown, `type "`+name+`" does not exist`, "")
		return
	}
	if typ.RunsCode {
		p.effects |= EffectUnknown
	}
	if reason := p.namedTypeProblem(typ); reason != "" {
		p.denyAt(t.Location, statePrivilege, ruleTypeDenied, "permission denied for type "+name, reason)
		return
	}
	written := t.Names
	t.Names = []*pg.Node{pg.MakeStrNode(typ.Schema), pg.MakeStrNode(typ.Name)}
	p.sends(t.Location, t.Names, written)
}

// open tells whether the policy lets tenants read a relation.
func (p *pass) open(r *catalog.Relation) bool {
	t := p.bound.Table(r.OID)
	return t != nil && t.Scope != policy.ScopeDenied
}

// castType is typeName for a cast, where a constant may name a text search configuration: 'english'::regconfig.
func (p *pass) castType(c *pg.TypeCast, sc *scope) {
	if p.regCast(c, sc) {
		return
	}
	names := c.TypeName.GetNames()
	if c.Arg.GetAConst().GetSval() != nil && len(c.TypeName.GetArrayBounds()) == 0 && len(names) > 0 &&
		names[len(names)-1].GetString_().GetSval() == "regconfig" && (len(names) == 1 || names[0].GetString_().GetSval() == "pg_catalog") {
		c.TypeName.Names = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("regconfig")}
		return
	}
	p.typeName(c.TypeName)
}

func (p *pass) findType(parts []string) *catalog.Type {
	switch len(parts) {
	case 1:
		if t := p.cat.Schemas["pg_catalog"].Types[parts[0]]; t != nil {
			return t
		}
		for _, schema := range p.path {
			if s := p.cat.Schemas[schema]; s != nil && s.Types[parts[0]] != nil {
				return s.Types[parts[0]]
			}
		}
	case 2:
		if s := p.cat.Schemas[parts[0]]; s != nil {
			return s.Types[parts[1]]
		}
	}
	return nil
}

// typeProblem says why a type may not be named; empty when it may.
func (p *pass) typeProblem(t *catalog.Type) string {
	if p.tainted[t.OID] {
		return "A cast of this type, or of one inside it, calls a user function that the policy does not vouch for."
	}
	if t.Schema == "pg_catalog" {
		if !builtinTypeAllowed(t.Name) {
			return "Types that look up names, and internal ones, are refused."
		}
		return ""
	}
	if t.Schema == "information_schema" {
		return ""
	}
	if t.Kind == 'c' && t.Relation != 0 {
		if rel := p.cat.ByOID[t.Relation]; rel != nil && rel.Kind != catalog.CompositeType && !p.open(rel) {
			return "It is the row type of a relation that the policy does not open."
		}
	}
	if t.Element != 0 {
		if e := p.cat.TypeByOID[t.Element]; e != nil && e.Schema != "pg_catalog" {
			return p.typeProblem(e)
		}
	}
	switch t.Kind {
	case 'e', 'd', 'c', 'r', 'm':
		return ""
	case 'b':
		if t.Extension != "" || t.Category == 'A' {
			return ""
		}
	}
	return "It is a user-defined base type."
}
