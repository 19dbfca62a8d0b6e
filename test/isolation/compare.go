package isolation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Verdict is what comparing the two worlds' answers to a step says.
type Verdict uint8

// The verdicts.
const (
	Same Verdict = iota
	// Refused: the proxy refused by a rule what Postgres would have run.
	Refused
	// BothRefused: the proxy refused by a rule what Postgres refuses too.
	BothRefused
	// Unsure: the time ran out in one of the worlds.
	Unsure
	Different
)

var ruleDetail = regexp.MustCompile(`Refused by rule "([a-z-]+)"`)

// refusalRule returns the rule by which the proxy refused, empty when the error is Postgres's.
func refusalRule(err *pgconn.PgError) string {
	if err == nil {
		return ""
	}
	if m := ruleDetail.FindStringSubmatch(err.Detail); m != nil {
		return m[1]
	}
	return ""
}

const (
	stateCanceled    = "57014"
	stateSyntaxError = "42601"
)

// sweepRule is the rule by which the independent check refuses: then the rewriter is at fault.
const sweepRule = "sweep"

// grammarHint is what the proxy says beside a syntax error before servers that may know more of SQL.
const grammarHint = "pgcordon parses with the grammar of PostgreSQL 16."

// grammarMajor is the major version of the server whose grammar the proxy parses with.
const grammarMajor = 16

// grammars judges errors that come from the proxy's grammar not being the server's; false when it is not that. A newer server may understand what
// the proxy refuses. An older one refuses what the proxy has parsed, and its error has no place in the client's text; where both refuse, the
// proxy has read on.
func grammars(major int, proxied, own Answer) (Verdict, bool) {
	syntax := state(proxied) == stateSyntaxError
	switch {
	case syntax && major > grammarMajor && proxied.Err.Hint == grammarHint && own.Err == nil:
		return Refused, true
	case syntax && major > grammarMajor && proxied.Err.Hint == grammarHint && state(own) != stateSyntaxError:
		return BothRefused, true
	case syntax && major < grammarMajor && state(own) == stateSyntaxError && proxied.Status == own.Status:
		return Same, true
	}
	return Same, false
}

// compare judges the answers of the proxy and of the tenant's own world. The text says what differs.
func compare(major int, step *Step, proxied, own Answer) (Verdict, string) {
	if text := leak(step.Tenant, proxied); text != "" {
		return Different, "another tenant's marker in: " + text
	}
	if verdict, other := grammars(major, proxied, own); other {
		return verdict, ""
	}
	switch {
	case proxied.Broken != "" || own.Broken != "":
		return Different, fmt.Sprintf("connection broken: proxy %q, own %q", proxied.Broken, own.Broken)
	case step.Probe:
		return Same, ""
	case state(proxied) == stateCanceled || state(own) == stateCanceled:
		return Unsure, ""
	case refusalRule(proxied.Err) == sweepRule:
		return Different, "the rewriter's output did not pass the independent check"
	case refusalRule(proxied.Err) != "" && own.Err != nil:
		return BothRefused, ""
	case refusalRule(proxied.Err) != "":
		return Refused, ""
	case step.Scratch && state(proxied) == "42P01" && own.Err != nil && analysed(own.Err):
		return Same, ""
	case step.Mode == CopyIn && state(proxied) == "22P04" && state(own) == "22P02": // a short row that begins with what is no tenant's id
		return BothRefused, ""
	case state(proxied) != state(own):
		return Different, fmt.Sprintf("SQLSTATE: proxy %s, own world %s", describe(proxied.Err), describe(own.Err))
	case proxied.Err != nil && !sameMessage(proxied.Err, own.Err) && !(step.Scratch && calledRecord(proxied.Err, own.Err)):
		return Different, fmt.Sprintf("message: proxy %s, own world %s", describe(proxied.Err), describe(own.Err))
	case proxied.Err != nil && (proxied.Err.Position != 0 || analysed(own.Err)) && proxied.Err.Position != own.Err.Position:
		return Different, fmt.Sprintf("error position: proxy %d, own world %d", proxied.Err.Position, own.Err.Position)
	case proxied.Err != nil && proxied.Err.Hint != own.Err.Hint && analysed(own.Err) && !((step.NoHints || step.Views) && proxied.Err.Hint == "") &&
		!(state(proxied) == stateSyntaxError && proxied.Err.Hint == grammarHint):
		return Different, fmt.Sprintf("hint: proxy %q, own world %q", proxied.Err.Hint, own.Err.Hint)
	case proxied.Status != own.Status:
		return Different, fmt.Sprintf("transaction status: proxy %c, own world %c", proxied.Status, own.Status)
	case !slices.EqualFunc(proxied.Notices, own.Notices, sameNotice):
		return Different, fmt.Sprintf("notices: proxy %q, own world %q", proxied.Notices, own.Notices)
	case !slices.Equal(proxied.Params, own.Params):
		return Different, fmt.Sprintf("parameter types: proxy %v, own world %v", proxied.Params, own.Params)
	}
	if step.Mistaken {
		return Same, ""
	}
	if proxied.Err != nil {
		// How many rows came before an error is the plan's choice.
		proxied.Results, own.Results = complete(proxied.Results), complete(own.Results)
	}
	switch {
	case len(proxied.Results) != len(own.Results):
		return Different, fmt.Sprintf("results: proxy %d, own world %d", len(proxied.Results), len(own.Results))
	}
	for i := range proxied.Results {
		if d := compareResults(step, proxied.Results[i], own.Results[i]); d != "" {
			return Different, d
		}
	}
	return Same, ""
}

