package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

func (p *printer) copyStmt(s *pg.CopyStmt) {
	p.str("COPY ")
	if s.Query != nil {
		p.str("(")
		p.queryOrWrite(s.Query)
		p.str(")")
	} else {
		p.qualifiedName(s.Relation)
		if len(s.Attlist) > 0 {
			p.str(" ")
			p.nameList(s.Attlist)
		}
	}
	if s.IsFrom {
		p.str(" FROM ")
	} else {
		p.str(" TO ")
	}
	if s.IsProgram {
		p.str("PROGRAM ")
	}
	switch {
	case s.Filename != "" || s.IsProgram:
		p.literal(s.Filename)
	case s.IsFrom:
		p.str("STDIN")
	default:
		p.str("STDOUT")
	}
	if len(s.Options) > 0 {
		p.copyOptions(s.Options)
	}
	p.where(s.WhereClause)
}

// copyOptions writes the options in the notation that the tree shows: the one before Postgres 9.0 makes Booleans, the other never.
func (p *printer) copyOptions(list []*pg.Node) {
	for _, n := range list {
		if n.GetDefElem().GetArg().GetBoolean() != nil {
			p.oldCopyOptions(list)
			return
		}
	}
	p.str(" WITH (")
	for i, n := range list {
		p.comma(i)
		d := n.GetDefElem()
		if d == nil {
			p.unknown(n)
			return
		}
		p.at(d.Location)
		p.ident(d.Defname)
		if d.Arg != nil {
			p.str(" ")
			p.optionValue(d.Arg)
		}
	}
	p.str(")")
}

func (p *printer) oldCopyOptions(list []*pg.Node) {
	for _, n := range list {
		d := n.GetDefElem()
		p.str(" ")
		p.at(d.GetLocation())
		switch name := d.GetDefname(); name {
		case "format":
			switch f := d.Arg.GetString_().GetSval(); f {
			case "csv", "binary":
				p.str(strings.ToUpper(f))
			default:
				p.fail("COPY in the format " + f)
			}
		case "freeze", "header":
			p.str(strings.ToUpper(name))
		case "delimiter", "null", "quote", "escape", "encoding":
			p.str(strings.ToUpper(name))
			p.str(" ")
			p.literal(d.Arg.GetString_().GetSval())
		case "force_quote", "force_not_null", "force_null":
			p.str(strings.ToUpper(strings.ReplaceAll(name, "_", " ")))
			p.str(" ")
			if d.Arg.GetAStar() != nil {
				p.str("*")
			} else {
				p.bareNames(d.Arg.GetList().GetItems())
			}
		default:
			p.fail("the option " + name + " of COPY")
		}
	}
}
