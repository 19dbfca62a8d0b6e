package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Results are a whole run, as the JSON file has it.
type Results struct {
	Started time.Time `json:"started"`
	// Seconds is how long the run took.
	Seconds  float64  `json:"seconds"`
	Machine  string   `json:"machine"`
	Versions []string `json:"versions"`
	// Setting says in words what was measured: rounds, durations, sizes.
	Setting []string `json:"setting"`
	// Load is the machine's load average at the beginning, before the run put any on it; negative when unknown.
	Load    float64 `json:"load_before"`
	Cores   int     `json:"cores"`
	Rounds  int     `json:"rounds"`
	Quick   bool    `json:"quick"`
	Cells   []*Cell `json:"cells"`
	Targets []Goal  `json:"targets"`
}

// Cell is one workload, mode and number of clients.
type Cell struct {
	Workload string `json:"workload"`
	// Mode is how statements are sent: simple, extended or prepared; empty where there is no choice.
	Mode    string    `json:"mode,omitempty"`
	Clients int       `json:"clients"`
	Series  []*Series `json:"series"`
}

// Series are the measurements of one target in a cell.
type Series struct {
	Target string        `json:"target"`
	Rounds []Measurement `json:"rounds,omitempty"`
	// LeftOut says why the target was not measured, Failure what went wrong when it was.
	LeftOut string `json:"left_out,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// Measurement is one turn of one target. Zero values were not measured.
type Measurement struct {
	// PerSecond are transactions per second.
	PerSecond    float64 `json:"per_second,omitempty"`
	Transactions int     `json:"transactions,omitempty"`
	// Latencies of a transaction, in milliseconds.
	Latency Latency `json:"latency_ms,omitzero"`
	// CPU is what the proxy's process spent, in microseconds per transaction.
	CPU float64 `json:"cpu_us,omitempty"`
	// RowsPerSecond is measured where a transaction is made of rows.
	RowsPerSecond float64 `json:"rows_per_second,omitempty"`
	Idle          *Idle   `json:"idle,omitempty"`
	// Neighbour is set where the measured client has a neighbour.
	Neighbour *Neighbour `json:"neighbour,omitempty"`
}

// Neighbour is how a quiet tenant was served alone, while Measurement.Latency is beside a flood, and how the flood was.
type Neighbour struct {
	Alone          Latency `json:"alone_ms"`
	FloodPerSecond float64 `json:"flood_per_second"`
}

// Latency is a distribution, in milliseconds.
type Latency struct {
	Average float64 `json:"average"`
	P50     float64 `json:"p50"`
	P90     float64 `json:"p90"`
	P95     float64 `json:"p95"`
	P99     float64 `json:"p99"`
}

// Idle is what many clients that do nothing cost, and how those of them that begin to work are served.
type Idle struct {
	Clients int `json:"clients"`
	// Bytes are resident in the proxy's process, per client.
	Bytes float64 `json:"bytes_per_client"`
	// Active are those of them that worked.
	Active int `json:"active"`
	// SlowestToMedian compares clients by the mean of their waits: the unluckiest with the median one.
	SlowestToMedian float64 `json:"slowest_to_median"`
	// FewestToMost compares how many statements the clients got answered.
	FewestToMost float64 `json:"fewest_to_most"`
}

// Cell returns the cell, which it adds when there is none yet.
func (r *Results) Cell(workload, mode string, clients int) *Cell {
	if c := r.find(workload, mode, clients); c != nil {
		return c
	}
	c := &Cell{Workload: workload, Mode: mode, Clients: clients}
	r.Cells = append(r.Cells, c)
	return c
}

func (r *Results) find(workload, mode string, clients int) *Cell {
	for _, c := range r.Cells {
		if c.Workload == workload && c.Mode == mode && c.Clients == clients {
			return c
		}
	}
	return nil
}

// Name is the cell in words.
func (c *Cell) Name() string {
	name := c.Workload
	if c.Mode != "" {
		name += ", " + c.Mode
	}
	switch c.Clients {
	case 0:
		return name
	case 1:
		return name + ", 1 client"
	}
	return fmt.Sprintf("%s, %d clients", name, c.Clients)
}

// Add keeps a measurement.
func (c *Cell) Add(target string, m Measurement) {
	s := c.series(target)
	s.Rounds = append(s.Rounds, m)
}

// LeaveOut notes that a target is not measured, and why.
func (c *Cell) LeaveOut(target, why string) { c.series(target).LeftOut = why }

// Fail notes what went wrong; the series has no numbers then.
func (c *Cell) Fail(target string, err error) {
	s := c.series(target)
	s.Rounds, s.Failure = nil, err.Error()
}

// Failed reports whether the target is not worth another round.
func (c *Cell) Failed(target string) bool {
	s := c.Find(target)
	return s != nil && s.Failure != ""
}

func (c *Cell) series(target string) *Series {
	if s := c.Find(target); s != nil {
		return s
	}
	s := &Series{Target: target}
	c.Series = append(c.Series, s)
	return s
}

// Find returns a target's series, nil when it has none.
func (c *Cell) Find(target string) *Series {
	if i := slices.IndexFunc(c.Series, func(s *Series) bool { return s.Target == target }); i >= 0 {
		return c.Series[i]
	}
	return nil
}

// Failures lists what went wrong.
func (r *Results) Failures() (all []string) {
	for _, c := range r.Cells {
		for _, s := range c.Series {
			if s.Failure != "" {
				all = append(all, fmt.Sprintf("%s, %s: %s", c.Name(), s.Target, s.Failure))
			}
		}
	}
	return all
}

// WriteJSON writes the results with every single measurement.
func (r *Results) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Load reads what WriteJSON has written.
func Load(file string) (*Results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &Results{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}
