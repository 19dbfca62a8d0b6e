package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// results are a whole run, as the JSON file has it.
type results struct {
	Started      time.Time      `json:"started"`
	Machine      string         `json:"machine"`
	Rounds       int            `json:"rounds"`
	Seconds      float64        `json:"seconds_per_measurement"`
	Scale        int            `json:"scale"`
	Combinations []*combination `json:"combinations"`
}

// combination is one workload, mode and number of clients.
type combination struct {
	Workload string    `json:"workload"`
	Mode     string    `json:"mode"`
	Clients  int       `json:"clients"`
	Targets  []*series `json:"targets"`
}

// series are the measurements of one target.
type series struct {
	Target  string        `json:"target"`
	Rounds  []measurement `json:"rounds"`
	Summary summary       `json:"summary"`
}

// summary holds medians over the rounds.
type summary struct {
	measurement
	TPSMin float64 `json:"tps_min"`
	TPSMax float64 `json:"tps_max"`
	// Ratios of the medians; 0 where there is nothing to compare with.
	TPSToDirect    float64 `json:"tps_to_direct"`
	TPSToPgBouncer float64 `json:"tps_to_pgbouncer"`
	CPUToPgBouncer float64 `json:"cpu_to_pgbouncer"`
	CPUToRelay     float64 `json:"cpu_to_relay"`
}

func (c *combination) add(name string, m measurement) {
	i := slices.IndexFunc(c.Targets, func(s *series) bool { return s.Target == name })
	if i < 0 {
		i = len(c.Targets)
		c.Targets = append(c.Targets, &series{Target: name})
	}
	c.Targets[i].Rounds = append(c.Targets[i].Rounds, m)
	c.summarise()
}

func (c *combination) summarise() {
	for _, s := range c.Targets {
		of := func(field func(measurement) float64) []float64 {
			var values []float64
			for _, m := range s.Rounds {
				values = append(values, field(m))
			}
			slices.Sort(values)
			return values
		}
		tps := of(func(m measurement) float64 { return m.TPS })
		s.Summary = summary{
			TPSMin: tps[0], TPSMax: tps[len(tps)-1],
			measurement: measurement{
				TPS:          median(tps),
				Transactions: int(median(of(func(m measurement) float64 { return float64(m.Transactions) }))),
				AverageMs:    median(of(func(m measurement) float64 { return m.AverageMs })),
				P50Ms:        median(of(func(m measurement) float64 { return m.P50Ms })),
				P99Ms:        median(of(func(m measurement) float64 { return m.P99Ms })),
				ProxyCPU:     median(of(func(m measurement) float64 { return m.ProxyCPU })),
			},
		}
	}
	direct, relay, bouncer := c.find("direct"), c.find("relay"), c.find("pgbouncer-session")
	for _, s := range c.Targets {
		s.Summary.TPSToDirect = ratio(s.Summary.TPS, direct.TPS)
		s.Summary.TPSToPgBouncer = ratio(s.Summary.TPS, bouncer.TPS)
		s.Summary.CPUToPgBouncer = ratio(s.Summary.ProxyCPU, bouncer.ProxyCPU)
		s.Summary.CPUToRelay = ratio(s.Summary.ProxyCPU, relay.ProxyCPU)
	}
}

// find returns a target's summary, the zero value when it was not measured.
func (c *combination) find(name string) summary {
	for _, s := range c.Targets {
		if s.Target == name {
			return s.Summary
		}
	}
	return summary{}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (c *combination) print(out io.Writer) {
	fmt.Fprintf(out, "%s, %s, %d clients\n", c.Workload, c.Mode, c.Clients)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "target               \ttps\tmin..max\tto direct\tto PgBouncer\tavg ms\tp50 ms\tp99 ms\tCPU us/tx\tto PgBouncer\tto relay\t")
	for _, s := range c.Targets {
		m := s.Summary
		fmt.Fprintf(w, "%-21s\t%.0f\t%.0f..%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Target, m.TPS, m.TPSMin, m.TPSMax,
			times(m.TPSToDirect), times(m.TPSToPgBouncer), number(m.AverageMs, 3), number(m.P50Ms, 3), number(m.P99Ms, 3),
			number(m.ProxyCPU, 1), times(m.CPUToPgBouncer), times(m.CPUToRelay))
	}
	w.Flush()
}

func times(r float64) string {
	if r == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", r)
}

func number(f float64, digits int) string {
	if f == 0 {
		return "-"
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}

// describeMachine says what the numbers were measured on.
func describeMachine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores, %s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
