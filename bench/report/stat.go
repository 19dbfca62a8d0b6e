package report

import "slices"

// Stat is a median over the rounds, with the smallest and largest value.
type Stat struct {
	Median, Min, Max float64
	// Rounds is how many values there are; 0: nothing was measured.
	Rounds int
}

// Known reports whether anything was measured.
func (s Stat) Known() bool { return s.Rounds > 0 }

func statOf(values []float64) Stat {
	if len(values) == 0 {
		return Stat{}
	}
	slices.Sort(values)
	n := len(values)
	return Stat{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1], Rounds: n}
}

// Metric takes one number of a measurement; 0 means that it was not measured.
type Metric func(Measurement) float64

// The metrics that are compared.
var (
	Throughput Metric = func(m Measurement) float64 { return m.PerSecond }
	CPU        Metric = func(m Measurement) float64 { return m.CPU }
	Rows       Metric = func(m Measurement) float64 { return m.RowsPerSecond }
	P50        Metric = func(m Measurement) float64 { return m.Latency.P50 }
	P90        Metric = func(m Measurement) float64 { return m.Latency.P90 }
	P99        Metric = func(m Measurement) float64 { return m.Latency.P99 }
	IdleBytes         = idle(func(i *Idle) float64 { return i.Bytes })
	Waits             = idle(func(i *Idle) float64 { return i.SlowestToMedian })
	AloneP50          = neighbour(func(m Measurement) float64 { return m.Neighbour.Alone.P50 })
	AloneP99          = neighbour(func(m Measurement) float64 { return m.Neighbour.Alone.P99 })
	BesideP50         = neighbour(func(m Measurement) float64 { return m.Latency.P50 / m.Neighbour.Alone.P50 })
	Beside            = neighbour(func(m Measurement) float64 { return m.Latency.P99 / m.Neighbour.Alone.P99 })
	Flood             = neighbour(func(m Measurement) float64 { return m.Neighbour.FloodPerSecond })
	Answered          = idle(func(i *Idle) float64 { return i.FewestToMost })
)

func neighbour(f func(Measurement) float64) Metric {
	return func(m Measurement) float64 {
		if m.Neighbour == nil {
			return 0
		}
		return f(m)
	}
}

func idle(f func(*Idle) float64) Metric {
	return func(m Measurement) float64 {
		if m.Idle == nil {
			return 0
		}
		return f(m.Idle)
	}
}

// Stat of a target's metric over the rounds.
func (c *Cell) Stat(target string, of Metric) Stat {
	s := c.Find(target)
	if s == nil {
		return Stat{}
	}
	var values []float64
	for _, m := range s.Rounds {
		if v := of(m); v != 0 {
			values = append(values, v)
		}
	}
	return statOf(values)
}

// Ratio divides a target's metric by another's, round by round.
func (c *Cell) Ratio(target, other string, of Metric) Stat {
	return c.paired(target, other, func(a, b Measurement) float64 {
		if of(b) == 0 {
			return 0
		}
		return of(a) / of(b)
	})
}

// Added is by how many milliseconds a target's median latency exceeds that of direct; negative when it is less.
func (c *Cell) Added(target string) Stat {
	return c.paired(target, Direct, func(a, b Measurement) float64 {
		if a.Latency.P50 == 0 || b.Latency.P50 == 0 {
			return 0
		}
		return a.Latency.P50 - b.Latency.P50
	})
}

// paired computes a value from the measurements of two targets in each round; 0 is none.
func (c *Cell) paired(target, other string, value func(a, b Measurement) float64) Stat {
	s, o := c.Find(target), c.Find(other)
	if s == nil || o == nil {
		return Stat{}
	}
	var values []float64
	for i := range min(len(s.Rounds), len(o.Rounds)) {
		if v := value(s.Rounds[i], o.Rounds[i]); v != 0 {
			values = append(values, v)
		}
	}
	return statOf(values)
}

// Spread is how far the rounds of all series lie apart: the median over the series of (max - min) / median of their throughput.
// It is 0 when there are less than two rounds.
func (r *Results) Spread() float64 {
	var all []float64
	for _, c := range r.Cells {
		for _, s := range c.Series {
			if t := c.Stat(s.Target, Throughput); t.Rounds > 1 {
				all = append(all, (t.Max-t.Min)/t.Median)
			}
		}
	}
	return statOf(all).Median
}
