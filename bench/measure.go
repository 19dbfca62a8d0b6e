package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// measurement is one run of pgbench.
type measurement struct {
	TPS          float64 `json:"tps"`
	Transactions int     `json:"transactions"`
	AverageMs    float64 `json:"latency_avg_ms"`
	P50Ms        float64 `json:"latency_p50_ms"`
	P99Ms        float64 `json:"latency_p99_ms"`
	// ProxyCPU is what the proxy process spent, in microseconds per transaction; 0 for direct.
	ProxyCPU float64 `json:"proxy_cpu_us_per_tx"`
}

// sampled is the share of transactions whose latency pgbench writes to its log: writing all of the short ones would cost the
// client as much as a proxy costs.
func sampled(workload string) float64 {
	if workload == "select-only" {
		return 0.1
	}
	return 1
}

func (w *world) measure(ctx context.Context, o options, t target, workload, mode string, clients int) (measurement, error) {
	var m measurement
	if workload == "tpcb-like" {
		// What pgbench does before such a run when it may.
		for _, sql := range []string{"VACUUM pgbench_branches", "VACUUM pgbench_tellers", "TRUNCATE pgbench_history", "VACUUM pgbench_accounts", "CHECKPOINT"} {
			if err := w.postgres.Exec(ctx, database, sql); err != nil {
				return m, err
			}
		}
	}
	logs, err := os.MkdirTemp(w.dir, "log-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(logs)
	ctx, cancel := context.WithTimeout(ctx, o.duration+2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pgbench", "-n", "-b", workload, "-M", mode,
		"-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)), "-T", strconv.Itoa(int(o.duration.Seconds())),
		"-l", "--log-prefix="+filepath.Join(logs, "tx"), fmt.Sprintf("--sampling-rate=%g", sampled(workload)))
	cmd.Env = append(os.Environ(), t.endpoint.Environment()...)
	before, err := t.cpu()
	if err != nil {
		return m, err
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return m, fmt.Errorf("pgbench: %w\n%s%s", err, out, t.log())
	}
	after, err := t.cpu()
	if err != nil {
		return m, err
	}
	if err := m.readSummary(string(out)); err != nil {
		return m, err
	}
	m.ProxyCPU = float64((after - before).Microseconds()) / float64(m.Transactions)
	return m, m.readLatencies(logs)
}

func (t target) log() string {
	if t.process == nil {
		return ""
	}
	return "log of " + t.name + ":\n" + t.process.Log()
}

var (
	tpsLine     = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)
	averageLine = regexp.MustCompile(`(?m)^latency average = ([0-9.]+) ms`)
	countLine   = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)
	failedLine  = regexp.MustCompile(`(?m)^number of failed transactions: (\d+)`)
	abortedLine = regexp.MustCompile(`(?m)client \d+ (script \d+ )?aborted`)
)

func (m *measurement) readSummary(out string) error {
	number := func(line *regexp.Regexp) (float64, error) {
		match := line.FindStringSubmatch(out)
		if match == nil {
			return 0, fmt.Errorf("pgbench printed no %q:\n%s", line, out)
		}
		return strconv.ParseFloat(match[1], 64)
	}
	count, err := number(countLine)
	if err != nil {
		return err
	}
	if m.TPS, err = number(tpsLine); err != nil {
		return err
	}
	if m.AverageMs, err = number(averageLine); err != nil {
		return err
	}
	if failed, err := number(failedLine); err != nil || failed > 0 || count == 0 || abortedLine.MatchString(out) {
		return errors.Join(err, fmt.Errorf("pgbench had failures:\n%s", out))
	}
	m.Transactions = int(count)
	return nil
}

// readLatencies reads pgbench's per-transaction logs: client, transaction, latency in microseconds, ...
// Without any the percentiles stay 0.
func (m *measurement) readLatencies(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "tx*"))
	if err != nil {
		return err
	}
	var all []int
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			words := strings.Fields(lines.Text())
			if len(words) < 3 {
				continue
			}
			us, err := strconv.Atoi(words[2])
			if err != nil {
				return errors.Join(fmt.Errorf("pgbench's log: %q", lines.Text()), file.Close())
			}
			all = append(all, us)
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil // too few transactions for the sample; the report shows none
	}
	slices.Sort(all)
	m.P50Ms = float64(percentile(all, 50)) / 1000
	m.P99Ms = float64(percentile(all, 99)) / 1000
	return nil
}

// percentile returns the smallest value that at least p percent of the sorted values do not exceed.
func percentile(sorted []int, p int) int {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// ticksPerSecond is USER_HZ, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// cpu returns the user and system time that the target's process has spent.
func (t target) cpu() (time.Duration, error) {
	if t.process == nil {
		return 0, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.process.Pid()))
	if err != nil {
		return 0, err
	}
	return cpuOf(string(stat))
}

// cpuOf reads fields 14 and 15 of proc(5)'s stat. Field 2, the program's name, may hold anything, so it counts from the
// last parenthesis.
func cpuOf(stat string) (time.Duration, error) {
	words := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(words) < 13 {
		return 0, fmt.Errorf("/proc/.../stat: %q", stat)
	}
	user, err := strconv.Atoi(words[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(words[12])
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / ticksPerSecond, nil
}
