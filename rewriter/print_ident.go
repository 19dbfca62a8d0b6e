package rewriter

import (
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// keywords are the grammar's, of all categories. They are quoted as identifiers wherever they stand, so that no text depends on
// which category a place of the grammar allows.
var keywords = wordSet("abort absent absolute access action add admin after aggregate all also alter always analyse analyze and any array as asc " +
	"asensitive assertion assignment asymmetric at atomic attach attribute authorization backward before begin between bigint " +
	"binary bit boolean both breadth by cache call called cascade cascaded case cast catalog chain char character " +
	"characteristics check checkpoint class close cluster coalesce collate collation column columns comment comments commit " +
	"committed compression concurrently configuration conflict connection constraint constraints content continue conversion " +
	"copy cost create cross csv cube current current_catalog current_date current_role current_schema current_time " +
	"current_timestamp current_user cursor cycle data database day deallocate dec decimal declare default defaults deferrable " +
	"deferred definer delete delimiter delimiters depends depth desc detach dictionary disable discard distinct do document " +
	"domain double drop each else enable encoding encrypted end enum escape event except exclude excluding exclusive execute " +
	"exists explain expression extension external extract false family fetch filter finalize first float following for force " +
	"foreign format forward freeze from full function functions generated global grant granted greatest group grouping groups " +
	"handler having header hold hour identity if ilike immediate immutable implicit import in include including increment " +
	"indent index indexes inherit inherits initially inline inner inout input insensitive insert instead int integer " +
	"intersect interval into invoker is isnull isolation join json json_array json_arrayagg json_object json_objectagg key " +
	"keys label language large last lateral leading leakproof least left level like limit listen load local localtime " +
	"localtimestamp location lock locked logged mapping match matched materialized maxvalue merge method minute minvalue mode " +
	"month move name names national natural nchar new next nfc nfd nfkc nfkd no none normalize normalized not nothing notify " +
	"notnull nowait null nullif nulls numeric object of off offset oids old on only operator option options or order " +
	"ordinality others out outer over overlaps overlay overriding owned owner parallel parameter parser partial partition " +
	"passing password placing plans policy position preceding precision prepare prepared preserve primary prior privileges " +
	"procedural procedure procedures program publication quote range read real reassign recheck recursive ref references " +
	"referencing refresh reindex relative release rename repeatable replace replica reset restart restrict return returning " +
	"returns revoke right role rollback rollup routine routines row rows rule savepoint scalar schema schemas scroll search " +
	"second security select sequence sequences serializable server session session_user set setof sets share show similar " +
	"simple skip smallint snapshot some sql stable standalone start statement statistics stdin stdout storage stored strict " +
	"strip subscription substring support symmetric sysid system system_user table tables tablesample tablespace temp " +
	"template temporary text then ties time timestamp to trailing transaction transform treat trigger trim true truncate " +
	"trusted type types uescape unbounded uncommitted unencrypted union unique unknown unlisten unlogged until update user " +
	"using vacuum valid validate validator value values varchar variadic varying verbose version view views volatile when " +
	"where whitespace window with within without work wrapper write xml xmlattributes xmlconcat xmlelement xmlexists " +
	"xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable year yes zone")

// plainKeywords are unreserved keywords that are common as names, and that no place of the grammar reads as anything but a name
// where the printer writes one.
var plainKeywords = wordSet("comment content data key label name owner text type value version")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// ident writes a name, quoted unless the lexer reads it back as it is.
func (p *printer) ident(s string) {
	if plainIdent(s) {
		p.buf = append(p.buf, s...)
		return
	}
	p.quote(s, '"')
}

func plainIdent(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '$'):
		default:
			return false
		}
	}
	return !keywords[s] || plainKeywords[s]
}

// quote writes s between quotes, doubling those within. A backslash is an ordinary character: standard_conforming_strings is on.
func (p *printer) quote(s string, q byte) {
	p.buf = append(p.buf, q)
	for {
		i := strings.IndexByte(s, q)
		if i < 0 {
			break
		}
		p.buf = append(append(p.buf, s[:i+1]...), q)
		s = s[i+1:]
	}
	p.buf = append(append(p.buf, s...), q)
}

func (p *printer) literal(s string) { p.quote(s, '\'') }

func (p *printer) int(n int64) { p.buf = strconv.AppendInt(p.buf, n, 10) }

// names writes a qualified name: strings joined by dots.
func (p *printer) names(list []*pg.Node) {
	for i, n := range list {
		if i > 0 {
			p.str(".")
		}
		s, ok := n.GetNode().(*pg.Node_String_)
		if !ok {
			p.unknown(n)
			return
		}
		p.ident(s.String_.Sval)
	}
}

// nameList writes names separated by commas, in parentheses.
func (p *printer) nameList(list []*pg.Node) {
	p.str("(")
	for i := range list {
		p.comma(i)
		p.names(list[i : i+1])
	}
	p.str(")")
}

// lastName is the last part of a qualified name, and whether the name is it alone or in pg_catalog.
func lastName(list []*pg.Node) (name string, system bool) {
	if len(list) == 0 {
		return "", false
	}
	name = list[len(list)-1].GetString_().GetSval()
	return name, len(list) == 2 && list[0].GetString_().GetSval() == "pg_catalog"
}
