package yamlpos

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// MaxBytes and MaxDepth bound a file; MaxErrors is how many mistakes are told.
const (
	MaxBytes  = 8 << 20
	MaxDepth  = 24
	MaxErrors = 100
)

// Secret marks a type whose text is never shown.
type Secret interface{ IsSecret() }

// Options change how a file is decoded.
type Options struct {
	// Env looks up what ${NAME} stands for in string values; nil leaves ${NAME} as it is.
	Env func(name string) (value string, ok bool)
	// HideUnknown masks the values of unknown keys, for files that hold secrets: the key may be a misspelt secret's.
	HideUnknown bool
}

// Path leads to a value: strings are keys, ints are positions in a list.
type Path []any

// Document is a decoded file that further errors can be added to.
type Document struct {
	file    string
	lines   []string
	root    *yaml.Node // nil when the file is not YAML
	opts    Options
	errs    Errors
	dropped int
	spans   []span
	places  []place
}

// place is where an error is shown once all secrets are known.
type place struct {
	err   *Error
	width int
}

// Decode reads data into the struct that into points to. It always returns a Document; Err tells whether it is sound.
func Decode(file string, data []byte, opts Options, into any) *Document {
	d := &Document{file: file, opts: opts}
	if len(data) > MaxBytes {
		d.errs = append(d.errs, &Error{File: file, Line: 1, Col: 1, Message: fmt.Sprintf("the file has more than %d bytes", MaxBytes)})
		return d
	}
	d.lines = strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if err.Error() == "EOF" {
			d.at(1, 1, 1, "the file is empty")
			return d
		}
		d.syntax(err)
		return d
	}
	if err := dec.Decode(&second); err == nil {
		d.at(second.Line, 1, 1, "a second document starts here: one file holds one document")
	} else if err.Error() != "EOF" {
		d.syntax(err)
	}
	if len(doc.Content) != 1 {
		d.at(1, 1, 1, "the file is empty")
		return d
	}
	if !d.plain(doc.Content[0], 0) {
		return d
	}
	d.root = doc.Content[0]
	d.decodeInto(into)
	return d
}

// plain refuses what makes a tree more than it looks, and trees that are too deep.
func (d *Document) plain(n *yaml.Node, depth int) bool {
	ok := true
	if depth > MaxDepth {
		d.node(n, "this is nested more than %d levels deep", MaxDepth)
		return false
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.node(n, "anchors and aliases are not supported: write the value out")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		d.node(n, "tags such as %s are not supported", n.Tag)
		ok = false
	}
	for _, c := range n.Content {
		if !d.plain(c, depth+1) {
			ok = false
		}
	}
	return ok
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// secretText finds what looks like a secret in a line that could not be parsed.
var secretText = regexp.MustCompile(`(?i)(?:scram|passw|pwd|secret|token|dsn|://).*`)

func (d *Document) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	line = min(max(line, 1), len(d.lines))
	text := d.lines[line-1]
	if at := secretText.FindStringIndex(text); at != nil {
		d.spans = append(d.spans, span{line: line, start: len([]rune(text[:at[0]])), end: -1})
	}
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	d.at(line, indent+1, 1, "this is not YAML: %s", message)
}

// at adds an error at a line and column.
func (d *Document) at(line, col, width int, format string, args ...any) {
	if len(d.errs) >= MaxErrors {
		d.dropped++
		return
	}
	e := &Error{File: d.file, Line: max(line, 1), Col: max(col, 1), Message: fmt.Sprintf(format, args...)}
	d.errs = append(d.errs, e)
	d.places = append(d.places, place{e, width})
}

// node adds an error at a node.
func (d *Document) node(n *yaml.Node, format string, args ...any) {
	width := 1
	if n.Kind == yaml.ScalarNode {
		width = len([]rune(n.Value))
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			width += 2
		}
	}
	d.at(n.Line, n.Column, width, format, args...)
}

// Errorf adds an error at the value that path leads to, or at the nearest one that exists.
// The last step of the path may be Key(name): the key itself and not its value.
func (d *Document) Errorf(path Path, format string, args ...any) {
	if d.root == nil {
		d.at(1, 1, 1, format, args...)
		return
	}
	d.node(d.find(path), format, args...)
}

// Has reports whether the file holds a value at path.
func (d *Document) Has(path Path) bool {
	n := d.root
	for _, step := range path {
		if n = child(n, step); n == nil {
			return false
		}
	}
	return n != nil
}

// Key as the last step of a Path stands for the key and not its value.
type Key string

func (d *Document) find(path Path) *yaml.Node {
	n := d.root
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, step any) *yaml.Node {
	if n == nil {
		return nil
	}
	switch s := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && s >= 0 && s < len(n.Content) {
			return n.Content[s]
		}
	case string:
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == s {
					return n.Content[i+1]
				}
			}
		}
	case Key:
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == string(s) {
					return n.Content[i]
				}
			}
		}
	}
	return nil
}

// Err returns all mistakes as Errors, or nil.
func (d *Document) Err() error {
	if len(d.errs) == 0 {
		return nil
	}
	for _, p := range d.places {
		if p.err.Line > len(d.lines) {
			continue
		}
		line := d.lines[p.err.Line-1]
		p.err.Source, p.err.Caret = show(line, d.spans, p.err.Line, p.err.Col-1)
		p.err.Width = min(p.width, max(1, len([]rune(p.err.Source))-p.err.Caret))
	}
	d.places = nil
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	errs := slices.Clone(d.errs)
	if d.dropped > 0 {
		last := errs[len(errs)-1]
		errs = append(errs, &Error{File: d.file, Line: last.Line, Col: last.Col, Message: fmt.Sprintf("and %d more", d.dropped)})
	}
	return errs
}
