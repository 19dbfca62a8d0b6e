package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// Normal is the text of a plan for logs: the scanner's literals are question marks, comments are gone, and white space is one blank. It holds no value, neither
// a client's nor a tenant's. It is empty for what cannot be scanned. maxBytes bounds it.
func (p *Plan) Normal(maxBytes int) string {
	scan, err := pg.Scan(p.SQL)
	if err != nil {
		return ""
	}
	var b strings.Builder
	end := int32(0)
	for _, t := range scan.Tokens {
		text := p.SQL[t.Start:t.End]
		switch t.Token {
		case pg.Token_SQL_COMMENT, pg.Token_C_COMMENT:
			continue
		case pg.Token_SCONST, pg.Token_USCONST, pg.Token_BCONST, pg.Token_XCONST, pg.Token_ICONST, pg.Token_FCONST:
			text = "?"
		}
		if b.Len() > 0 && t.Start > end {
			b.WriteByte(' ')
		}
		if end = t.End; b.Len()+len(text) > maxBytes {
			b.WriteString("...")
			break
		}
		b.WriteString(text)
	}
	return b.String()
}
