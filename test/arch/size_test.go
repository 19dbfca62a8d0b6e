package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the top of the checkout.
const root = "../.."

const (
	maxFileLines = 600
	maxFuncLines = 80
)

// tables are the files that may be longer, and hold tables rather than code, with the reason.
var tables = map[string]string{}

// badNames are names of packages that say nothing.
var badNames = []string{"utils", "util", "common", "helpers", "helper", "manager", "base", "misc", "shared"}

// source is one Go file.
type source struct {
	path string // below root, with slashes
	text []byte
	fset *token.FileSet
	file *ast.File
}

func parse(path string, text []byte) (source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{path: path, text: text, fset: fset, file: file}, err
}

// sources are all Go files of the project.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, func(path string) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(path, text)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		all = append(all, s)
	})
	if len(all) < 50 {
		t.Fatalf("only %d Go files found below %s", len(all), root)
	}
	return all
}

// walk calls visit with each file's path below root; directories that hold no source of the project's are left out.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() && below != "." && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			visit(filepath.ToSlash(below))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sizeFaults says what of a file is too long or badly named.
func sizeFaults(s source) (faults []string) {
	if slices.Contains(badNames, strings.TrimSuffix(s.file.Name.Name, "_test")) {
		faults = append(faults, fmt.Sprintf("%s: package %s: the name does not say what it is for", s.path, s.file.Name.Name))
	}
	if _, isTable := tables[s.path]; isTable || ast.IsGenerated(s.file) {
		return faults
	}
	if n := bytes.Count(s.text, []byte("\n")); n > maxFileLines {
		faults = append(faults, fmt.Sprintf("%s has %d lines, more than %d", s.path, n, maxFileLines))
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok {
			return true
		}
		if lines := s.lines(f) - s.tableLines(f); lines > maxFuncLines {
			start := s.fset.Position(f.Pos()).Line
			faults = append(faults, fmt.Sprintf("%s:%d: %s has %d lines, more than %d", s.path, start, f.Name.Name, lines, maxFuncLines))
		}
		return false
	})
	return faults
}

// lines counts a function's without its doc comment, of which Pos knows nothing.
func (s source) lines(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}

// tableLines counts the lines within a function that are a table: all but the first of a string or a composite literal
// in which there is no code.
func (s source) tableLines(f *ast.FuncDecl) (lines int) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			lines += s.lines(n) - 1
		case *ast.CompositeLit:
			hasCode := false
			ast.Inspect(n, func(inner ast.Node) bool {
				_, isFunc := inner.(*ast.FuncLit)
				hasCode = hasCode || isFunc
				return !hasCode
			})
			if !hasCode {
				lines += s.lines(n) - 1
				return false
			}
		}
		return true
	})
	return lines
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range sources(t) {
		seen[s.path] = true
		for _, fault := range sizeFaults(s) {
			t.Error(fault)
		}
	}
	for path, why := range tables {
		if !seen[path] {
			t.Errorf("the list of tables names %s (%s), which does not exist", path, why)
		}
	}
}

func TestPackagesHaveADoc(t *testing.T) {
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		documented[dir] = documented[dir] || s.file.Doc != nil && len(s.file.Doc.Text()) > 0
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

// What breaks a rule is found.
func TestSizeRulesCanFail(t *testing.T) {
	long := "func f() {\n" + strings.Repeat("\t_ = 0\n", maxFuncLines-1) + "}\n"
	table := "func f() {\n\t_ = []int{\n" + strings.Repeat("\t\t0,\n", maxFuncLines) + "\t}\n\t_ = `" + strings.Repeat("\n", maxFuncLines) + "`\n}\n"
	for text, want := range map[string]int{
		"package fine\n" + table: 0,
		"package fine\n" + strings.Replace(table, "[]int{", "[]any{func() {},", 1): 1,
		"package common\n":      1,
		"package utils_test\n":  1,
		"package fine\n" + long: 1,
		"package fine\n" + strings.Repeat("\n", maxFileLines):                                                         1,
		"// Code generated by x. DO NOT EDIT.\n\npackage fine\n" + long + strings.Repeat("\n", maxFileLines):          0,
		"package fine\n\n// f\n// is documented.\nfunc f() {\n" + strings.Repeat("\t_ = 0\n", maxFuncLines-2) + "}\n": 0,
	} {
		s, err := parse("x.go", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if faults := sizeFaults(s); len(faults) != want {
			t.Errorf("%d faults, want %d, in %.40q: %v", len(faults), want, text, faults)
		}
	}
}
