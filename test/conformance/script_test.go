package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// script is one case.
type script struct {
	file, name string
	steps      []step
	// oldest and newest are the majors of the servers that the case is for.
	oldest, newest int
}

// id names the case in differences and as a subtest.
func (s script) id() string { return s.file + "/" + s.name }

// step is one line. Exactly one of message, startup and verb is set.
type step struct {
	line    string
	message []byte   // encoded
	startup []string // version, then key=value; encoded when the login is known
	verb    string
	kind    string // for until
	count   int    // for until
}

func readScripts(pattern string) ([]script, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var all []script
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		scripts, err := parseScripts(filepath.Base(file), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, scripts...)
	}
	return all, nil
}

func parseScripts(file, text string) ([]script, error) {
	var scripts []script
	seen := map[string]bool{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "case "); ok {
			if seen[name] {
				return nil, fmt.Errorf("%s:%d: a second case %q", file, number+1, name)
			}
			seen[name] = true
			scripts = append(scripts, script{file: file, name: name, newest: 99})
			continue
		}
		if len(scripts) == 0 {
			return nil, fmt.Errorf("%s:%d: a step before the first case", file, number+1)
		}
		if strings.HasPrefix(line, "servers ") {
			last := &scripts[len(scripts)-1]
			if _, err := fmt.Sscanf(line, "servers %d-%d", &last.oldest, &last.newest); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, number+1, err)
			}
			continue
		}
		parsed, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number+1, err)
		}
		last := &scripts[len(scripts)-1]
		last.steps = append(last.steps, parsed)
	}
	return scripts, nil
}

func parseStep(line string) (step, error) {
	s := step{line: line}
	if queued, ok := strings.CutPrefix(line, "> "); ok {
		kind, rest, _ := strings.Cut(queued, " ")
		var err error
		switch kind {
		case "raw":
			s.message, err = hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		case "rows":
			var text string
			if text, err = strconv.Unquote(rest); err == nil {
				s.message, err = (&pgproto3.CopyData{Data: []byte(text)}).Encode(nil)
			}
		case "startup":
			s.startup = strings.Fields(rest)
		default:
			s.message, err = encode(kind, rest)
		}
		return s, err
	}
	words := strings.Fields(line)
	switch s.verb = words[0]; s.verb {
	case "dial", "byte", "eof", "end", "hangup", "parameters":
	case "cancel":
		s.kind = strings.TrimSpace(strings.TrimPrefix(line, "cancel"))
		if s.kind != "" && s.kind != "wrong key" {
			return s, fmt.Errorf("cancel %q", s.kind)
		}
	case "until":
		if len(words) < 2 || len(words) > 3 {
			return s, fmt.Errorf("until takes a message type and a count")
		}
		s.kind, s.count = words[1], 1
		if _, ok := names[s.kind]; !ok {
			return s, fmt.Errorf("no message type %q", s.kind)
		}
		if len(words) == 3 {
			var err error
			if s.count, err = strconv.Atoi(words[2]); err != nil {
				return s, err
			}
		}
	default:
		return s, fmt.Errorf("no step %q", s.verb)
	}
	return s, nil
}

func encode(kind, fields string) ([]byte, error) {
	var m pgproto3.FrontendMessage
	switch kind {
	case "Query":
		m = &pgproto3.Query{}
	case "Parse":
		m = &pgproto3.Parse{}
	case "Bind":
		m = &pgproto3.Bind{}
	case "Describe":
		m = &pgproto3.Describe{}
	case "Execute":
		m = &pgproto3.Execute{}
	case "Close":
		m = &pgproto3.Close{}
	case "Sync":
		m = &pgproto3.Sync{}
	case "Flush":
		m = &pgproto3.Flush{}
	case "FunctionCall":
		m = &pgproto3.FunctionCall{}
	case "CopyData":
		m = &pgproto3.CopyData{}
	case "CopyDone":
		m = &pgproto3.CopyDone{}
	case "CopyFail":
		m = &pgproto3.CopyFail{}
	case "PasswordMessage":
		m = &pgproto3.PasswordMessage{}
	case "Terminate":
		m = &pgproto3.Terminate{}
	case "SSLRequest":
		m = &pgproto3.SSLRequest{}
	case "GSSEncRequest":
		m = &pgproto3.GSSEncRequest{}
	default:
		return nil, fmt.Errorf("no message type %q", kind)
	}
	if fields != "" {
		if err := json.Unmarshal([]byte(fields), m); err != nil {
			return nil, err
		}
	}
	return m.Encode(nil)
}

// encodeStartup makes a startup message by hand, so that it can be of any version and hold anything.
func encodeStartup(words []string, user, database string) ([]byte, error) {
	var major, minor uint32
	if _, err := fmt.Sscanf(words[0], "%d.%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("startup version %q: %w", words[0], err)
	}
	body := binary.BigEndian.AppendUint32(nil, major<<16|minor)
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch value {
		case "$user":
			value = user
		case "$database":
			value = database
		}
		body = append(body, key+"\x00"+value+"\x00"...)
	}
	body = append(body, 0)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...), nil
}
