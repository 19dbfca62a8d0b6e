package catalog

import (
	"regexp"
	"strings"
)

// plain reports whether it is certain of the text of a trigger function in PL/pgSQL that it leaves nothing in its session: it does nothing but set columns of
// the row, raise and return, with functions and types of which that is known. Of any other text nothing is said.
func plain(source string) bool {
	if plainRefused.MatchString(source) {
		return false
	}
	source = plainSkipped.ReplaceAllStringFunc(strings.ToLower(source), func(s string) string {
		return " " + strings.TrimLeft(s[:1], "-") + " " // nothing of a comment, of a string its quote
	})
	tokens := plainToken.FindAllString(source, -1)
	begins := true // a statement
	for i, t := range tokens {
		next := ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		word := t[0] >= 'a' && t[0] <= 'z' || t[0] == '_'
		switch {
		case begins && !plainStatements[t]:
			return false
		case t == "::" && !plainTypes[next], t == "." && i > 1 && tokens[i-2] == ".":
			return false
		case word && next == "(" && !plainCalls[t]:
			return false
		case word && next == "(" && i > 1 && tokens[i-1] == "." && tokens[i-2] != "pg_catalog":
			return false
		case word && plainWords[t]:
			return false
		}
		begins = t == ";" || t == "begin" || t == "then" || t == "else"
	}
	return true
}

// plainRefused are what the tokens below are not made for: comments that go over lines, quoted names, dollar quotes, escapes.
var plainRefused = regexp.MustCompile(`/\*|["$\\]|[^\x00-\x7f]`)

var (
	plainSkipped = regexp.MustCompile(`--[^\n]*|'(?:[^']|'')*'`)
	plainToken   = regexp.MustCompile(`[a-z_][a-z0-9_]*|[0-9][0-9.]*|::|:=|[^\sa-z0-9_]`)
)

func words(s string) map[string]bool {
	all := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		all[w] = true
	}
	return all
}

var (
	plainStatements = words("begin end if elsif elseif else return raise null new ;")
	plainWords      = words("select table values into execute perform call operator cast declare")
	plainTypes      = words("text int int2 int4 int8 integer smallint bigint numeric boolean bool jsonb json timestamptz timestamp date time uuid varchar float8 interval")
	plainCalls      = words("if elsif elseif and or not in then return when case else is distinct between like ilike any all now clock_timestamp statement_timestamp " +
		"transaction_timestamp timezone extract coalesce nullif greatest least lower upper initcap trim btrim ltrim rtrim length char_length substr left right replace " +
		"concat concat_ws md5 round floor ceil abs date_trunc date_part age gen_random_uuid to_tsvector setweight to_jsonb to_json jsonb_build_object row array")
)
