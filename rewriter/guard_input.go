package rewriter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// libpg_query is C: it recurses over the parse tree without asking how much stack is left, so a text of a few kilobytes kills the
// process, and parts of its lexer take quadratic time. The guard reads the text once, before libpg_query does, and
// refuses what could do either. It knows Postgres's lexical rules but no grammar; its estimate of the tree's depth is an
// upper bound (see group.depth).
//
// Measured with libpg_query 16 on amd64: printing or fingerprinting dies at 1118 chained operators, 374 nested sub-selects, 560
// nested CASEs on a stack of 2 MiB (what glibc gives to threads when the stack is unlimited), and at four times that on the usual 8 MiB.
const (
	// maxTreeDepth bounds the estimate of depth in levels, of which an operator or a parenthesis is one.
	maxTreeDepth = 500
	// What else counts for more.
	subselectDepth = 3
	caseDepth      = 2
	// maxTokens bounds what is allocated: a parse tree takes some hundred bytes for each token.
	maxTokens = 2 << 20
	// maxCommentNesting is generous: people do not nest comments.
	maxCommentNesting = 64
)

// The limits of a text's size.
const (
	sqlstateLimit      = "54000" // program_limit_exceeded
	sqlstateComplex    = "54001" // statement_too_complex
	sqlstateBadLetters = "22021" // character_not_in_repertoire
)

// guardInput refuses a text that libpg_query must not see: longer than maxBytes, holding a NUL byte (which ends the text for C alone) or
// invalid UTF-8, or one that would exhaust its stack or its time.
func guardInput(sql string, maxBytes int) *Denial {
	if len(sql) > maxBytes {
		return &Denial{SQLState: sqlstateLimit, Rule: "statement-too-large",
			Message: fmt.Sprintf("statement of %d bytes exceeds the limit of %d bytes", len(sql), maxBytes),
			Hint:    "Send large data with parameters, or in several statements."}
	}
	if i := strings.IndexByte(sql, 0); i >= 0 {
		return &Denial{SQLState: sqlstateBadLetters, Rule: "nul-byte", Position: position(sql, i),
			Message: `invalid byte sequence for encoding "UTF8": 0x00`}
	}
	if !utf8.ValidString(sql) {
		return &Denial{SQLState: sqlstateBadLetters, Rule: "invalid-utf8",
			Message: `invalid byte sequence for encoding "UTF8"`,
			Hint:    "The client encoding is UTF8."}
	}
	g := inputGuard{sql: sql}
	g.groups = append(g.space[:0], group{})
	if why := g.scan(); why != "" {
		return &Denial{SQLState: sqlstateComplex, Rule: "statement-too-complex", Position: position(sql, min(g.at, len(sql))),
			Message: "statement too complex: " + why,
			Hint:    "Split the statement, or pass long lists as an array parameter."}
	}
	return nil
}

// position counts characters from 1, as Postgres reports positions.
func position(sql string, offset int) int { return utf8.RuneCountInString(sql[:offset]) + 1 }

type inputGuard struct {
	sql      string
	at       int
	tokens   int
	work     int // steps that the lexer of Postgres spends on operator characters, see operatorRun
	runEnd   int // end of the run of operator characters last looked at
	afterDot bool
	deepest  int     // over the statements that have ended
	groups   []group // open parentheses, brackets and CASEs; the first is the whole text
	space    [32]group
}

// group is one open parenthesis, bracket or CASE.
type group struct {
	kind    byte // '(' '[' 'c'; 0 for the whole text
	fresh   bool // no token seen in it
	weight  int
	ops     int // operators since the last separator
	child   int // deepest closed group since the last separator
	deepest int // over all segments
	sticky  int // half levels: set operations and joins, which nest across separators
	between int // BETWEENs whose AND is still to come
}

// depth is an upper bound of the depth of the tree of a group: a path from its root passes each operator between two separators and
// each join and set operation at most once, and enters at most one of the groups within.
func (g *group) depth() int {
	return max(g.deepest, g.ops+g.child) + g.sticky/2 + g.weight
}

// separate starts a new segment: what stands before and after it is in different branches of the tree.
func (g *group) separate() {
	g.deepest = max(g.deepest, g.ops+g.child)
	g.ops, g.child, g.between = 0, 0, 0
}

const (
	whyDeep     = "expressions are nested too deeply or chained too long"
	whyTokens   = "too many tokens"
	whyComments = "comments are nested too deeply"
	whyRuns     = "too many operator characters in a row"
)

// scan returns why the text is refused, with g.at at the place, or "".
func (g *inputGuard) scan() string {
	for g.at < len(g.sql) {
		c := g.sql[g.at]
		if isSpace(c) {
			g.at++
			continue
		}
		if c == '-' && g.follows("--") {
			g.lineComment()
			continue
		}
		if c == '/' && g.follows("/*") {
			if why := g.blockComment(); why != "" {
				return why
			}
			continue
		}
		if g.tokens++; g.tokens > maxTokens {
			return whyTokens
		}
		afterDot := g.afterDot
		g.afterDot = c == '.'
		if why := g.token(c, afterDot); why != "" {
			return why
		}
	}
	if g.depth() > maxTreeDepth {
		return whyDeep
	}
	return ""
}

