package rewriter

import (
	"errors"
	"strings"

	"github.com/pganalyze/pg_query_go/v5/parser"
)

// syntaxDenial is Postgres's own answer to a text that does not parse.
func syntaxDenial(err error, server int) *Denial {
	var pe *parser.Error
	if !errors.As(err, &pe) {
		return &Denial{SQLState: stateSyntax, Rule: ruleSyntax, Message: "the statement cannot be parsed"}
	}
	for _, known := range parserErrors {
		if strings.HasPrefix(pe.Message, known.message) && (known.source == "" || strings.HasSuffix(pe.Filename, known.source)) {
			return &Denial{SQLState: known.state, Rule: ruleSyntax, Message: pe.Message, Position: pe.Cursorpos, Hint: known.hint}
		}
	}
	return &Denial{SQLState: stateSyntax, Rule: ruleSyntax, Message: pe.Message, Position: pe.Cursorpos, Hint: hintFor(server)}
}

// parserErrors are the errors of Postgres's parser that are not "syntax error" with SQLSTATE 42601 and no hint: the parser reports neither SQLSTATE nor hint.
var parserErrors = []struct {
	message string // the beginning of it
	source  string // the end of the file's name, where two have the same message
	state   string
	hint    string
}{
	{message: "there is no parameter", state: stateUndefinedParam},
	{message: "invalid byte sequence for encoding", state: "22021"},
	{message: "invalid Unicode escape value", state: stateSyntax},
	{message: "invalid Unicode escape character", state: stateSyntax},
	{message: "invalid Unicode escape", source: "scan.l", state: "22025", hint: `Unicode escapes must be \uXXXX or \UXXXXXXXX.`},
	{message: "invalid Unicode escape", state: stateSyntax, hint: `Unicode escapes must be \XXXX or \+XXXXXX.`},
	{message: "unsafe use of string constant with Unicode escapes", state: stateFeature},
	{message: "unsafe use of \\' in a string literal", state: "22P06",
		hint: `Use '' to write quotes in strings. \' is insecure in client-only encodings.`},
	{message: "frame start", state: "42P20"},
	{message: "frame end cannot be", state: "42P20"},
	{message: "precision for type float must be", state: "22023"},
	{message: "unrecognized JSON encoding", state: "22023"},
	{message: "LIMIT #,# syntax is not supported", state: stateSyntax, hint: "Use separate LIMIT and OFFSET clauses."},
	{message: "UNIQUE predicate is not yet implemented", state: stateFeature},
	{message: "CREATE ASSERTION is not yet implemented", state: stateFeature},
	{message: "MATCH PARTIAL not yet implemented", state: stateFeature},
	{message: "current database cannot be changed", state: stateFeature},
}

// hintFor tells users of a newer server why their server would have understood.
func hintFor(server int) string {
	if server >= 170000 {
		return "pgcordon parses with the grammar of PostgreSQL 16."
	}
	return ""
}
