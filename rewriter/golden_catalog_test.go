package rewriter

import (
	"regexp"
	"strings"
)

var (
	systemSource = regexp.MustCompile(`^SELECT .*? FROM (?:pg_catalog|information_schema)\."?(\w+)"? t(?: WHERE .*?)?( OFFSET 0)?$`)
	rawTarget    = regexp.MustCompile(`^SELECT \(?(t\.|NULL::|'|CURRENT_USER|CASE WHEN )`)
	oidRanges    = regexp.MustCompile(`(?:\(?[a-z.]+ (?:>=|=) '\d{5,}'(?: AND [a-z.]+ <= '\d{5,}')?\)?(?: OR )?)+`)
	settingsRead = regexp.MustCompile(`ARRAY\[('[a-z._]+'(?:, )?)*\]\) THEN `)
	guarded      = regexp.MustCompile(`\(SELECT pgcordon\.pgcordon AS ("[^"]*"|\w+) FROM (\[\w+(?: \+barrier)?(?:, 0)?\]) pgcordon\(pgcordon\) WHERE pgcordon\.pgcordon = `)
)

// foldCatalogs shortens golden output: what tenants see of a system relation becomes [relation], and an oid looked up in it `[relation] of (`.
// With whole set the text stays as it is. Ranges of oids, which differ from one loading of the schema to the next, are left out.
func foldCatalogs(text string, whole bool) string {
	if whole {
		return oidRanges.ReplaceAllString(text, "<ranges of oids>")
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '(' && rawTarget.MatchString(text[i+1:]) {
			end := closing(text, i)
			form, zero := strings.CutSuffix(flat(text[i+1:end]), " UNION ALL SELECT 0::pg_catalog.oid")
			if m := systemSource.FindStringSubmatch(form); m != nil {
				out.WriteString("[" + m[1])
				if m[2] != "" {
					out.WriteString(" +barrier")
				}
				if zero {
					out.WriteString(", 0")
				}
				out.WriteString("]")
				i = end
				continue
			}
		}
		out.WriteByte(text[i])
	}
	short := guarded.ReplaceAllString(out.String(), "($2 of ")
	short = settingsRead.ReplaceAllString(short, "ARRAY[<settings that may be read>]) THEN ")
	return oidRanges.ReplaceAllString(short, "<ranges of oids>")
}

// flat leaves out what stands in parentheses.
func flat(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '(' {
			out.WriteString("()")
			i = closing(text, i)
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// closing is where the parenthesis at i is closed.
func closing(text string, i int) int {
	depth, quote := 0, byte(0)
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i - 1
}