func compareResults(step *Step, p, o Result) string {
	if step.Views {
		p.Columns, o.Columns = withoutSources(p.Columns), withoutSources(o.Columns)
	}
	if !slices.Equal(p.Columns, o.Columns) {
		return fmt.Sprintf("columns: proxy %q, own world %q", p.Columns, o.Columns)
	}
	pr, or := p.Rows, o.Rows
	if !step.Ordered {
		pr, or = slices.Sorted(slices.Values(pr)), slices.Sorted(slices.Values(or))
	}
	if !slices.Equal(pr, or) {
		return fmt.Sprintf("rows: %d through the proxy, %d in the own world", len(pr), len(or))
	}
	if p.Tag != o.Tag {
		return fmt.Sprintf("command tag: proxy %q, own world %q", p.Tag, o.Tag)
	}
	return ""
}

// complete leaves out the result that an error has cut off.
func complete(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Tag == "" })
}

var columnSource = regexp.MustCompile(` of column \d+\)`)

func withoutSources(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = columnSource.ReplaceAllString(c, ")")
	}
	return out
}

func state(a Answer) string {
	if a.Err == nil {
		return ""
	}
	return a.Err.Code
}

func describe(e *pgconn.PgError) string {
	if e == nil {
		return "no error"
	}
	s := fmt.Sprintf("%s %q", e.Code, e.Message)
	if e.Detail != "" {
		s += fmt.Sprintf(" (%s)", e.Detail)
	}
	return s
}

// sameMessage compares error texts. Where several of the tenant's own rows raise an error, the plan decides which value the
// message quotes, and the proxy may leave the value out; so the texts of classes 22 and 23 do not count.
func sameMessage(p, o *pgconn.PgError) bool {
	class := p.Code[:2]
	return p.Message == o.Message || class == "22" || class == "23"
}

// calledRecord tells whether the messages differ in that the proxy's says record where the own world's names a table's row type: a table that
// stands in a sub-select has rows without a name. No statement is made to tell, but for one whose temporary table is gone, so that names of columns
// are found as those of whole rows.
func calledRecord(p, o *pgconn.PgError) bool {
	if !analysed(p) {
		return false
	}
	pattern := recordType.ReplaceAllLiteralString(regexp.QuoteMeta(p.Message), `(?:record|(?:\w+\.)?(?:\w+|"[^"]+"))`)
	return recordType.MatchString(p.Message) && regexp.MustCompile("^"+pattern+"$").MatchString(o.Message)
}

var recordType = regexp.MustCompile(`\brecord\b`)

// sameNotice compares notices. DROP TABLE IF EXISTS pg_temp.x finds the table missing where a session has had temporary tables on the connection, else the schema.
func sameNotice(p, o string) bool {
	return p == o || missingTemporary.MatchString(p) && missingTemporary.MatchString(o)
}

var missingTemporary = regexp.MustCompile(`^NOTICE: (?:schema "pg_temp"|table ".*") does not exist, skipping$`)

// analysed tells whether an error is of class 42: Postgres finds it in the text alone, so that hints and positions are those of the client's text.
func analysed(err *pgconn.PgError) bool { return err.Code[:2] == "42" }

// leak returns what of the answer holds another tenant's marker.
func leak(tenant int, a Answer) string {
	has := func(s string) bool {
		for t := range slots {
			if t != tenant && t != defaultRows && strings.Contains(strings.ToLower(s), marker(t)) {
				return true
			}
		}
		return false
	}
	texts := slices.Clone(a.Notices)
	if e := a.Err; e != nil {
		texts = append(texts, e.Message, e.Detail, e.Hint, e.Where, e.InternalQuery, e.ConstraintName, e.ColumnName)
	}
	for _, r := range a.Results {
		texts = append(append(texts, r.Columns...), r.Rows...)
	}
	for _, s := range texts {
		if has(s) {
			return s
		}
	}
	return ""
}