// token passes one token that begins with c.
func (g *inputGuard) token(c byte, afterDot bool) string {
	top := &g.groups[len(g.groups)-1]
	if top.fresh && c != '(' && !isIdentStart(c) {
		top.fresh = false
	}
	switch {
	case isIdentStart(c):
		return g.word(afterDot)
	case isOperatorChar(c):
		if !g.operatorToken() {
			return whyRuns
		}
		return g.operator(1)
	case c == '\'':
		g.at++
		g.skipQuoted('\'')
	case c == '"':
		g.at++
		g.skipQuoted('"')
	case c == '$':
		g.dollar()
	case c >= '0' && c <= '9':
		g.number()
	case c == '(' || c == '[':
		g.at++
		return g.open(c, 1)
	case c == ')' || c == ']':
		g.at++
		for len(g.groups) > 1 && g.groups[len(g.groups)-1].kind == 'c' {
			g.close()
		}
		g.close()
	case c == ',':
		g.at++
		top.separate()
	case c == ';':
		g.at++
		g.endStatement(top)
	case c == ':' && g.follows("::"):
		g.at += 2
		return g.operator(1)
	default:
		g.at++
	}
	return ""
}

// endStatement forgets what the statement before the semicolon held, but for its depth.
func (g *inputGuard) endStatement(top *group) {
	if top.kind != 0 {
		top.separate() // as in CREATE RULE ... DO (a; b)
		return
	}
	g.deepest = max(g.deepest, top.depth())
	*top = group{}
}

// depth is the bound over all statements, once everything is read.
func (g *inputGuard) depth() int {
	for len(g.groups) > 1 {
		g.close()
	}
	return max(g.deepest, g.groups[0].depth())
}

func (g *inputGuard) follows(s string) bool { return strings.HasPrefix(g.sql[g.at:], s) }

func (g *inputGuard) open(kind byte, weight int) string {
	g.groups[len(g.groups)-1].fresh = false
	if len(g.groups) > maxTreeDepth {
		return whyDeep
	}
	g.groups = append(g.groups, group{kind: kind, weight: weight, fresh: kind == '('})
	return ""
}

func (g *inputGuard) close() {
	if len(g.groups) == 1 {
		return // an unmatched bracket: the parser's to report
	}
	inner := g.groups[len(g.groups)-1].depth()
	g.groups = g.groups[:len(g.groups)-1]
	top := &g.groups[len(g.groups)-1]
	top.child = max(top.child, inner)
}

// operator counts levels of an operator in the innermost group.
func (g *inputGuard) operator(levels int) string {
	top := &g.groups[len(g.groups)-1]
	if top.ops += levels; top.ops > maxTreeDepth {
		return whyDeep
	}
	return ""
}

// word passes an identifier, a keyword or a string with a letter before it.
func (g *inputGuard) word(afterDot bool) string {
	start := g.at
	for g.at < len(g.sql) && isIdentPart(g.sql[g.at]) {
		g.at++
	}
	text := g.sql[start:g.at]
	if (text == "e" || text == "E") && g.at < len(g.sql) && g.sql[g.at] == '\'' {
		g.at++
		g.skipEscapeString()
		return ""
	}
	top := &g.groups[len(g.groups)-1]
	first := top.fresh
	top.fresh = false
	if afterDot || len(text) > len(longestKeyword) {
		return ""
	}
	var lower [len(longestKeyword)]byte
	for i := range len(text) {
		lower[i] = text[i] | 0x20 // no keyword here has other than letters
	}
	return g.keyword(lower[:len(text)], top, first)
}

const longestKeyword = "intersect"

// keyword counts what keywords do to the tree. Each that separates is reserved, so it can be a name only after a dot.
func (g *inputGuard) keyword(word []byte, top *group, first bool) string {
	switch string(word) {
	case "select", "values", "table", "with", "insert", "update", "delete", "merge":
		if first && top.kind == '(' {
			top.weight = subselectDepth
		}
		if string(word) == "select" {
			top.separate()
		}
	case "where":
		top.separate()
	case "and":
		if top.between > 0 {
			top.between--
		} else {
			top.separate()
		}
	case "or":
		top.separate()
	case "case":
		return g.open('c', caseDepth)
	case "when", "then", "else":
		if top.kind == 'c' {
			top.separate()
		}
	case "end":
		if top.kind == 'c' {
			g.close()
		}
	case "union", "intersect", "except":
		top.separate()
		return g.nest(top, 1)
	case "join":
		return g.nest(top, 2)
	case "between":
		top.between++
		return g.operator(1)
	case "not", "is", "isnull", "notnull", "in", "like", "ilike", "overlaps", "collate", "at", "operator", "escape":
		return g.operator(1)
	case "similar":
		return g.operator(2)
	}
	return ""
}

func (g *inputGuard) nest(top *group, halves int) string {
	if top.sticky += halves; top.sticky > 2*maxTreeDepth {
		return whyDeep
	}
	return ""
}
