package yamlpos

import (
	"reflect"
	"strconv"
	"strings"
)

// durationPattern is what time.ParseDuration takes, without a sign.
const durationPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`

// Schema describes what Decode accepts for the struct type t as JSON Schema (draft 2020-12). Besides Decode's own tags it
// uses doc:"..." for descriptions and default:"..." for default values.
func Schema(t reflect.Type, title string) map[string]any {
	s := schemaOf(t, "")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = title
	return s
}

func schemaOf(t reflect.Type, tag reflect.StructTag) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType {
		return map[string]any{"type": []string{"string", "integer"}, "pattern": durationPattern, "maximum": 0, "minimum": 0}
	}
	if reflect.PointerTo(t).Implements(textType) {
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), tag)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), ""),
			"propertyNames": map[string]any{"minLength": 1}}
	case reflect.String:
		s := map[string]any{"type": "string"}
		if enum := tag.Get("enum"); enum != "" {
			s["enum"] = strings.Split(enum, ",")
		}
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return bounds(map[string]any{"type": "integer"}, tag)
	case reflect.Float64:
		return bounds(map[string]any{"type": "number"}, tag)
	}
	panic("yamlpos: a field of a type that it does not decode: " + t.String())
}

func bounds(s map[string]any, tag reflect.StructTag) map[string]any {
	for key, name := range map[string]string{"min": "minimum", "max": "maximum"} {
		if f, err := strconv.ParseFloat(tag.Get(key), 64); err == nil {
			s[name] = f
		}
	}
	return s
}

func structSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range fieldsOf(t) {
		s := schemaOf(t.FieldByIndex(f.index).Type, f.tag)
		if doc := f.tag.Get("doc"); doc != "" {
			s["description"] = doc
		}
		if value := f.tag.Get("default"); value != "" {
			s["default"] = defaultValue(t.FieldByIndex(f.index).Type, value)
		}
		properties[f.key] = s
		if f.required {
			required = append(required, f.key)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

func defaultValue(t reflect.Type, text string) any {
	switch {
	case t == durationType:
		return text
	case t.Kind() == reflect.Bool:
		return text == "true"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return text
}

// Entry describes one key for people.
type Entry struct {
	// Key is a dotted path, with [] for the elements of a list and <name> for keys that the user chooses.
	Key      string
	Value    string // what it takes
	Default  string // empty for none
	Required bool
	Doc      string
}

// Reference lists every key that Decode accepts for the struct type t, in the order of its fields, save for those of an embedded struct
// with the tag like:"other.key": that they are those of the other key is said by the text of the field.
func Reference(t reflect.Type) []Entry { return referenceOf(t, "") }

func referenceOf(t reflect.Type, prefix string) []Entry {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType || reflect.PointerTo(t).Implements(textType) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice:
		return referenceOf(t.Elem(), prefix+"[]")
	case reflect.Map:
		return referenceOf(t.Elem(), prefix+".<name>")
	case reflect.Struct:
		var out []Entry
		for _, f := range fieldsOf(t) {
			if f.like != "" {
				continue
			}
			key := strings.TrimPrefix(prefix+"."+f.key, ".")
			out = append(out, Entry{Key: key, Value: takes(t.FieldByIndex(f.index).Type, f.tag), Default: f.tag.Get("default"),
				Required: f.required, Doc: f.tag.Get("doc")})
			out = append(out, referenceOf(t.FieldByIndex(f.index).Type, key)...)
		}
		return out
	}
	return nil
}

// takes says in words which values a field takes.
func takes(t reflect.Type, tag reflect.StructTag) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	limits := ""
	switch low, high := tag.Get("min"), tag.Get("max"); {
	case low != "" && high != "":
		limits = ", " + low + " to " + high
	case low != "":
		limits = ", at least " + low
	case high != "":
		limits = ", at most " + high
	}
	switch {
	case t == durationType:
		return "duration" + limits
	case reflect.PointerTo(t).Implements(textType):
		return "string"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list"
	case reflect.Map, reflect.Struct:
		return "mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number" + limits
	case reflect.Float64:
		return "number" + limits
	}
	if enum := tag.Get("enum"); enum != "" {
		return strings.ReplaceAll(enum, ",", ", ")
	}
	return "string"
}
