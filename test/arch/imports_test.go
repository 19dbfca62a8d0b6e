package arch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module  = "pgcordon"
	pgQuery = "github.com/pganalyze/pg_query_go"
)

// layers say which packages of the project each package may import, besides those that its own directory's internal/ holds.
// A name that ends with /... stands for everything below it too; a package that is named itself goes by that row alone.
var layers = map[string][]string{
	// pure values, from the bottom up
	"config/yamlpos": {},
	"policy/catalog": {},
	"policy":         {"policy/catalog", "config/yamlpos"},
	"policy/advisor": {"policy", "policy/catalog"},
	"policy/draft":   {"policy", "policy/catalog"},
	"rewriter/lexer": {},
	"rewriter/...":   {"policy", "policy/catalog", "rewriter/lexer"},
	// I/O
	"proxy/pgwire":       {},
	"proxy/auth":         {"policy"},
	"proxy/copyin":       {"policy"},
	"proxy/eventloop":    {},
	"proxy/limit":        {"policy"},
	"proxy/limit/budget": {"proxy/limit"},
	"proxy/storage":      {"policy", "policy/catalog"},
	"proxy/pool":         {"policy", "proxy/pgwire"},
	"proxy":              {"proxy/pgwire", "proxy/auth", "proxy/console", "proxy/copyin", "proxy/eventloop", "proxy/limit", "proxy/pool", "rewriter", "policy", "policy/catalog"},
	"proxy/console":      {"proxy/auth", "proxy/pool", "proxy/pgwire"},
	"proxy/observe":      {"proxy", "proxy/limit", "rewriter", "policy"},
	"proxy/admin":        {"proxy", "policy"},
	// the settings of all parts
	"config": {"config/yamlpos", "policy", "proxy/auth", "proxy/limit"},
	// programs and tests: nobody imports them but each other
	"cmd/...":     {"..."},
	"bench/...":   {"..."},
	"scripts/...": {},
	"test/...":    {"..."},
}

// never are the sentences that the layers serve, checked along whole chains of imports.
var never = []struct {
	from, target []string
	why          string
}{
	{[]string{"proxy/pgwire/...", "proxy/auth/...", "proxy/copyin/...", "proxy/eventloop/...", "proxy/limit/...", "proxy/storage/...", "proxy/pool/...", "proxy/console/..."}, []string{"proxy"}, "the parts of the proxy do not know the whole"},
	{[]string{"policy/advisor/...", "policy/lifecycle/..."}, []string{"proxy/..."}, "what works on a policy does no proxying"},
	{[]string{"policy/...", "rewriter/..."}, []string{"net", "net/http"}, "policy and rewriter are pure; the catalog's loader gets its connection"},
	{[]string{"rewriter/...", "policy/..."}, []string{"proxy/...", "config"}, "imports run from the proxy to the policy"},
	{[]string{"policy/...", "config/...", "proxy/...", "rewriter/..."}, []string{"test/...", "cmd/...", "bench/..."}, "the product does not depend on its tests"},
}

// pkg is what `go list` tells of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Error                              *struct{ Err string }
}

// name is the package's path below the module; empty for foreign ones.
func name(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	return rest
}

func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if below, ok := strings.CutSuffix(p, "..."); ok {
			return strings.HasPrefix(name+"/", below)
		}
		return name == p
	})
}

func listPackages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Imports,TestImports,XTestImports,Error", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := make(map[string]pkg)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Error != nil && name(p.ImportPath) != "" {
			t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		packages[p.ImportPath] = p
	}
}

// row is the row of layers that a package goes by.
func row(pkgName string) (allowed []string, ok bool) {
	if allowed, ok := layers[pkgName]; ok {
		return allowed, true
	}
	for pattern, allowed := range layers {
		if strings.HasSuffix(pattern, "/...") && matches(pkgName, []string{pattern}) {
			return allowed, true
		}
	}
	return nil, false
}

