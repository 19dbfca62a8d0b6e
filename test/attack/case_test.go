package attack_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// attempt is one case.
type attempt struct {
	ID       string      `json:"id"`
	Class    string      `json:"class"`
	Setup    string      `json:"setup"` // SQL run as superuser in a fresh copy
	Steps    []string    `json:"steps"` // those that begin with "@name:" are the victim's
	Params   [][]*string `json:"params"`
	Types    [][]uint32  `json:"types"`
	Protocol string      `json:"protocol"`
	Why      string      `json:"why"`
	Expect   string      `json:"expect"` // blocked, scoped or hidden
	Marker   string      `json:"leak_marker"`
	Check    string      `json:"check"` // SQL run as superuser, whose one value must be CheckOK
	CheckOK  string      `json:"check_ok"`
	Server   string      `json:"server"`
}

// newer tells whether a case needs a newer server than this one.
func (a *attempt) newer(major int) bool {
	var need int
	_, err := fmt.Sscanf(a.Server, ">=%d", &need)
	return err == nil && major < need
}

const unchanged = "(unchanged)"

func loadCorpus(t testing.TB, file string) []*attempt {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	var out []*attempt
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		a := &attempt{}
		must(t, json.Unmarshal(lines.Bytes(), a))
		out = append(out, a)
	}
	must(t, lines.Err())
	return out
}

// loadCases reads a .case file. A case begins with its name between "==" and has lines "key: value" up to its first statement;
// statements are separated by lines of ";;". After a statement, lines "$ value" give its parameters and "# oid" their types.
func loadCases(t testing.TB, file string) []*attempt {
	t.Helper()
	var out []*attempt
	class := strings.TrimSuffix(filepath.Base(file), ".case")
	for _, block := range regexp.MustCompile(`(?m)^== `).Split(read(t, file), -1)[1:] {
		lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
		a := &attempt{ID: strings.TrimSpace(lines[0]), Class: class, Marker: "GLOBEX-SECRET", Protocol: "simple", Expect: "scoped"}
		i := 1
	header:
		for ; i < len(lines); i++ {
			key, value, _ := strings.Cut(lines[i], ": ")
			switch key {
			case "why":
				a.Why = value
			case "expect":
				a.Expect = value
			case "setup":
				a.Setup += value + "\n"
			case "marker":
				a.Marker = value
			case "check":
				a.Check = value
			case "check_ok":
				a.CheckOK = value
			case "protocol":
				a.Protocol = value
			case "server":
				a.Server = value
			default:
				break header
			}
		}
		for _, step := range strings.Split(strings.Join(lines[i:], "\n"), "\n;;\n") {
			sql, params, types := parseStep(t, a.ID, step)
			a.Steps = append(a.Steps, sql)
			a.Params = append(a.Params, params)
			a.Types = append(a.Types, types)
		}
		out = append(out, a)
	}
	return out
}

func parseStep(t testing.TB, id, step string) (sql string, params []*string, types []uint32) {
	t.Helper()
	var text []string
	for _, line := range strings.Split(strings.Trim(step, "\n"), "\n") {
		switch {
		case line == "$ NULL":
			params = append(params, nil)
		case strings.HasPrefix(line, "$ "):
			v, err := strconv.Unquote(`"` + strings.ReplaceAll(line[2:], `"`, `\"`) + `"`)
			must(t, err)
			params = append(params, &v)
		case strings.HasPrefix(line, "# "):
			oid, err := strconv.ParseUint(line[2:], 10, 32)
			must(t, err)
			types = append(types, uint32(oid))
		default:
			text = append(text, line)
		}
	}
	return strings.Join(text, "\n"), params, types
}

// override says why a case's outcome is sound though the case expects another.
type override struct{ outcome, reason string }

// loadOverrides reads lines of "id outcome reason"; in testdata/elsewhere the second word says where a case is played.
func loadOverrides(t testing.TB, file string) map[string]override {
	t.Helper()
	out := map[string]override{}
	for _, line := range strings.Split(read(t, file), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) != 3 || out[words[0]].outcome != "" {
			t.Fatalf("%s: %q", file, line)
		}
		out[words[0]] = override{words[1], words[2]}
	}
	return out
}
