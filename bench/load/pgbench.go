package load

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

	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// FindPgbench returns the path of the program: Debian puts it beside the server's.
func FindPgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err != nil || len(found) == 0 {
		return "", errors.Join(err, errors.New("pgbench is not installed"))
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}

// tenantColumns gives pgbench's tables a tenant column. VACUUM FULL writes it into the rows, as in a table that was made with it.
const tenantColumns = `
ALTER TABLE pgbench_accounts ADD tenant_id text NOT NULL DEFAULT 't1';
ALTER TABLE pgbench_branches ADD tenant_id text NOT NULL DEFAULT 't1';
ALTER TABLE pgbench_tellers ADD tenant_id text NOT NULL DEFAULT 't1';
ALTER TABLE pgbench_history ADD tenant_id text NOT NULL DEFAULT 't1'`

// makePgbench makes pgbench's tables as pgbench -i does, in statements: so it needs no program.
func makePgbench(ctx context.Context, s *stand.Stand, z Sizes) error {
	tables := []string{"pgbench_branches", "pgbench_tellers", "pgbench_accounts", "pgbench_history"}
	for _, sql := range []string{
		`CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
		 CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84)) WITH (fillfactor = 100);
		 CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor = 100);
		 CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88)) WITH (fillfactor = 100)`,
		fmt.Sprintf(`INSERT INTO pgbench_branches SELECT n, 0, '' FROM generate_series(1, %[1]d) n;
		 INSERT INTO pgbench_tellers SELECT n, (n - 1) / 10 + 1, 0, '' FROM generate_series(1, 10 * %[1]d) n;
		 INSERT INTO pgbench_accounts SELECT n, (n - 1) / 100000 + 1, 0, '' FROM generate_series(1, 100000 * %[1]d) n`, z.Scale),
		tenantColumns,
		`ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid); ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid); ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid)`,
	} {
		if err := s.Exec(ctx, sql); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := s.Exec(ctx, "VACUUM FULL ANALYZE "+t); err != nil {
			return err
		}
	}
	s.Publish("tenant", tables...)
	return nil
}

// sampled is the share of transactions whose latency pgbench writes to its log: writing all of the short ones would cost the
// client as much as a proxy costs.
func sampled(workload string, z Sizes) float64 {
	if workload == "select-only" && z.Transactions == 0 {
		return 0.1
	}
	return 1
}

func runPgbench(workload string) func(context.Context, Job) (report.Measurement, error) {
	return func(ctx context.Context, j Job) (m report.Measurement, err error) {
		if workload == report.TPCB {
			// What pgbench does before such a run when it may.
			for _, sql := range []string{"VACUUM pgbench_branches", "VACUUM pgbench_tellers", "TRUNCATE pgbench_history", "VACUUM pgbench_accounts"} {
				if err := j.Stand.Exec(ctx, sql); err != nil {
					return m, err
				}
			}
		}
		logs, err := os.MkdirTemp(j.Stand.Dir(), "log-")
		if err != nil {
			return m, err
		}
		defer os.RemoveAll(logs)
		ctx, cancel := context.WithTimeout(ctx, j.Duration+2*time.Minute)
		defer cancel()
		// Logging in counts against pgbench's time.
		length := []string{"-T", strconv.Itoa(int(j.Duration.Seconds()) + 1 + j.Clients/50)}
		if j.Sizes.Transactions > 0 {
			length = []string{"-t", strconv.Itoa(j.Sizes.Transactions)}
		}
		cmd := exec.CommandContext(ctx, j.Pgbench, append(length, "-n", "-b", workload, "-M", j.Mode,
			"-c", strconv.Itoa(j.Clients), "-j", strconv.Itoa(min(j.Clients, 2)),
			"-l", "--log-prefix="+filepath.Join(logs, "tx"), fmt.Sprintf("--sampling-rate=%g", sampled(workload, j.Sizes)), j.Target.DSN)...)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+j.Target.Password)
		watch := watchCPU(j.Target)
		out, err := cmd.CombinedOutput()
		spent := watch.since(loginTime(string(out)))
		if err != nil {
			return m, fmt.Errorf("pgbench: %w\n%s", err, out)
		}
		if err := readSummary(&m, string(out)); err != nil {
			return m, err
		}
		m.CPU = float64(spent.Microseconds()) / float64(m.Transactions)
		return m, readLatencies(&m, logs)
	}
}

var (
	tpsLine     = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \((without initial connection time|excluding connections establishing)\)`)
	averageLine = regexp.MustCompile(`(?m)^latency average = ([0-9.]+) ms`)
	connectLine = regexp.MustCompile(`(?m)^initial connection time = ([0-9.]+) ms`)
	countLine   = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)
	failedLine  = regexp.MustCompile(`(?m)^number of failed transactions: (\d+)`)
	abortedLine = regexp.MustCompile(`(?m)client \d+ (script \d+ )?aborted`)
)

// loginTime is how long pgbench took to log all clients in; 0 when it does not say so (before version 14).
func loginTime(out string) time.Duration {
	match := connectLine.FindStringSubmatch(out)
	if match == nil {
		return 0
	}
	ms, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

func readSummary(m *report.Measurement, out string) error {
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
	if m.PerSecond, err = number(tpsLine); err != nil {
		return err
	}
	if m.Latency.Average, err = number(averageLine); err != nil {
		return err
	}
	failed := failedLine.FindStringSubmatch(out) // since version 15
	if failed != nil && failed[1] != "0" || count == 0 || abortedLine.MatchString(out) {
		return fmt.Errorf("pgbench had failures:\n%s", out)
	}
	m.Transactions = int(count)
	return nil
}

// readLatencies reads pgbench's per-transaction logs: client, transaction, latency in microseconds, ...
// Without any the percentiles stay 0.
func readLatencies(m *report.Measurement, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "tx*"))
	if err != nil {
		return err
	}
	var all []int
	for _, name := range files {
		if all, err = appendLatencies(all, name); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil // too few transactions for the sample; the report shows none
	}
	slices.Sort(all)
	at := func(p int) float64 { return float64(percentile(all, p)) / 1000 }
	m.Latency.P50, m.Latency.P90, m.Latency.P95, m.Latency.P99 = at(50), at(90), at(95), at(99)
	return nil
}

func appendLatencies(all []int, name string) ([]int, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 3 {
			continue
		}
		us, err := strconv.Atoi(words[2])
		if err != nil {
			return nil, fmt.Errorf("pgbench's log: %q", lines.Text())
		}
		all = append(all, us)
	}
	return all, lines.Err()
}

// percentile returns the smallest value that at least p percent of the sorted values do not exceed.
func percentile(sorted []int, p int) int {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
