package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

func TestSummary(t *testing.T) {
	var m measurement
	if err := m.readSummary(pgbenchOutput); err != nil {
		t.Fatal(err)
	}
	if want := (measurement{TPS: 18056.120718, Transactions: 90210, AverageMs: 0.886}); m != want {
		t.Errorf("got %+v, want %+v", m, want)
	}
	for name, out := range map[string]string{
		"nothing":             "",
		"failed transactions": strings.Replace(pgbenchOutput, "transactions: 0 (", "transactions: 3 (", 1),
		"no transactions":     strings.Replace(pgbenchOutput, "90210", "0", 1),
		"an aborted client":   pgbenchOutput + "pgbench: error: client 3 script 0 aborted in command 1\n",
	} {
		if err := m.readSummary(out); err == nil {
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
	var m measurement
	if err := m.readLatencies(dir); err != nil {
		t.Fatal(err)
	}
	if m.P50Ms != 0.2 || m.P99Ms != 9 {
		t.Errorf("p50 %v, p99 %v, want 0.2 and 9", m.P50Ms, m.P99Ms)
	}
	var none measurement
	if err := none.readLatencies(t.TempDir()); err != nil || none != (measurement{}) {
		t.Errorf("without a log: %+v, %v", none, err)
	}
}

func TestCPUOfAProgramWithAnOddName(t *testing.T) {
	got, err := cpuOf("4711 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 5 0 1 1 1")
	if err != nil || got != 4*time.Second {
		t.Errorf("got %v, %v, want 4s", got, err)
	}
}

func TestMediansAndRatios(t *testing.T) {
	c := &combination{}
	for _, tps := range []float64{100, 300, 200} {
		c.add("direct", measurement{TPS: tps})
		c.add("pgbouncer-session", measurement{TPS: tps / 2, ProxyCPU: 10})
		c.add("pgcordon", measurement{TPS: tps * 2, ProxyCPU: 20})
	}
	got := c.find("pgcordon")
	if got.TPS != 400 || got.TPSMin != 200 || got.TPSMax != 600 || got.TPSToDirect != 2 || got.TPSToPgBouncer != 4 ||
		got.CPUToPgBouncer != 2 || got.CPUToRelay != 0 {
		t.Errorf("got %+v", got)
	}
}
