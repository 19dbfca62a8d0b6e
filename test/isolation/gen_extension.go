package isolation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway"
)

// extensionSchema holds the extensions of the schemas that have some.
const extensionSchema = "ext"

// extend gives the schema those of the extensions that the generator calls which the server has.
func (s *Schema) extend(ctx context.Context, pg *throwaway.Postgres) error {
	conn, err := pgx.Connect(ctx, pg.DSN("", "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'hstore', 'pg_trgm', 'pgcrypto', 'unaccent', 'uuid-ossp') ORDER BY 1")
	if err != nil {
		return err
	}
	s.Extensions, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

func (s *Schema) extensionDDL() string {
	if len(s.Extensions) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE SCHEMA %s;\nGRANT USAGE ON SCHEMA %[1]s TO %s;\n", extensionSchema, appRole)
	for _, name := range s.Extensions {
		fmt.Fprintf(&b, "CREATE EXTENSION %s SCHEMA %s;\n", ident(name), extensionSchema)
	}
	return b.String()
}

// extension picks one of the schema's extensions; empty when there is none, and mostly when there are.
func (g *generator) extension(percent int) string {
	if len(g.s.Extensions) == 0 || !g.chance(percent) {
		return ""
	}
	return pick(g, g.s.Extensions)
}

// extensionCall makes an expression of an extension's functions, operators and types; nil for one that has none of this type. Its result is of one of
// Postgres's own types, as those of an extension have another oid in each database.
func (g *generator) extensionCall(name string, t Type, sc *scope, depth int) *Node {
	if t != Text && t != Int4 {
		return nil
	}
	a, b := g.expr(Text, sc, depth), g.leaf(Text, sc)
	if t == Int4 {
		switch name {
		case "pg_trgm":
			return n("(", g.word("ext.similarity(", "ext.word_similarity(", "ext.strict_word_similarity("), a, ", ", b, ")::numeric * 10)::int4")
		case "hstore":
			return n("cardinality(ext.", g.word("akeys(", "avals("), "ext.hstore(", a, ", ", b, ")))")
		case "pgcrypto":
			return n("length(ext.digest(", a, ", ", g.word("'sha1'", "'md5'", "'sha256'"), "))")
		case "citext":
			return n("position(ext.citext 'A' IN ", a, "::ext.citext)")
		}
		return nil
	}
	switch name {
	case "pg_trgm":
		return n("array_to_string(ext.show_trgm(", a, "), ',')")
	case "hstore":
		return n("(ext.hstore(", g.word("'k'", "'n'"), ", ", a, ") OPERATOR(ext.||) ext.hstore('n', ", b, ") OPERATOR(ext.->) ", g.word("'k'", "'n'"), ")")
	case "pgcrypto":
		return n("encode(ext.", g.word("digest(", "hmac("+quote("key")+", "), a, ", ", g.word("'sha1'", "'md5'", "'sha256'"), "), 'hex')")
	case "citext":
		return n("(", a, "::ext.citext)::text")
	case "unaccent":
		return n("ext.unaccent(", a, ")")
	case "uuid-ossp":
		return n("ext.", g.word("uuid_generate_v5", "uuid_generate_v3"), "(ext.", g.word("uuid_ns_dns()", "uuid_nil()"), ", ", a, ")::text")
	}
	return nil
}

// extensionCondition makes a condition on a text that is a single operator or function of an extension's, where it has such.
func (g *generator) extensionCondition(name string, sc *scope) *Node {
	c, other := g.leaf(Text, sc), g.leaf(Text, sc)
	switch name {
	case "pg_trgm":
		return n(c, g.word(" OPERATOR(ext.%) ", " OPERATOR(ext.<%) ", " OPERATOR(ext.%>) "), other)
	case "hstore":
		return n("ext.hstore(", c, ", ", other, ")", g.word(" OPERATOR(ext.?) 'a'", " OPERATOR(ext.@>) ext.hstore('a', 'b')", " = ext.hstore('a', NULL)"))
	case "citext":
		return n(c, "::ext.citext ", pick(g, append(slices.Clone(comparisons), "LIKE", "OPERATOR(ext.=)", "OPERATOR(ext.<>)", "OPERATOR(ext.~~)", "OPERATOR(ext.<)")), " ", g.word("'A'", "'mark'", "'B%'"), g.word("", "::ext.citext"))
	case "unaccent":
		return n("ext.unaccent(", c, ") = ", other)
	case "pgcrypto":
		return n("ext.digest(", c, ", 'md5') ", pick(g, comparisons), " ext.digest(", other, ", 'md5')")
	}
	return n("ext.uuid_generate_v5(ext.uuid_ns_url(), ", c, ")::text ", pick(g, comparisons), " ", other)
}
