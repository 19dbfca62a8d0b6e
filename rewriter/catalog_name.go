package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy/catalog"
)

// to_regclass and its kin find an object by its name, by the server's search_path. What they find is looked up in what tenants see, as with a cast:
//
//	(SELECT pgcordon.pgcordon FROM (what tenants see of the relation) pgcordon(pgcordon) WHERE pgcordon.pgcordon = to_regclass(argument))::regclass

// nameLookups are those functions, with the type of their result. Those for operators name Postgres's own alone, and to_regrole tells whether a
// role exists: they stay refused, and so are these in FROM, where a call must stay one.
var nameLookups = map[string]string{"to_regclass": "regclass", "to_regtype": "regtype", "to_regproc": "regproc",
	"to_regprocedure": "regprocedure", "to_regnamespace": "regnamespace"}

// nameLookup rewrites a call of such a function; false when n is none.
func (p *pass) nameLookup(n *pg.Node, sc *scope) bool {
	f := n.GetFuncCall()
	name, typ := p.lookupFunction(f)
	if typ == "" {
		return false
	}
	p.exprs(f.Args, sc)
	if !p.ofCatalogs(f.Args[0], sc) {
		p.denyFunction(f, name, "it prints names in errors, and this one is neither constant nor of the catalogs")
		return true
	}
	p.naming = true
	f.Funcname = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(name)}
	found := p.visibleName(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: f}}, systemCatalogs().casts[typ], name)
	n.Node = &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: found, TypeName: &pg.TypeName{
		Names: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(typ)}, Typemod: -1}}}
	return true
}

// lookupFunction names the function and the type of its result; empty for another call.
func (p *pass) lookupFunction(f *pg.FuncCall) (name, typ string) {
	if f == nil || len(f.Args) != 1 || f.Args[0].GetNamedArgExpr() != nil || f.AggOrder != nil || f.AggFilter != nil || f.Over != nil ||
		f.AggWithinGroup || f.AggStar || f.AggDistinct || f.FuncVariadic {
		return "", ""
	}
	name = f.Funcname[len(f.Funcname)-1].GetString_().GetSval()
	if !p.isCatalogFunction(f, name) || addedBuiltin(p.cat, name, 1) || len(f.Funcname) == 1 && p.userFunctions(name) != nil {
		return "", ""
	}
	return name, nameLookups[name]
}

// onlyCatalogs tells whether the statement at hand reads nothing but system catalogs, and writes nothing: then every value in it is the client's own or
// one of theirs, through whatever sub-selects it came. The tree may be rewritten in part.
func (p *pass) onlyCatalogs() bool {
	if p.whole == nil {
		return false
	}
	named, read := map[string]bool{}, []*pg.RangeVar{}
	find := func(m proto.Message) {
		switch x := m.(type) {
		case *pg.CommonTableExpr:
			named[x.Ctename] = true
		case *pg.RangeVar:
			read = append(read, x)
		}
	}
	eachMessage(p.whole.ProtoReflect(), func(m protoreflect.Message) { find(m.Interface()) })
	for _, rv := range read {
		switch {
		case rv.Schemaname != "":
			if !catalog.IsSystem(rv.Schemaname) {
				return false
			}
		case p.temporary(rv) != nil || p.relationOf(rv.Relname) != "pg_catalog" && (!named[rv.Relname] || p.relationOf(rv.Relname) != ""):
			return false
		}
	}
	return true
}

// relationOf is the schema in which the search_path finds a relation; empty for none.
func (p *pass) relationOf(name string) string {
	for _, schema := range append([]string{"pg_catalog"}, p.path...) {
		if s := p.cat.Schemas[schema]; s != nil && s.Relations[name] != nil {
			return schema
		}
	}
	return ""
}
