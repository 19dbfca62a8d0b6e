// Command benchmicro runs the benchmarks named Cost, keeps what they and benchstat print in bench/results, with the machine named, and
// fills the budget table of bench/README.md. It runs from the top of the checkout.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var packages = []string{"./rewriter", "./proxy", "./proxy/pgwire"}

const (
	rawFile  = "bench/results/micro.raw.txt"
	statFile = "bench/results/micro.txt"
	readme   = "bench/README.md"
	begin    = "<!-- costs: filled by make bench-micro -->\n"
	end      = "<!-- end of costs -->\n"
)

func main() {
	count := flag.Int("count", 6, "runs of each benchmark")
	benchtime := flag.String("benchtime", "1s", "length of each run")
	against := flag.String("against", "", "file with the output of an earlier run, to compare with instead of writing anything")
	flag.Parse()
	if err := run(*count, *benchtime, *against); err != nil {
		fmt.Fprintln(os.Stderr, "benchmicro:", err)
		os.Exit(1)
	}
}

func run(count int, benchtime, against string) error {
	args := append([]string{"test", "-run", "^$", "-bench", "^BenchmarkCost$", "-count", strconv.Itoa(count), "-benchtime", benchtime}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go test: %w\n%s", err, out)
	}
	raw := rawFile
	if against != "" {
		file, err := os.CreateTemp("", "benchmicro-")
		if err != nil {
			return err
		}
		defer os.Remove(file.Name())
		raw = file.Name()
		if err := file.Close(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(raw, out, 0o644); err != nil {
		return err
	}
	files := []string{"tool", "benchstat", raw}
	if against != "" {
		files = []string{"tool", "benchstat", "before=" + against, "after=" + raw}
	}
	stat, err := exec.Command("go", files...).Output()
	if err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	if _, err := os.Stdout.Write(stat); err != nil || against != "" {
		return err
	}
	machine := machine()
	if err := os.WriteFile(statFile, append([]byte("machine: "+machine+"\n"), stat...), 0o644); err != nil {
		return err
	}
	return fill(table(parse(string(out)), machine))
}

// machine names the hardware and the compiler.
func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(info); m != nil {
			model = string(m[1])
		}
	}
	version, err := exec.Command("go", "version").Output()
	if err != nil {
		version = []byte("go version unknown")
	}
	cores, err := exec.Command("nproc").Output()
	if err != nil {
		cores = []byte("?")
	}
	return fmt.Sprintf("%s cores, %s, %s", bytes.TrimSpace(cores), model, strings.TrimPrefix(strings.TrimSpace(string(version)), "go version "))
}

var resultLine = regexp.MustCompile(`(?m)^BenchmarkCost/(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op(?:\s+[0-9.]+ MB/s)?(?:\s+([0-9.]+) ns/row)?`)

// parse returns each benchmark's median in nanoseconds.
func parse(out string) map[string]float64 {
	all := map[string][]float64{}
	for _, m := range resultLine.FindAllStringSubmatch(out, -1) {
		text := m[2]
		if m[3] != "" {
			text = m[3]
		}
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			all[m[1]] = append(all[m[1]], v)
		}
	}
	medians := map[string]float64{}
	for name, values := range all {
		slices.Sort(values)
		medians[name] = (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return medians
}

// rows of the table: a benchmark of the rewriter is run on three texts, and shown beside the parse of the same text.
var rows = []struct{ name, what string }{
	{"parse", "libpg_query's parse alone: the yardstick"},
	{"hit", "plan of a text that was seen before"},
	{"lexer", "shape of a text and its literals"},
	{"literal", "plan of a text with other literals"},
	{"miss", "plan of a text of a new shape"},
	{"sweep", "of that: the printed text is parsed and checked (short SELECT)"},
}

var messages = []struct{ name, what string }{
	{"frame", "find a client's message"}, {"bind", "read a Bind of two values and append the tenant"}, {"row", "pass on a row of a large answer (62 bytes)"},
}

func table(ns map[string]float64, machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; medians. In brackets: how many parses of the same text that is.\n\n", machine)
	b.WriteString("| per statement | short SELECT | join of an ORM | report with sub-selects |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |", r.what)
		for _, text := range []string{"short", "orm", "report"} {
			v, ok := ns[r.name+"/"+text]
			switch parse := ns["parse/"+text]; {
			case !ok:
				b.WriteString(" |")
			case r.name == "parse" || parse == 0:
				fmt.Fprintf(&b, " %s |", duration(v))
			default:
				fmt.Fprintf(&b, " %s (%.2g) |", duration(v), v/parse)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| per message | |\n| --- | --- |\n")
	for _, r := range messages {
		if v, ok := ns[r.name]; ok {
			fmt.Fprintf(&b, "| %s | %s |\n", r.what, duration(v))
		}
	}
	return b.String()
}

func duration(ns float64) string {
	switch {
	case ns >= 100_000:
		return fmt.Sprintf("%.0f µs", ns/1000)
	case ns >= 1000:
		return fmt.Sprintf("%.1f µs", ns/1000)
	}
	return fmt.Sprintf("%.0f ns", ns)
}

// fill replaces what stands between the marks of the README.
func fill(table string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no marks for the table", readme)
	}
	return os.WriteFile(readme, []byte(head+begin+"\n"+table+"\n"+end+tail), 0o644)
}
