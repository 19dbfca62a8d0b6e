package rewriter

import (
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// What Postgres says of a name must speak of the name as the client wrote it, not of the one with a schema that was sent. So a plan keeps both for
// functions, operators and types, by the place where they stand: an error at that place is about them.
//
// A function or operator that does not exist is sent under a name that none can have, for Postgres to say so itself: with the types of the arguments,
// which it alone knows, and after whatever else it finds wrong before. So nothing is called that was not there when the statement was planned.

// Names that nothing has. Only a superuser who allows changes to the system catalogs could make one; the sweep looks whether somebody did.
const (
	absentFunction = "pgcordon: no such function"
	absentOperator = "!@#%!@#%!@#%"
	absentSchema   = "pg_pgcordon: no such schema"
)

// writtenName is a name that was sent otherwise than the client wrote it. Both are as Postgres prints names: parts joined by dots.
type writtenName struct {
	at            int // in the client's text: in bytes from 0, in a plan the position as Postgres counts
	sent, written string
}

// sends notes that what stands at loc is sent by another name than it was written.
func (p *pass) sends(loc int32, sent, written []*pg.Node) {
	if loc < 0 || p.inView > 0 {
		return
	}
	s, w := strings.Join(namesOf(sent), "."), strings.Join(namesOf(written), ".")
	if s != w {
		p.names = append(p.names, writtenName{int(loc), s, w})
	}
}

func namesOf(nodes []*pg.Node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.GetString_().GetSval()
	}
	return out
}

// clientPlaces turns the byte offsets of names into positions as Postgres counts them.
func clientPlaces(names []writtenName, sql string) []writtenName {
	if len(names) == 0 {
		return nil
	}
	at := newPositions(sql)
	for i := range names {
		names[i].at = at.of(min(names[i].at, len(sql)))
	}
	return names
}

// sendAbsent replaces the name of something that does not exist by one that cannot.
func (p *pass) sendAbsent(name *[]*pg.Node, absent string, loc int32) {
	sent := []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(absent)}
	if parts := *name; len(parts) == 2 && p.cat.Schemas[parts[0].GetString_().GetSval()] == nil && !sessionSchema(parts[0].GetString_().GetSval()) {
		sent[0] = pg.MakeStrNode(absentSchema) // Postgres misses the schema, and names it alone
		p.sends(loc, sent[:1], parts[:1])
	} else {
		p.sends(loc, sent, parts)
	}
	*name = sent
}

// sessionSchema tells whether a schema belongs to sessions, and is in no snapshot.
func sessionSchema(name string) bool { return name == "pg_toast" || strings.HasPrefix(name, "pg_temp") }

// ClientMessage is an error or notice of the server's about this plan, with the names that the client has given. The position is the error's in the
// client's text; 0 for none.
func (p *Plan) ClientMessage(message string, position int) string {
	for _, n := range p.names {
		if n.at != position {
			continue
		}
		if i := nameIn(message, n.sent); i >= 0 {
			return message[:i] + n.written + message[i+len(n.sent):]
		}
	}
	if !strings.Contains(message, preparedPrefix[:len(preparedPrefix)-1]) {
		return message
	}
	return clientNames(message, p.Statements)
}

// ClientHint is a hint of the server's; empty for one that names a hidden column, or one of the table below a view, as that which the client may have meant.
func (p *Plan) ClientHint(hint string) string {
	if p.through && strings.Contains(hint, "column \"") {
		return ""
	}
	for _, name := range p.hidden {
		if strings.Contains(hint, "."+name+`"`) || strings.Contains(hint, `"`+name+`"`) {
			return ""
		}
	}
	return hint
}

// hiddenNames are the names of all hidden columns.
func hiddenNames(bound *policy.Bound) []string {
	names := map[string]bool{}
	for oid := range bound.Catalog.ByOID {
		if t := bound.Table(oid); t != nil && t.Hidden {
			names[t.HiddenColumn()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// nameIn finds a whole name in a message: between words, or alone between quotes.
func nameIn(message, name string) int {
	for from := 0; ; {
		i := strings.Index(message[from:], name)
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(name)
		before := start == 0 || message[start-1] == ' ' || message[start-1] == '"'
		after := end == len(message) || strings.IndexByte(` ("[`, message[end]) >= 0
		if before && after {
			return start
		}
		from = end
	}
}
