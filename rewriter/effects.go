package rewriter

import (
	"regexp"
	"slices"
	"strings"
)

// Effects tell what a plan may do to the state of its session upstream, as far as its statements' kinds do not: what a proxy has to
// know that gives the session another connection.
type Effects uint8

// The effects.
const (
	EffectSettings      Effects = 1 << iota // set_config, or a function of an extension that sets one
	EffectDraws                             // sequences may give it values: nextval, also as the default of a column
	EffectReadsSequence                     // currval, lastval
	EffectLocks                             // advisory locks that outlive the transaction
	EffectSeed                              // setseed
	EffectUnknown                           // a function of the user's: called, or run by a table's triggers, defaults, checks or policies, or by a type's checks
)

// effectsOf reads them off the text that goes upstream, which has every function's name in front of its parenthesis.
func effectsOf(plan *Plan, sql string) Effects {
	var e Effects
	var quote byte
	name := 0 // where the identifier begins that ends here
	for i := 0; i < len(sql); i++ {
		c := sql[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			name = i + 1
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			e |= callEffects(sql[name:i])
			name = i + 1
		case c >= 'a' && c <= 'z' || c == '_':
		default:
			name = i + 1
		}
	}
	if slices.ContainsFunc(plan.Statements, func(s Statement) bool { return s.Writes || s.Copy != nil && s.Copy.From }) {
		e |= EffectDraws
	}
	return e
}

func callEffects(name string) Effects {
	switch name {
	case "set_config", "set_limit":
		return EffectSettings
	case "nextval":
		return EffectDraws
	case "currval", "lastval":
		return EffectReadsSequence
	case "setseed":
		return EffectSeed
	case "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_advisory_unlock",
		"pg_advisory_unlock_shared", "pg_advisory_unlock_all":
		return EffectLocks
	}
	return 0
}

// ReadsClock reports whether a constant may be what the input of dates and times takes for now (Postgres manual, "Special Values"): it is read when
// the statement is prepared.
func (p *Plan) ReadsClock() bool { return clockConstant.MatchString(p.SQL) }

var clockConstant = regexp.MustCompile(`(?i)'[^']*\b(?:now|today|tomorrow|yesterday)\b[^']*'`)

var setConfigName = regexp.MustCompile(`set_config\(E?'([^']+)'`)

// ConfiguredSettings are the names of the settings that the plan's calls of set_config change.
func (p *Plan) ConfiguredSettings() []string {
	var names []string
	if p.Effects&EffectSettings != 0 {
		for _, m := range setConfigName.FindAllStringSubmatch(p.SQL, -1) {
			names = append(names, strings.ToLower(m[1]))
		}
	}
	return names
}

// CustomSettings are those with a dot: no list of settings shows them.
func (p *Plan) CustomSettings() []string {
	return slices.DeleteFunc(p.ConfiguredSettings(), func(name string) bool { return !strings.Contains(name, ".") })
}

// QuoteLiteral writes a string constant that reads the same whatever standard_conforming_strings says.
func QuoteLiteral(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// QuoteSetting writes the name of a setting.
func QuoteSetting(name string) string {
	parts := strings.Split(name, ".")
	for i := range parts {
		parts[i] = `"` + strings.ReplaceAll(parts[i], `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}
