package yamlpos

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	secretType   = reflect.TypeFor[Secret]()
)

// field is one key that a struct accepts.
type field struct {
	key      string
	index    []int // of the struct's field, as reflect.Value.FieldByIndex takes it
	required bool
	tag      reflect.StructTag
	// like is where the reference tells of it already; see Reference.
	like string
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, inner := range fieldsOf(f.Type) {
				inner.index, inner.like = append([]int{i}, inner.index...), f.Tag.Get("like")
				out = append(out, inner)
			}
			continue
		}
		if key := f.Tag.Get("yaml"); key != "" && key != "-" {
			out = append(out, field{key: key, index: f.Index, required: f.Tag.Get("require") == "true", tag: f.Tag})
		}
	}
	return out
}

func (d *Document) decodeInto(into any) {
	d.value(d.root, reflect.ValueOf(into).Elem(), "")
}

// value decodes one node; tag holds the field's limits.
func (d *Document) value(n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), tag)
		return
	}
	secret := v.Type().Implements(secretType)
	if secret {
		d.hide(n)
	}
	if reflect.PointerTo(v.Type()).Implements(textType) {
		d.text(n, v, secret)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Slice:
		d.list(n, v, tag)
	case reflect.Map:
		d.mapping(n, v)
	default:
		d.scalar(n, v, tag)
	}
}

func (d *Document) structure(n *yaml.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	if n.Kind != yaml.MappingNode {
		d.node(n, "expected a mapping with the keys %s, found %s", keyList(fields), found(n))
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !d.key(key, seen) {
			if d.opts.HideUnknown {
				d.hide(val)
			}
			continue
		}
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if at < 0 {
			if d.opts.HideUnknown {
				d.hide(val)
			}
			d.node(key, "unknown key %q%s", key.Value, suggest(key.Value, fields))
			continue
		}
		d.value(val, v.FieldByIndex(fields[at].index), fields[at].tag)
	}
	for _, f := range fields {
		if f.required && seen[f.key] == nil {
			d.at(n.Line, n.Column, 1, "the key %q is missing here", f.key)
		}
	}
}

// key checks that a key is a plain string and new.
func (d *Document) key(key *yaml.Node, seen map[string]*yaml.Node) bool {
	if key.Kind != yaml.ScalarNode {
		d.node(key, "a key must be a word, found %s", found(key))
		return false
	}
	if first := seen[key.Value]; first != nil {
		d.node(key, "the key %q stands here a second time; the first is in line %d", key.Value, first.Line)
		return false
	}
	seen[key.Value] = key
	return true
}

// Initial is an element of a list that has other values than zero before it is read.
type Initial interface{ Initial() }

func (d *Document) list(n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	if n.Kind != yaml.SequenceNode {
		d.node(n, "expected a list, found %s", found(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		if e, ok := out.Index(i).Addr().Interface().(Initial); ok {
			e.Initial()
		}
		d.value(c, out.Index(i), tag)
	}
	v.Set(out)
}

func (d *Document) mapping(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.node(n, "expected a mapping, found %s", found(n))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !d.key(key, seen) {
			if d.opts.HideUnknown {
				d.hide(val)
			}
			continue
		}
		if key.Value == "" {
			d.node(key, "the key is empty")
			continue
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(val, elem, "")
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), elem)
	}
	v.Set(out)
}

// text decodes into a type that reads itself from a string.
func (d *Document) text(n *yaml.Node, v reflect.Value, secret bool) {
	s, ok := d.str(n, "a string")
	if !ok {
		return
	}
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s))
	switch {
	case err == nil:
	case secret:
		d.node(n, "%v", err)
	default:
		d.node(n, "%q: %v", n.Value, err)
	}
}

// str returns the text of a string node, with ${NAME} expanded.
func (d *Document) str(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.Value != "" && n.ShortTag() != "!!null" {
			hint = ": put it in quotes"
		}
		d.node(n, "expected %s, found %s%s", what, found(n), hint)
		return "", false
	}
	if d.opts.Env == nil {
		return n.Value, true
	}
	return d.expand(n)
}

func (d *Document) scalar(n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	if v.Type() == durationType {
		d.duration(n, v, tag)
		return
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := d.str(n, "a string")
		if !ok {
			return
		}
		if enum := tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), s) {
			d.node(n, "%q: expected one of %s", n.Value, strings.ReplaceAll(enum, ",", ", "))
			return
		}
		v.SetString(s)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			d.node(n, "expected true or false, found %s", found(n))
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			d.node(n, "expected a whole number, found %s", found(n))
			return
		}
		if d.bounded(n, float64(i), tag, func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }) {
			v.SetInt(i)
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		isNumber := n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float")
		if !isNumber || err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			d.node(n, "expected a number, found %s", found(n))
			return
		}
		if d.bounded(n, f, tag, func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }) {
			v.SetFloat(f)
		}
	default:
		panic("yamlpos: a field of a type that it does not decode: " + v.Type().String())
	}
}

func (d *Document) duration(n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	const want = "a duration such as 500ms, 5s or 2m"
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" && n.Value == "0" {
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "0s", Line: n.Line, Column: n.Column}
	}
	s, ok := d.str(n, want)
	if !ok {
		return
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		d.node(n, "%q: expected %s", n.Value, want)
		return
	}
	parse := func(s string) float64 { t, _ := time.ParseDuration(s); return float64(t) }
	if d.bounded(n, float64(t), tag, parse) {
		v.SetInt(int64(t))
	}
}

// bounded checks a number against the min and max of its tag.
func (d *Document) bounded(n *yaml.Node, f float64, tag reflect.StructTag, parse func(string) float64) bool {
	if s := tag.Get("min"); s != "" && f < parse(s) {
		d.node(n, "%s is too small: the least is %s", n.Value, s)
		return false
	}
	if s := tag.Get("max"); s != "" && f > parse(s) {
		d.node(n, "%s is too large: the most is %s", n.Value, s)
		return false
	}
	return true
}

func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return "nothing"
		case "!!int":
			return "a number"
		case "!!float":
			return "a number with a fraction"
		case "!!bool":
			return "true or false"
		case "!!timestamp":
			return "a date"
		}
		return "a string"
	}
	return "something else"
}

func keyList(fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return strings.Join(keys, ", ")
}

// suggest names the nearest key, or all of them when none is near.
func suggest(key string, fields []field) string {
	best, at := len(key)/3+2, ""
	for _, f := range fields {
		if n := distance(key, f.key); n < best {
			best, at = n, f.key
		}
	}
	if at != "" {
		return fmt.Sprintf(": did you mean %q?", at)
	}
	return ": expected one of " + keyList(fields)
}

// distance is Levenshtein's, for short words; long ones are far from everything.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return math.MaxInt
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
