package rewriter

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// copyOptions reads the options of a COPY as Postgres does (ProcessCopyOptions), and refuses what it does not know, so that the session
// reads rows as the server does. What only makes Postgres refuse the statement is left to it. listed checks a name of a list of columns; nil for none.
func (p *pass) copyOptions(s *pg.CopyStmt, c *Copy, listed func(option, name string)) {
	seen := map[string]string{}
	for _, n := range s.Options {
		d := n.GetDefElem()
		if d == nil || d.Defnamespace != "" {
			p.deny(stateFeature, ruleClause, nodeName(n)+" in the options of COPY is not supported", "")
			return
		}
		name := d.Defname
		if _, twice := seen[name]; twice {
			p.denyAt(d.Location, stateSyntax, ruleClause, "conflicting or redundant options", "")
			return
		}
		text, isText := optionText(d.Arg)
		seen[name] = text
		switch name {
		case "format", "delimiter", "null", "default", "quote", "escape", "encoding", "on_error", "log_verbosity", "reject_limit":
			if !isText {
				p.denyAt(d.Location, stateFeature, ruleClause, "the value of the COPY option "+name+" is not supported", "Write it as a string.")
			}
		case "header":
			p.copyHeader(d, c)
		case "freeze":
			if on, ok := switchValue(d.Arg); (!ok || on) && d.Arg.GetBoolean() == nil || d.Arg.GetBoolean().GetBoolval() {
				p.denyAt(d.Location, statePrivilege, ruleClause, "COPY FREEZE is refused", "Its rows are visible to transactions that are older.")
			}
		case "force_quote", "force_not_null", "force_null":
			p.copyForce(d, listed)
		default:
			p.denyAt(d.Location, stateSyntax, ruleClause, `option "`+name+`" not recognized`, "")
		}
		if p.denial != nil {
			return
		}
	}
	p.copyFormat(seen, c)
	p.copyCharacters(seen, c)
}

// optionText is an option's value as text (defGetString).
func optionText(n *pg.Node) (string, bool) {
	switch v := n.GetNode().(type) {
	case *pg.Node_String_:
		return v.String_.Sval, true
	case *pg.Node_Integer:
		return fmt.Sprint(v.Integer.Ival), true
	case *pg.Node_Float:
		return v.Float.Fval, true
	}
	return "", false
}

func (p *pass) copyHeader(d *pg.DefElem, c *Copy) {
	if b := d.Arg.GetBoolean(); b != nil { // the notation before Postgres 9.0
		if b.Boolval {
			c.Header = CopySkipHeader
		}
		return
	}
	matches := p.cat.ServerVersion >= 150000
	if text, ok := optionText(d.Arg); ok && strings.EqualFold(text, "match") && (matches || c.From) {
		if !c.From {
			p.deny(stateFeature, ruleClause, `cannot use "match" with HEADER in COPY TO`, "")
		}
		c.Header = CopyMatchHeader
		return
	}
	on, ok := switchValue(d.Arg)
	switch {
	case !ok && matches:
		p.deny(stateSyntax, ruleClause, `header requires a Boolean value or "match"`, "")
	case !ok:
		p.deny(stateSyntax, ruleClause, "header requires a Boolean value", "")
	}
	if on {
		c.Header = CopySkipHeader
	}
}

// copyForce checks the columns of FORCE_QUOTE, FORCE_NULL and FORCE_NOT_NULL.
func (p *pass) copyForce(d *pg.DefElem, listed func(option, name string)) {
	if d.Arg.GetAStar() != nil && (d.Defname == "force_quote" || p.cat.ServerVersion >= 170000) {
		return
	}
	l := d.Arg.GetList()
	if l == nil {
		p.denyAt(d.Location, "22023", ruleClause, `argument to option "`+d.Defname+`" must be a list of column names`, "")
		return
	}
	for _, n := range l.Items {
		if n.GetString_() == nil {
			p.denyAt(d.Location, "22023", ruleClause, `argument to option "`+d.Defname+`" must be a list of column names`, "")
			return
		}
		if listed != nil {
			listed(strings.ToUpper(d.Defname), n.GetString_().Sval)
		}
	}
}

