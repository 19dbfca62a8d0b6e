package rewriter

import (
	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// trustedExtensions are extensions of Postgres's own contrib modules and others in wide use whose operators are written in C, read no
// table and run no SQL: their overloads of built-in operators (citext's =, hstore's ->) are no reason to refuse the name.
var trustedExtensions = map[string]bool{
	"btree_gin": true, "btree_gist": true, "citext": true, "cube": true, "hstore": true, "intarray": true, "isn": true, "ltree": true,
	"pg_trgm": true, "postgis": true, "seg": true, "vector": true,
}

// fromTrustedExtension says whether all of these operators belong to extensions that are trusted, or that the policy opens.
func fromTrustedExtension(b *policy.Bound, overloads []*catalog.Operator) bool {
	for _, o := range overloads {
		if !trustedExtensions[o.Extension] && !b.Extension(o.Extension) {
			return false
		}
	}
	return true
}

// extensionOperator tells whether an operator that pg_catalog lacks in this form is one of extensions that the policy opens: all of that name
// in the schema, or in any schema when it is written without one.
func (p *pass) extensionOperator(schema, op string, prefix bool) bool {
	found := false
	for name, s := range p.cat.Schemas {
		if name == "pg_catalog" || schema != "" && name != schema {
			continue
		}
		for _, o := range s.Operators[op] {
			if !p.bound.Extension(o.Extension) {
				return false
			}
			found = found || (o.Left == 0) == prefix
		}
	}
	return found
}

// overloadedForBuiltins tells whether somebody has made an operator of this name for two built-in types, as intarray does for arrays: then what
// is known of the built-in operators does not hold for it.
func (p *pass) overloadedForBuiltins(op string) bool {
	for name, s := range p.cat.Schemas {
		if name == "pg_catalog" {
			continue
		}
		for _, o := range s.Operators[op] {
			if o.Left < firstUserOID && o.Right < firstUserOID {
				return true
			}
		}
	}
	return false
}

// allowedAnywhere tells whether a call of the bare name is allowed whatever the server finds by its search_path, in any schema. An extension's
// overloads of a built-in function, as citext's replace, are called like that: which of them is meant depends on the arguments' types.
func (p *pass) allowedAnywhere(name string, nargs int) bool {
	if allowed, _ := builtinDecision(name, nargs); !allowed || addedBuiltin(p.cat, name, nargs) {
		return false
	}
	for schema, s := range p.cat.Schemas {
		if schema == "pg_catalog" {
			continue
		}
		for _, f := range s.Functions[name] {
			if takes(f, nargs) && (f.Extension == "" || !p.bound.Extension(f.Extension) || !p.vouchedFor(f) || p.tainted[f.Return]) {
				return false
			}
		}
	}
	return true
}