// layerFaults checks each import by itself.
func layerFaults(packages map[string]pkg) (faults []string) {
	for _, path := range slices.Sorted(maps.Keys(packages)) {
		from := name(path)
		if from == "" {
			continue
		}
		allowed, ok := row(from)
		if !ok {
			faults = append(faults, fmt.Sprintf("%s is in no row of layers: say there what it may import", from))
			continue
		}
		for _, imported := range packages[path].Imports {
			to := name(imported)
			inner := strings.HasPrefix(to, from+"/internal/")
			if to != "" && to != from && !inner && !matches(to, allowed) && !matches("...", allowed) {
				faults = append(faults, fmt.Sprintf("%s imports %s; it may import of the project: %s", from, to, strings.Join(allowed, ", ")))
			}
			if strings.HasPrefix(imported, pgQuery) && !matches(from, []string{"rewriter/..."}) {
				faults = append(faults, from+" imports pg_query: only the rewriter does")
			}
		}
		for _, imported := range slices.Concat(packages[path].TestImports, packages[path].XTestImports) {
			if strings.HasPrefix(imported, pgQuery) && !matches(from, []string{"rewriter/..."}) {
				faults = append(faults, "a test of "+from+" imports pg_query: only the rewriter does")
			}
		}
	}
	return faults
}

// chainFaults checks whole chains: for each rule of never the shortest chain from a package to what it must not reach.
func chainFaults(packages map[string]pkg) (faults []string) {
	for _, rule := range never {
		for _, path := range slices.Sorted(maps.Keys(packages)) {
			from := name(path)
			if from == "" || !matches(from, rule.from) {
				continue
			}
			if chain := findChain(packages, path, rule.target); chain != nil {
				faults = append(faults, fmt.Sprintf("%s: %s", strings.Join(chain, " -> "), rule.why))
			}
		}
	}
	return faults
}

// findChain looks through the project's packages, breadth first; foreign ones count when they are the target itself.
func findChain(packages map[string]pkg, start string, target []string) []string {
	before := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		for _, next := range packages[queue[0]].Imports {
			if _, seen := before[next]; seen {
				continue
			}
			before[next] = queue[0]
			own := name(next)
			if matches(cmp.Or(own, next), target) {
				var chain []string
				for at := next; at != ""; at = before[at] {
					chain = append([]string{cmp.Or(name(at), at)}, chain...)
				}
				return chain
			}
			if own != "" {
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func TestImportsRunOneWay(t *testing.T) {
	packages := listPackages(t)
	for _, must := range []string{"proxy", "rewriter", "policy/catalog", "proxy/limit", "cmd/pgcordon"} {
		if _, ok := packages[module+"/"+must]; !ok {
			t.Errorf("go list does not know %s: nothing was checked", must)
		}
	}
	for pattern := range layers {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(packages)), func(path string) bool { return matches(name(path), []string{pattern}) }) {
			t.Errorf("layers names %s, and there is no such package", pattern)
		}
	}
	for _, fault := range slices.Concat(layerFaults(packages), chainFaults(packages)) {
		t.Error(fault)
	}
}

// What breaks a rule is found.
func TestImportRulesCanFail(t *testing.T) {
	own := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, module+"/"+n)
		}
		return paths
	}
	for label, c := range map[string]struct {
		packages map[string]pkg
		layer    bool
		chain    bool
	}{
		"direct":            {map[string]pkg{"pgcordon/proxy/limit": {Imports: own("proxy")}}, true, true},
		"through another":   {map[string]pkg{"pgcordon/proxy/auth": {Imports: own("policy")}, "pgcordon/policy": {Imports: own("proxy")}}, true, true},
		"advisor to a part": {map[string]pkg{"pgcordon/policy/advisor": {Imports: own("proxy/pool")}}, true, true},
		"tests in product":  {map[string]pkg{"pgcordon/proxy": {Imports: own("test/throwaway")}}, true, true},
		"network":           {map[string]pkg{"pgcordon/rewriter": {Imports: []string{"net"}}}, false, true},
		"parser":            {map[string]pkg{"pgcordon/proxy": {Imports: []string{pgQuery + "/v5"}}}, true, false},
		"parser in a test":  {map[string]pkg{"pgcordon/proxy": {XTestImports: []string{pgQuery + "/v5"}}}, true, false},
		"new package":       {map[string]pkg{"pgcordon/proxy/novel": {}}, true, false},
		"allowed":           {map[string]pkg{"pgcordon/rewriter": {Imports: append(own("policy", "rewriter/internal/x"), pgQuery+"/v5")}}, false, false},
	} {
		if got := len(layerFaults(c.packages)) > 0; got != c.layer {
			t.Errorf("%s: found by layers %v: %v", label, got, layerFaults(c.packages))
		}
		if got := len(chainFaults(c.packages)) > 0; got != c.chain {
			t.Errorf("%s: found by chains %v: %v", label, got, chainFaults(c.packages))
		}
	}
}
