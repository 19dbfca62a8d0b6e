package policy

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"pgcordon/config/yamlpos"
	"pgcordon/policy/catalog"
)

//go:embed extensions.tsv
var extensionsText string

// extensionTable is what is known of an extension.
type extensionTable struct {
	// refused says why nothing of the extension can be opened; empty when some of its functions can.
	refused string
	// functions by name: the reason to refuse, empty for one that is opened.
	functions map[string]string
}

// extensionTables are those of extensions.tsv by the extension's name. A person has reviewed each of the functions.
var extensionTables = sync.OnceValue(func() map[string]*extensionTable {
	out := map[string]*extensionTable{}
	for line := range strings.Lines(extensionsText) {
		if line[0] == '#' {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) != 4 || (cells[2] == "allow") != (cells[3] == "") {
			panic("policy: malformed table of extensions: " + line)
		}
		t := out[cells[0]]
		if t == nil {
			t = &extensionTable{functions: map[string]string{}}
			out[cells[0]] = t
		}
		if cells[1] == "*" {
			t.refused = cells[3]
		} else {
			t.functions[cells[1]] = cells[3]
		}
	}
	return out
})

// Extensions are the names that the key extensions can hold, sorted.
func Extensions() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(extensionTables())) {
		if extensionTables()[name].refused == "" {
			out = append(out, name)
		}
	}
	return out
}

// ExtensionRefusal says why a policy cannot open a function of an extension by the extension's name; empty when it can.
func ExtensionRefusal(extension, function string) string {
	t := extensionTables()[extension]
	if t == nil {
		return "the extension is not known"
	}
	if t.refused != "" {
		return t.refused
	}
	reason, ok := t.functions[function]
	if !ok {
		return "the function is not known"
	}
	return reason
}

func (b *builder) extensions(names []string) {
	for i, name := range names {
		at := yamlpos.Path{"extensions", i}
		t := extensionTables()[name]
		switch {
		case t == nil:
			b.doc.Errorf(at, "%q is no extension that pgcordon knows; it knows %s. Name functions of others under functions.", name, strings.Join(Extensions(), ", "))
		case t.refused != "":
			b.doc.Errorf(at, "%q cannot be opened: it %s", name, t.refused)
		case slices.Contains(names[:i], name):
			b.doc.Errorf(at, "%q stands here a second time", name)
		}
	}
	b.policy.Extensions = names
}

// Extension tells whether the policy opens the extension of this name.
func (b *Bound) Extension(name string) bool {
	return name != "" && slices.Contains(b.Policy.Extensions, name)
}

// bindExtensions adds the functions that the opened extensions own to those that are vouched for. What a function may do is known for those of
// the extension's authors alone: they come as C, or as SQL in the extension's script.
func bindExtensions(p *Policy, s *catalog.Snapshot, vouched map[uint32]*FunctionRule) {
	for _, schema := range s.Schemas {
		if catalog.IsSystem(schema.Name) {
			continue
		}
		for name, overloads := range schema.Functions {
			for _, fn := range overloads {
				if vouched[fn.OID] != nil || fn.SecurityDefiner || !slices.Contains(p.Extensions, fn.Extension) || ExtensionRefusal(fn.Extension, name) != "" {
					continue
				}
				vouched[fn.OID] = &FunctionRule{Schema: schema.Name, Name: name, Why: fmt.Sprintf("extension %s", fn.Extension)}
			}
		}
	}
}
