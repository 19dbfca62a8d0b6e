// Testsummary reads the events of `go test -json` from its standard input and prints them as go test would without -v,
// then every skipped test with its reason and one line of counts. It exits 1 if anything failed, 2 if it read nothing.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// event is one line of `go test -json` (go doc test2json); build events name ImportPath instead of Package.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

type testKey struct{ pkg, test string }

type skip struct{ name, reason string }

type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	failedIn                map[string]bool // packages with a failed test
	skips                   []skip
	output                  map[testKey][]string
	events                  int
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, failedIn: map[string]bool{}, output: map[testKey][]string{}}
}

func main() {
	counts := flag.String("counts", "", "append \"passed failed skipped\" to this `file`")
	flag.Parse()
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(2)
	}
	s.print()
	if *counts != "" {
		if err := appendCounts(*counts, s); err != nil {
			fmt.Fprintln(os.Stderr, "testsummary:", err)
			os.Exit(2)
		}
	}
	switch {
	case s.events == 0:
		fmt.Fprintln(os.Stderr, "testsummary: no test events on standard input")
		os.Exit(2)
	case s.failed > 0:
		os.Exit(1)
	}
}

func (s *summary) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			// go test mixes in plain text for what goes wrong before any test runs.
			fmt.Fprintln(s.out, lines.Text())
			continue
		}
		s.events++
		s.take(e)
	}
	return lines.Err()
}

func (s *summary) take(e event) {
	key := testKey{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e, key)
		}
	}
}

func (s *summary) endTest(e event, key testKey) {
	lines := s.output[key]
	delete(s.output, key)
	switch e.Action {
	case "pass":
		s.passed++
	case "fail":
		s.fail(e.Package, lines)
	case "skip":
		s.skipped++
		s.skips = append(s.skips, skip{e.Package + " " + e.Test, skipReason(lines)})
	}
}

// endPackage prints the package's own line. A test that never ended (a panic, a timeout) is printed and counted as failed.
func (s *summary) endPackage(e event) {
	for key, lines := range s.output {
		if key.pkg != e.Package {
			continue
		}
		delete(s.output, key)
		if key.test != "" && e.Action == "fail" {
			s.fail(e.Package, lines)
			continue
		}
		if key.test == "" {
			s.printPackage(lines, e.Action == "fail")
		}
	}
	if e.Action == "fail" && !s.failedIn[e.Package] {
		s.fail(e.Package, nil) // it does not build, or failed outside of its tests
	}
}

func (s *summary) fail(pkg string, output []string) {
	s.failed++
	s.failedIn[pkg] = true
	fmt.Fprint(s.out, strings.Join(output, ""))
}

func (s *summary) printPackage(lines []string, failed bool) {
	for _, line := range lines {
		if line == "PASS\n" || !failed && strings.HasPrefix(line, "coverage:") {
			continue
		}
		if strings.HasPrefix(line, "?") {
			continue // no test files
		}
		fmt.Fprint(s.out, line)
	}
}

// skipReason finds what t.Skip was given among a test's output.
func skipReason(lines []string) string {
	var reason []string
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") {
			continue
		}
		reason = append(reason, text)
	}
	if len(reason) == 0 {
		return "no reason given"
	}
	return strings.Join(reason, " ")
}

func (s *summary) print() {
	sort.Slice(s.skips, func(i, j int) bool { return s.skips[i].name < s.skips[j].name })
	if len(s.skips) > 0 {
		fmt.Fprintln(s.out, "skipped:")
		for _, sk := range s.skips {
			fmt.Fprintf(s.out, "  %s: %s\n", sk.name, sk.reason)
		}
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
}

func appendCounts(path string, s *summary) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "%d %d %d\n", s.passed, s.failed, s.skipped); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
