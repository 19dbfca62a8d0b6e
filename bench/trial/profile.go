package trial

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/pprof/profile"

	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// profile runs cells once more, outside of the results: with a CPU profile of pgcordon, and with strace counting the system calls of the
// relay and of pgcordon. Both cost time themselves, strace a lot: what counts are shares and numbers of calls per transaction.
//
// Of each workload and mode it takes the cell whose number of clients is nearest to 16.
func (r *run) profile(ctx context.Context, cells []*cell) error {
	summary, err := os.Create(filepath.Join(r.opts.Out, "profile.txt"))
	if err != nil {
		return err
	}
	for _, c := range profiled(cells) {
		for _, t := range c.targets {
			if t.Pid() == 0 || !strings.HasPrefix(t.Name, "pgcordon") && t.Name != report.Relay || c.Failed(t.Name) {
				continue
			}
			r.progress.say("profile: %s, %s", c.Name(), t.Name)
			if err := r.profileTarget(ctx, summary, c, t); err != nil {
				return errors.Join(fmt.Errorf("profile of %s, %s: %w", c.Name(), t.Name, err), summary.Close())
			}
		}
	}
	return summary.Close()
}

func profiled(cells []*cell) (chosen []*cell) {
	distance := func(c *cell) int { return max(c.Clients-16, 16-c.Clients) }
	for _, c := range cells {
		if c.Workload == report.Clients {
			continue
		}
		i := slices.IndexFunc(chosen, func(o *cell) bool { return o.Workload == c.Workload && o.Mode == c.Mode })
		switch {
		case i < 0:
			chosen = append(chosen, c)
		case distance(c) < distance(chosen[i]):
			chosen[i] = c
		}
	}
	return chosen
}

func (r *run) profileTarget(ctx context.Context, out io.Writer, c *cell, t *stand.Target) error {
	_, _ = fmt.Fprintf(out, "\n=== %s, %s\n", c.Name(), t.Name) // a failed write shows at Close
	if t.Name != report.Relay {
		samples, err := r.cpuProfile(ctx, c, t)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(out, samples)
	}
	calls, err := r.systemCalls(ctx, c, t)
	if err != nil {
		calls = fmt.Sprintf("system calls were not counted: %v\n", err)
	}
	_, _ = io.WriteString(out, calls)
	return ctx.Err()
}

// cpuProfile writes the profile of one measurement and returns what is largest in it.
func (r *run) cpuProfile(ctx context.Context, c *cell, t *stand.Target) (string, error) {
	written := r.stand.ProfileFile(t.Name)
	if err := t.Signal(syscall.SIGUSR1); err != nil {
		return "", err
	}
	m, err := r.one(ctx, c, t, 0, r.opts.Duration)
	if err != nil {
		return "", err
	}
	if err := t.Signal(syscall.SIGUSR1); err != nil {
		return "", err
	}
	text, err := awaitFile(ctx, written)
	if err != nil {
		return "", err
	}
	name := strings.NewReplacer(", ", "-", " ", "-").Replace(c.Name()) + "-" + t.Name + ".pprof"
	if err := os.WriteFile(filepath.Join(r.opts.Out, name), text, 0o644); err != nil {
		return "", err
	}
	p, err := profile.ParseData(text)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d transactions; %s\n%s", m.Transactions, name, top(p)), os.Remove(written)
}

// awaitFile waits until the process has written its profile.
func awaitFile(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		if text, err := os.ReadFile(name); err == nil {
			return text, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("pgcordon wrote no profile: %w", ctx.Err())
		case <-retry.C:
		}
	}
}

const topRows = 25

// top lists packages by what was spent in their own code, and functions by that and by what was spent below them.
func top(p *profile.Profile) string {
	value := len(p.SampleType) - 1 // nanoseconds
	packages, own, below := map[string]int64{}, map[string]int64{}, map[string]int64{}
	var total int64
	for _, s := range p.Sample {
		v := s.Value[value]
		total += v
		seen := map[string]bool{}
		for i, l := range s.Location {
			for k, f := range l.Line {
				if f.Function == nil {
					continue
				}
				name := f.Function.Name
				if i == 0 && k == 0 {
					own[name] += v
					packages[packageOf(name)] += v
				}
				if !seen[name] {
					seen[name] = true
					below[name] += v
				}
			}
		}
	}
	var b strings.Builder
	for _, list := range []struct {
		title string
		of    map[string]int64
	}{{"own time by package", packages}, {"own time by function", own}, {"with what it calls", below}} {
		names := slices.SortedFunc(maps.Keys(list.of), func(x, y string) int {
			return cmp.Or(cmp.Compare(list.of[y], list.of[x]), strings.Compare(x, y))
		})
		fmt.Fprintf(&b, "\n  %s\n", list.title)
		for _, n := range names[:min(topRows, len(names))] {
			fmt.Fprintf(&b, "  %5.1f %%  %s\n", 100*float64(list.of[n])/float64(max(1, total)), n)
		}
	}
	return b.String()
}

// packageOf is the part of a function's name before the first dot behind the last slash.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	if dot := strings.IndexByte(function[slash:], '.'); dot >= 0 {
		return function[:slash+dot]
	}
	return "C"
}

// systemCalls counts them during one measurement.
func (r *run) systemCalls(ctx context.Context, c *cell, t *stand.Target) (string, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return "", err
	}
	counts := filepath.Join(r.stand.Dir(), "strace.txt")
	cmd := exec.CommandContext(ctx, strace, "-c", "-f", "-q", "-o", counts, "-p", strconv.Itoa(t.Pid()))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	m, failed := r.one(ctx, c, t, 0, r.opts.Duration)
	// Interrupted, strace lets go of the process and writes its table.
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended, and the missing table says why
	_ = cmd.Wait()
	if failed != nil {
		return "", failed
	}
	text, err := os.ReadFile(counts)
	if err != nil || len(text) == 0 {
		return "", errors.Join(err, errors.New(strings.TrimSpace(stderr.String())))
	}
	return callsPer(string(text), m.Transactions), nil
}

// callLine is a row of strace's table: % time, seconds, usecs/call, calls, errors, name.
var callLine = regexp.MustCompile(`(?m)^\s*[0-9.]+\s+[0-9.]+\s+[0-9]+\s+([0-9]+)(?:\s+[0-9]+)?\s+([a-z_0-9]+)$`)

// callsPer divides the numbers of calls by the transactions. Logging in is counted too.
func callsPer(table string, transactions int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  system calls per transaction, of %d transactions\n", transactions)
	for _, m := range callLine.FindAllStringSubmatch(table, -1) {
		calls, err := strconv.Atoi(m[1])
		if err != nil || m[2] == "total" || float64(calls)/float64(max(1, transactions)) < 0.005 {
			continue
		}
		fmt.Fprintf(&b, "  %6.2f  %s\n", float64(calls)/float64(transactions), m[2])
	}
	return b.String()
}
