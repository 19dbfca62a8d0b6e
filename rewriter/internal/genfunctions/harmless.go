package main

import "strings"

// A function is harmless when nothing about the values it sees can be noticed by running it: no error depends on them, it has no
// side effect and prints nothing. Those that pg_proc calls leakproof are; the others here were reviewed one by one
// against Postgres's source. Left out for a reason:
//
//   - - * / abs and casts that narrow      overflow
//     LIKE, ~ and their kin                  a pattern that ends with its escape, or is no regular expression, is an error only
//     once matching gets that far
//     -|-                                    makes a canonical range, which can overflow
//     @@ @?                                  a jsonpath may miss a variable; a text may be too long for a tsvector
//     -> ->> on json                         \u0000 in a string is found only now
//     & | # ~ ||                             lengths, families or dimensions of the operands may not fit
//     every operator on box, circle, point.. areas and distances overflow
var harmlessOperators = set(
	"=", "<>", "<", "<=", ">", ">=",
	"<<", ">>", "<<=", ">>=", "&&", "@>", "<@", "&<", "&>",
	"?", "?|", "?&", "^@",
	"~<~", "~<=~", "~>~", "~>=~",
)

// unplainTypes are types whose operators of those names are not harmless all the same, or that clients may not use.
// json and xml have no equality: arrays of them raise an error as soon as two are compared.
var unplainTypes = set("box", "circle", "line", "lseg", "path", "point", "polygon",
	"json", "jsonpath", "xml", "refcursor", "gtsvector", "oidvector", "int2vector")

var harmlessFunctions = set(
	"starts_with(text, text)",
	"isfinite(date)", "isfinite(timestamp without time zone)", "isfinite(timestamp with time zone)", "isfinite(interval)",
	"isempty(anyrange)", "isempty(anymultirange)",
	"lower_inc(anyrange)", "upper_inc(anyrange)", "lower_inf(anyrange)", "upper_inf(anyrange)",
	"lower_inc(anymultirange)", "upper_inc(anymultirange)", "lower_inf(anymultirange)", "upper_inf(anymultirange)",
	"lower(anyrange)", "upper(anyrange)", "lower(anymultirange)", "upper(anymultirange)",
	"lower(text)", "upper(text)", "initcap(text)",
	"length(text)", "length(character)", "length(bytea)", "length(bit)", "length(tsvector)",
	"char_length(text)", "char_length(character)", "character_length(text)", "character_length(character)",
	"octet_length(text)", "octet_length(character)", "octet_length(bytea)", "octet_length(bit)",
	"bit_length(text)", "bit_length(bytea)", "bit_length(bit)",
	"btrim(text)", "ltrim(text)", "rtrim(text)", "btrim(text, text)", "ltrim(text, text)", "rtrim(text, text)",
	"reverse(text)", "reverse(bytea)", "ascii(text)", "strpos(text, text)",
	"left(text, integer)", "right(text, integer)",
	"sha224(bytea)", "sha256(bytea)", "sha384(bytea)", "sha512(bytea)",
	"cardinality(anyarray)", "array_ndims(anyarray)", "array_dims(anyarray)",
	"array_length(anyarray, integer)", "array_lower(anyarray, integer)", "array_upper(anyarray, integer)",
	"num_nulls(\"any\")", "num_nonnulls(\"any\")",
	"jsonb_typeof(jsonb)", "json_typeof(json)",
	"sign(numeric)", "sign(double precision)", "ceil(double precision)", "ceiling(double precision)", "floor(double precision)",
	"now()", "transaction_timestamp()", "statement_timestamp()", "current_database()", "version()", "pi()",
	"family(inet)", "masklen(inet)", "network(inet)", "host(inet)", "numnode(tsquery)",
	"bool(integer)", "int8(integer)", "int8(smallint)", "int4(smallint)", "int4(boolean)",
	"text(boolean)", "text(character)", "text(name)", "text(\"char\")",
	"numeric(integer)", "numeric(bigint)", "numeric(smallint)", "float8(integer)", "float8(smallint)", "float8(bigint)", "float8(real)",
	"ts_match_vq(tsvector, tsquery)", "ts_match_qv(tsquery, tsvector)",
)

// operator is one row of pg_operator; types are pg_type names, left is empty for a prefix operator.
type operator struct {
	name, left, right string
	function          string // signature
	allowed           bool
	majors            majors
}

func (o *operator) harmless() bool {
	return o.allowed && harmlessOperators[o.name] && o.left != "" && !unplain(o.left) && !unplain(o.right)
}

func unplain(typ string) bool { return unplainTypes[strings.TrimPrefix(typ, "_")] }

// typeRow is one row of pg_type that has no relation.
type typeRow struct {
	name string
	oid  uint32
	kind string // typtype
	elem string // element of an array
	majors
}

// refusedTypes may not be named by clients. Input and output of the reg* types look names up in the catalog; the others
// show what all tenants do, or are internal.
var refusedTypes = set("xid", "xid8", "cid", "aclitem", "txid_snapshot", "pg_snapshot", "refcursor", "gtsvector",
	"pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_dependencies", "pg_mcv_list", "pg_ndistinct", "pg_node_tree")

func (t *typeRow) allowed() bool {
	base := t.name
	if t.elem != "" {
		base = t.elem
	}
	switch t.kind {
	case "b", "r", "m":
		return !refusedTypes[base] && !strings.HasPrefix(base, "reg") && base != "cstring" && base != "record"
	}
	return false
}

// plain says whether the verdicts on operators by name hold for values of this type.
func (t *typeRow) plain() bool {
	return t.allowed() && !unplain(t.name) && !(t.elem != "" && unplain(t.elem))
}