// copyListed checks that a column is among those of the COPY.
func (p *pass) copyListed(option, name string, names []string, t *policy.BoundTable) {
	switch {
	case t.Relation.Column(name) == nil && len(t.Relation.Columns) > 0:
		p.deny("42703", ruleClause, `column "`+name+`" of relation "`+t.Relation.Name+`" does not exist`, "")
	case !slices.Contains(names, name):
		p.deny("42P10", ruleClause, option+` column "`+name+`" not referenced by COPY`, "")
	}
}

// copyForced keeps FORCE_NULL and FORCE_NOT_NULL away from the tenant column, whose value is written so that it needs neither: they only say how
// the client's own value is read.
func copyForced(s *pg.CopyStmt, listed []string, tenant *CopyTenant) {
	kept := s.Options[:0:0]
	for _, n := range s.Options {
		d := n.GetDefElem()
		if d.Defname != "force_null" && d.Defname != "force_not_null" {
			kept = append(kept, n)
			continue
		}
		var items []*pg.Node
		if d.Arg.GetAStar() != nil {
			for _, name := range listed {
				items = append(items, pg.MakeStrNode(name))
			}
		} else {
			items = d.Arg.GetList().Items
		}
		given := len(items)
		items = slices.DeleteFunc(items, func(n *pg.Node) bool { return n.GetString_().GetSval() == tenant.Column })
		if len(items) < given {
			tenant.ForceNull = tenant.ForceNull || d.Defname == "force_null"
			tenant.ForceNotNull = tenant.ForceNotNull || d.Defname == "force_not_null"
		}
		if len(items) > 0 {
			d.Arg = pg.MakeListNode(items)
			kept = append(kept, n)
		}
	}
	s.Options = kept
}

// copyFormat reads the format and the encoding.
func (p *pass) copyFormat(seen map[string]string, c *Copy) {
	switch format, given := seen["format"]; {
	case !given, format == "text":
		c.Format = CopyText
	case format == "csv":
		c.Format = CopyCSV
	case format == "binary":
		c.Format = CopyBinary
	default:
		p.deny("22023", ruleClause, `COPY format "`+format+`" not recognized`, "")
	}
	if encoding, given := seen["encoding"]; given {
		plain := strings.Map(func(r rune) rune { // as Postgres reads names of encodings (clean_encoding_name)
			if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, strings.ToLower(encoding))
		if plain != "utf8" && plain != "unicode" {
			p.deny(stateFeature, ruleSettingValue, "the encoding of COPY must be UTF8", "")
		}
	}
}

// copyCharacters reads what separates and marks values.
func (p *pass) copyCharacters(seen map[string]string, c *Copy) {
	c.Delimiter, c.Null = '\t', `\N`
	if c.Format == CopyCSV {
		c.Delimiter, c.Null, c.Quote = ',', "", '"'
	}
	single := func(option string, to *byte) {
		text, given := seen[option]
		switch {
		case !given:
		case len(text) != 1:
			p.deny(stateFeature, ruleClause, "COPY "+option+" must be a single one-byte character", "")
		case text == "\r" || text == "\n":
			p.deny("22023", ruleClause, "COPY "+option+" cannot be newline or carriage return", "")
		default:
			*to = text[0]
		}
	}
	single("delimiter", &c.Delimiter)
	single("quote", &c.Quote)
	c.Escape = c.Quote
	single("escape", &c.Escape)
	representation := func(option string) (string, bool) {
		text, given := seen[option]
		if strings.ContainsAny(text, "\r\n") {
			p.deny("22023", ruleClause, "COPY "+option+" representation cannot use newline or carriage return", "")
		}
		return text, given
	}
	if null, given := representation("null"); given {
		c.Null = null
	}
	if text, given := representation("default"); given {
		c.Default = &text
	}
}
