package yamlpos

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// variable is the only form that is expanded: a SCRAM verifier, which is full of bare dollar signs, passes as it is.
var variable = regexp.MustCompile(`\$\{([^{}]*)\}`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} by the variable's value. What a value holds is not expanded again.
func (d *Document) expand(n *yaml.Node) (string, bool) {
	ok := true
	out := variable.ReplaceAllStringFunc(n.Value, func(m string) string {
		name := m[2 : len(m)-1]
		if !variableName.MatchString(name) {
			d.node(n, "%q is not the name of an environment variable", name)
			ok = false
			return ""
		}
		value, set := d.opts.Env(name)
		if !set {
			d.node(n, "the environment variable %s is not set", name)
			ok = false
		}
		return value
	})
	return out, ok
}

// hide masks every scalar below n in the source lines that errors show.
func (d *Document) hide(n *yaml.Node) {
	for _, c := range n.Content {
		d.hide(c)
	}
	if n.Kind != yaml.ScalarNode || n.Line < 1 || n.Line > len(d.lines) || n.Value == "" {
		return
	}
	start := n.Column - 1
	end := -1
	if line := []rune(d.lines[n.Line-1]); start >= 0 && start < len(line) {
		end = scalarEnd(line, start)
	}
	d.spans = append(d.spans, span{line: n.Line, start: start, end: end})
	// A scalar over several lines: the lines that follow and are indented deeper belong to it.
	for i := n.Line + 1; end < 0 && i <= len(d.lines) && continued(d.lines[i-1], d.lines[n.Line-1]); i++ {
		d.spans = append(d.spans, span{line: i, start: 0, end: -1})
	}
}

// continued reports whether a line is indented deeper than the line that a value started in.
func continued(line, first string) bool {
	indent := func(s string) int { return len(s) - len(strings.TrimLeft(s, " -")) }
	return strings.TrimSpace(line) == "" || indent(line) > indent(first)
}

// scalarEnd finds the end of the scalar that starts at a place in a line; -1 when it is not in the line.
func scalarEnd(line []rune, start int) int {
	quote := line[start]
	switch quote {
	case '"', '\'':
		for i := start + 1; i < len(line); i++ {
			switch {
			case quote == '"' && line[i] == '\\':
				i++
			case line[i] == quote && quote == '\'' && i+1 < len(line) && line[i+1] == quote:
				i++
			case line[i] == quote:
				return i + 1
			}
		}
	}
	return -1
}
