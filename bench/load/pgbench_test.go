package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgcordon/bench/report"
)

const pgbenchOutput = `pgbench (15.20 (Debian 15.20-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 10
query mode: simple
number of clients: 16
number of threads: 2
maximum number of tries: 1
duration: 5 s
number of transactions actually processed: 90210
number of failed transactions: 0 (0.000%)
latency average = 0.886 ms
initial connection time = 21.021 ms
tps = 18056.120718 (without initial connection time)
`

// Before version 15 there are no failed transactions, and the last line reads otherwise.
const olderOutput = `number of transactions actually processed: 500
latency average = 0.5 ms
tps = 1999.0 (including connections establishing)
tps = 2000.0 (excluding connections establishing)
`

func TestSummary(t *testing.T) {
	for out, want := range map[string]report.Measurement{
		pgbenchOutput: {PerSecond: 18056.120718, Transactions: 90210, Latency: report.Latency{Average: 0.886}},
		olderOutput:   {PerSecond: 2000, Transactions: 500, Latency: report.Latency{Average: 0.5}},
	} {
		var m report.Measurement
		if err := readSummary(&m, out); err != nil {
			t.Fatal(err)
		}
		if m != want {
			t.Errorf("got %+v, want %+v", m, want)
		}
	}
	for name, out := range map[string]string{
		"nothing":             "",
		"failed transactions": strings.Replace(pgbenchOutput, "transactions: 0 (", "transactions: 3 (", 1),
		"no transactions":     strings.Replace(pgbenchOutput, "90210", "0", 1),
		"an aborted client":   pgbenchOutput + "pgbench: error: client 3 script 0 aborted in command 1\n",
	} {
		var m report.Measurement
		if err := readSummary(&m, out); err == nil {
			t.Errorf("%s: taken for a good run", name)
		}
	}
}

func TestLatencies(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tx.1":   "0 1 100 0 1700000000 1\n0 2 300 0 1700000000 2\n",
		"tx.1.1": "1 1 200 0 1700000000 1\n1 2 9000 0 1700000000 2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var m report.Measurement
	if err := readLatencies(&m, dir); err != nil {
		t.Fatal(err)
	}
	if m.Latency.P50 != 0.2 || m.Latency.P99 != 9 {
		t.Errorf("p50 %v, p99 %v, want 0.2 and 9", m.Latency.P50, m.Latency.P99)
	}
	var none report.Measurement
	if err := readLatencies(&none, t.TempDir()); err != nil || none != (report.Measurement{}) {
		t.Errorf("without a log: %+v, %v", none, err)
	}
}
