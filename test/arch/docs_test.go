package arch

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plain are words in ARCHITECTURE.md's backticks that name nothing in the repository, with the reason. One that is not used any
// more fails the test.
var plain = map[string]string{}

// index is what the repository holds that a document can name.
type index struct {
	paths   map[string]bool            // files and directories below root
	files   map[string]bool            // names of files, without directory
	symbols map[string]map[string]bool // by package name: top-level names, and Type.Member
	dirs    map[string]map[string]bool // the same by directory
	targets map[string]bool            // of the Makefile
}

func newIndex(t *testing.T) *index {
	t.Helper()
	ix := &index{paths: map[string]bool{}, files: map[string]bool{}, symbols: map[string]map[string]bool{},
		dirs: map[string]map[string]bool{}, targets: map[string]bool{}}
	walk(t, func(file string) {
		ix.files[path.Base(file)] = true
		for at := file; at != "."; at = path.Dir(at) {
			ix.paths[at] = true
		}
	})
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		dir, pkgName := path.Dir(s.path), s.file.Name.Name
		if pkgName == "main" {
			pkgName = path.Base(dir)
		}
		if ix.symbols[pkgName] == nil {
			ix.symbols[pkgName] = map[string]bool{}
		}
		if ix.dirs[dir] == nil {
			ix.dirs[dir] = map[string]bool{}
		}
		for _, symbol := range declared(s.file) {
			ix.symbols[pkgName][symbol], ix.dirs[dir][symbol] = true, true
		}
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(string(makefile), -1) {
		ix.targets[m[1]] = true
	}
	return ix
}

// declared lists a file's top-level names, and as Type.Member its methods, fields and interface methods.
func declared(file *ast.File) (names []string) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name.Name)
			} else {
				names = append(names, receiver(d.Recv.List[0].Type)+"."+d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						names = append(names, n.Name)
					}
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
					names = append(names, members(spec)...)
				}
			}
		}
	}
	return names
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func members(spec *ast.TypeSpec) (names []string) {
	var fields *ast.FieldList
	switch t := spec.Type.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return nil
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			names = append(names, spec.Name.Name+"."+n.Name)
		}
	}
	return names
}

var (
	pathForm   = regexp.MustCompile(`^[\w.*-]+(/[\w.*-]+)+/?$`)
	fileForm   = regexp.MustCompile(`^[\w.-]+\.(go|md|yaml|yml|json|jsonl|mod|sum|tsv|sql|txtar|sh)$`)
	symbolForm = regexp.MustCompile(`^((?:[\w-]+/)*\w+)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)(?:\(\))?$`)
	wordForm   = regexp.MustCompile(`^\w+/?$`)
	makeForm   = regexp.MustCompile(`^make ([a-z][a-z-]*)$`)
)

// fault says what is wrong with one reference; empty: it names something that exists.
func (ix *index) fault(ref string) string {
	if m := makeForm.FindStringSubmatch(ref); m != nil {
		if ix.targets[m[1]] {
			return ""
		}
		return "the Makefile has no such target"
	}
	switch trimmed := strings.TrimSuffix(ref, "/"); {
	case fileForm.MatchString(ref):
		if ix.files[ref] {
			return ""
		}
		return "there is no such file"
	case symbolForm.MatchString(ref) && !ix.paths[trimmed]:
		m := symbolForm.FindStringSubmatch(ref)
		holder := ix.symbols[m[1]]
		if strings.Contains(m[1], "/") {
			holder = ix.dirs[m[1]]
		}
		switch {
		case holder == nil:
			return "there is no package " + m[1]
		case !holder[m[2]]:
			return "package " + m[1] + " declares no " + m[2]
		}
		return ""
	case pathForm.MatchString(ref), wordForm.MatchString(ref):
		if ix.paths[trimmed] || ix.symbols[trimmed] != nil {
			return ""
		}
		return "there is no such file, directory or package"
	}
	return "neither a path, a file, pkg.Symbol nor a make target: name one, take the backticks away, or list it in plain with a reason"
}

// references are the texts in single backticks, outside of fenced blocks.
func references(markdown string) (refs []string) {
	fenced := false
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		for i, part := range strings.Split(line, "`") {
			if i%2 == 1 {
				refs = append(refs, part)
			}
		}
	}
	return refs
}

func TestArchitectureNamesWhatExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	ix := newIndex(t)
	refs := references(string(text))
	if len(refs) < 20 {
		t.Errorf("only %d references found", len(refs))
	}
	for _, ref := range refs {
		if _, ok := plain[ref]; ok {
			continue
		}
		if fault := ix.fault(ref); fault != "" {
			t.Errorf("ARCHITECTURE.md names `%s`: %s", ref, fault)
		}
	}
	for word, why := range plain {
		if !slices.Contains(refs, word) {
			t.Errorf("plain lists `%s` (%s), which ARCHITECTURE.md does not say", word, why)
		}
	}
	if lines := regexp.MustCompile(`\.go:\d+|\bline \d+`).FindAllString(string(text), -1); lines != nil {
		t.Errorf("ARCHITECTURE.md names lines, which move: %q", lines)
	}
}

// What does not exist is found, and what does is not.
func TestReferencesAreLookedUp(t *testing.T) {
	ix := newIndex(t)
	for _, good := range []string{"proxy/limit", "proxy/limit/", "limit", "limit.Gate", "limit.Seat.Admit", "limit.Seat.Admit()", "limit.Exceeded.RetryAfter",
		"proxy/limit.Gate", "proxy.Observer.Finished", "seat.go", "proxy/limit/seat.go", "go.mod", "make bench", "limit.Gate.mu"} {
		if fault := ix.fault(good); fault != "" {
			t.Errorf("%s: %s", good, fault)
		}
	}
	for _, bad := range []string{"proxy/limits", "limiter", "limit.Gates", "limit.Gate.Admits", "proxy/auth.Gate", "limiter.Gate", "admits.go", "proxy/limit/admits.go",
		"make nothing", "SELECT 1", "a b", "", "limit.Gate.mu.x"} {
		if ix.fault(bad) == "" {
			t.Errorf("%q is said to exist", bad)
		}
	}
	if got := references("a `b` c `d`\n```\n`e`\n```\n`f`"); !slices.Equal(got, []string{"b", "d", "f"}) {
		t.Errorf("references: %q", got)
	}
}

// TestNoConflictMarkers: a merge that was not finished leaves its marks in texts that nothing compiles.
func TestNoConflictMarkers(t *testing.T) {
	walk(t, func(file string) {
		if ext := path.Ext(file); ext != ".md" && ext != ".txt" && ext != ".yaml" && ext != ".sql" && ext != ".case" {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "<<<<<<< ") || strings.HasPrefix(line, ">>>>>>> ") {
				t.Errorf("%s:%d: %s", file, i+1, line)
			}
		}
	})
}
