package console

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"pgcordon/proxy/auth"
)

// result is what a command answers: rows of a view, or nothing but its tag.
type result struct {
	view   *view
	rows   []row
	tag    string
	notice *Error
}

// shows is the view whose rows a command returns; nil for a command without rows.
func (c *Console) shows(cmd command) (*view, error) {
	if cmd.is(0, "select") {
		if cmd.rest() == "1" {
			return &selectOne, nil
		}
		return nil, nil
	}
	if !cmd.is(0, "show") {
		return nil, nil
	}
	name := strings.ToLower(cmd.rest())
	if v, ok := c.views[name]; ok {
		return &v, nil
	}
	if name == "help" {
		return nil, nil
	}
	for _, p := range parameters {
		if p.name == name {
			return &view{name: name, columns: columns(p.column()), rows: func() []row { return []row{cells(p.value)} }}, nil
		}
	}
	return nil, invalid(cmd)
}

// selectOne is what pools of connections ask to see whether one lives.
var selectOne = view{columns: columns("?column?:int"), rows: func() []row { return []row{cells(1)} }}

// run runs one command.
func (s *session) run(ctx context.Context, cmd command) (result, error) {
	if r, ok, err := s.transaction(cmd); ok {
		return r, err
	}
	if s.status == 'E' {
		return result{}, failf(stateFailed, "current transaction is aborted, commands ignored until end of transaction block")
	}
	switch verb := cmd.verb(); verb {
	case "SHOW", "SELECT":
		return s.show(cmd, verb)
	case "SET", "RESET":
		return s.set(cmd, verb)
	case "DISCARD", "DEALLOCATE", "UNLISTEN", "CLOSE":
		if verb == "DEALLOCATE" || cmd.is(1, "all") && verb == "DISCARD" {
			clear(s.statements)
		}
		return result{tag: strings.TrimSpace(verb + " " + strings.ToUpper(strings.TrimPrefix(cmd.rest(), "*")))}, nil
	default:
		control, ok := controls[verb]
		if !ok {
			return result{}, invalid(cmd)
		}
		if s.link.May() < auth.ConsoleAdmin {
			return result{}, failf(stateRights, "admin access needed")
		}
		if err := control(s.console, ctx, &s.link, cmd); err != nil {
			return result{}, err
		}
		return result{tag: verb}, nil
	}
}

// invalid is the answer to what is no command. It does not repeat the client's text, of which nobody knows what stands in it.
func invalid(cmd command) *Error {
	e := failf(stateSyntax, "invalid command")
	if verb := cmd.verb(); verb == "SHOW" || controls[verb] != nil {
		e.Message += " " + verb
	}
	e.Hint = "SHOW HELP lists the commands of the admin database."
	return e
}

func (s *session) show(cmd command, verb string) (result, error) {
	if verb == "SHOW" && strings.EqualFold(cmd.rest(), "help") {
		return result{tag: "SHOW", notice: &Error{State: "00000", Message: "Console usage", Detail: help}}, nil
	}
	v, err := s.console.shows(cmd)
	switch {
	case err != nil:
		return result{}, err
	case v == nil:
		return result{}, invalid(cmd)
	}
	rows := v.rows()
	tag := verb
	if verb == "SELECT" {
		tag = "SELECT " + strconv.Itoa(len(rows))
	}
	return result{view: v, rows: rows, tag: tag}, nil
}

// transaction answers the commands that begin and end transactions: drivers send them around whatever they run. ok says that cmd is one.
func (s *session) transaction(cmd command) (r result, ok bool, err error) {
	switch verb := cmd.verb(); verb {
	case "BEGIN", "START":
		if s.status == 'E' {
			return result{}, false, nil
		}
		tag := "BEGIN"
		if verb == "START" {
			if !cmd.is(1, "transaction") {
				return result{}, true, invalid(cmd)
			}
			tag = "START TRANSACTION"
		}
		s.status = 'T'
		return result{tag: tag}, true, nil
	case "COMMIT", "END", "ROLLBACK", "ABORT":
		tag := "COMMIT"
		if s.status == 'E' || verb == "ROLLBACK" || verb == "ABORT" {
			tag = "ROLLBACK"
		}
		s.status = 'I'
		return result{tag: tag}, true, nil
	}
	return result{}, false, nil
}

// set answers SET and RESET. What drivers set when they connect changes nothing here; anything else is refused, so that nobody takes
// an ignored setting for one that was changed.
func (s *session) set(cmd command, verb string) (result, error) {
	i := 1
	if cmd.is(i, "session") || cmd.is(i, "local") {
		i++
	}
	if i >= len(cmd.words) {
		return result{}, invalid(cmd)
	}
	name := strings.ToLower(cmd.words[i].text)
	if verb == "RESET" && name == "all" || slices.Contains(harmless, name) ||
		slices.ContainsFunc(parameters, func(p parameter) bool { return p.name == name }) {
		return result{tag: verb}, nil
	}
	for _, setting := range s.console.Settings.Settings() {
		if setting.Key == name {
			e := failf(stateNotSupported, "settings are not changed here")
			e.Hint = "Change pgcordon.yaml, then RELOAD."
			return result{}, e
		}
	}
	return result{}, failf(stateUndefined, "unrecognized configuration parameter")
}
