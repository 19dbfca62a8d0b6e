package rewriter

import "fmt"

// Denial is a refusal, decided before one byte of the statement reaches Postgres.
type Denial struct {
	// SQLState is the five-character code the client gets.
	SQLState string
	// Rule names what refused, in kebab-case, as "relation-denied": the value of the metric label and of the log.
	// The set of rules is fixed (see rules.go); no text of the client's stands in it.
	Rule    string
	Message string
	Hint    string
	// Position is where in the client's text, a 1-based count of characters; 0 for unknown.
	Position int
	// Fingerprint is libpg_query's fingerprint of the text, empty when it does not parse.
	Fingerprint string
}

// Error makes a *Denial an error.
func (d *Denial) Error() string {
	return fmt.Sprintf("%s (SQLSTATE %s, rule %s)", d.Message, d.SQLState, d.Rule)
}
