package rewriter

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// FunctionReport says what a function of the user's does, as far as its text tells. It helps whoever has to vouch for the function, and decides nothing.
type FunctionReport struct {
	// Reads and Writes are relations with their scopes, as "public.orders (tenant)", sorted.
	Reads, Writes []string
	// Calls are functions outside pg_catalog, and built-in ones that tenants may not call with the reason, sorted.
	Calls []string
	// Notes are what else matters: why the text could not be read, SQL that is built at run time, commands other than queries.
	Notes []string
}

// maxFunctionBytes bounds the text of a function that is looked into.
const maxFunctionBytes = 1 << 20

// AnalyseFunction reads the text of a function in language sql or plpgsql. Names without a schema are looked up by the upstream role's search_path.
func AnalyseFunction(b *policy.Bound, f *catalog.Function) FunctionReport {
	a := analysis{bound: b, reads: map[string]bool{}, writes: map[string]bool{}, calls: map[string]bool{}, notes: map[string]bool{}}
	if f.SecurityDefiner {
		a.notes["security definer: it runs with its owner's rights"] = true
	}
	switch f.Language {
	case "sql":
		a.sql(f.Source)
	case "plpgsql":
		a.plpgsql(f)
	default:
		a.notes["language "+f.Language+" cannot be analysed"] = true
	}
	list := func(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
	return FunctionReport{Reads: list(a.reads), Writes: list(a.writes), Calls: list(a.calls), Notes: list(a.notes)}
}

type analysis struct {
	bound                       *policy.Bound
	reads, writes, calls, notes map[string]bool
	ctes                        map[string]bool
}

// sql reads a body: statements, or what BEGIN ATOMIC and RETURN are printed as.
func (a *analysis) sql(source string) {
	text := source
	if head := strings.ToUpper(strings.TrimSpace(source)); strings.HasPrefix(head, "BEGIN ATOMIC") || strings.HasPrefix(head, "RETURN ") {
		text = "CREATE FUNCTION f() RETURNS int " + source
	}
	if !a.parse(text) {
		a.notes["its text cannot be parsed"] = true
	}
}

// parse walks the statements of a text; false when it does not parse.
func (a *analysis) parse(text string) bool {
	if guardInput(text, maxFunctionBytes) != nil {
		return false
	}
	tree, err := pg.Parse(text)
	if err != nil {
		return false
	}
	a.ctes = map[string]bool{}
	visit(tree.ProtoReflect(), func(m protoreflect.Message) {
		if c, ok := m.Interface().(*pg.CommonTableExpr); ok {
			a.ctes[c.Ctename] = true
		}
	})
	for _, s := range tree.Stmts {
		a.statement(s.Stmt)
	}
	return true
}

func (a *analysis) statement(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
	case *pg.Node_CreateFunctionStmt:
		visit(v.CreateFunctionStmt.GetSqlBody().ProtoReflect(), a.message)
		return
	default:
		a.notes["it runs "+statementName(nodeName(n))] = true
	}
	visit(n.ProtoReflect(), a.message)
}

// visit calls f for a message and everything below it.
func visit(m protoreflect.Message, f func(protoreflect.Message)) {
	if !m.IsValid() {
		return
	}
	f(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				visit(v.List().Get(i).Message(), f)
			}
		default:
			visit(v.Message(), f)
		}
		return true
	})
}

func (a *analysis) message(m protoreflect.Message) {
	switch v := m.Interface().(type) {
	case *pg.InsertStmt:
		a.relation(v.Relation, a.writes)
	case *pg.UpdateStmt:
		a.relation(v.Relation, a.writes)
	case *pg.DeleteStmt:
		a.relation(v.Relation, a.writes)
	case *pg.MergeStmt:
		a.relation(v.Relation, a.writes)
	case *pg.RangeVar:
		if v.Schemaname != "" || !a.ctes[v.Relname] {
			a.relation(v, a.reads)
		}
	case *pg.FuncCall:
		a.call(stringsOf(v.Funcname))
	}
}

// relation notes a relation with its scope.
func (a *analysis) relation(rv *pg.RangeVar, in map[string]bool) {
	if rv == nil {
		return
	}
	cat := a.bound.Catalog
	schemas := append([]string{"pg_catalog"}, cat.SearchPath...)
	if rv.Schemaname != "" {
		schemas = []string{rv.Schemaname}
	}
	for _, name := range schemas {
		s := cat.Schemas[name]
		if s == nil || s.Relations[rv.Relname] == nil {
			continue
		}
		in[name+"."+rv.Relname+" ("+a.bound.Table(s.Relations[rv.Relname].OID).Scope.String()+")"] = true
		return
	}
	in[rv.Relname+" (not found)"] = true
}

func (a *analysis) call(names []string) {
	if len(names) == 0 {
		return
	}
	name := names[len(names)-1]
	cat := a.bound.Catalog
	schemas := append([]string{"pg_catalog"}, cat.SearchPath...)
	if len(names) > 1 {
		schemas = names[len(names)-2 : len(names)-1]
	}
	for _, schema := range schemas {
		if s := cat.Schemas[schema]; s == nil || len(s.Functions[name]) == 0 {
			continue
		}
		if schema != "pg_catalog" {
			a.calls[schema+"."+name] = true
			return
		}
		for _, o := range builtins().functions[name] {
			if !o.allowed && o.reason != internalReason {
				a.calls[name+" ("+o.reason+")"] = true
				break
			}
		}
		return
	}
	a.calls[strings.Join(names, ".")+" (not found)"] = true
}

// plpgsql reads the queries and expressions that stand in a function's text.
func (a *analysis) plpgsql(f *catalog.Function) {
	tag := "$pgcordon$"
	if strings.Contains(f.Source, tag) || guardInput(f.Source, maxFunctionBytes) != nil {
		a.notes["its text cannot be parsed"] = true
		return
	}
	returns := "void"
	if t := a.bound.Catalog.TypeByOID[f.Return]; t != nil && t.Name == "trigger" {
		returns = "trigger"
	}
	text, err := pg.ParsePlPgSqlToJSON("CREATE FUNCTION f() RETURNS " + returns + " LANGUAGE plpgsql AS " + tag + f.Source + tag)
	var tree any
	if err != nil || json.Unmarshal([]byte(text), &tree) != nil {
		a.notes["its text cannot be parsed"] = true
		return
	}
	a.notes["plpgsql: the queries in its text were read"] = true
	a.block(tree)
}

// block walks the parse tree of plpgsql, of which it knows two things: where queries stand, and which commands build them when they run.
func (a *analysis) block(n any) {
	switch v := n.(type) {
	case []any:
		for _, x := range v {
			a.block(x)
		}
	case map[string]any:
		for key, x := range v {
			if strings.HasPrefix(key, "PLpgSQL_stmt_dyn") {
				a.notes["it builds SQL when it runs, which cannot be analysed"] = true
			}
			if e, ok := x.(map[string]any); ok && key == "PLpgSQL_expr" {
				if query, ok := e["query"].(string); ok {
					a.query(query)
				}
				continue
			}
			a.block(x)
		}
	}
}

// query reads one query, expression or assignment of plpgsql.
func (a *analysis) query(text string) {
	if _, value, ok := strings.Cut(text, ":="); ok && !strings.ContainsAny(strings.SplitN(text, ":=", 2)[0], "('") {
		text = value
	}
	if !a.parse(text) && !a.parse("SELECT "+text) {
		a.notes["a part of it cannot be parsed"] = true
	}
}
