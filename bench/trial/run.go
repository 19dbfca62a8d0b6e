package trial

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgcordon/bench/load"
	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// run is a bench under way.
type run struct {
	opts     *Options
	stand    *stand.Stand
	pgbench  string
	results  *report.Results
	progress *progress
}

// Run measures everything. What was measured before an error is returned with it. The error says nothing of measurements that failed:
// those are in the results.
func Run(ctx context.Context, o Options) (_ *report.Results, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	pgbench, missing := load.FindPgbench()
	workloads, notes := o.workloads(missing)
	r := &run{opts: &o, pgbench: pgbench, progress: &progress{opts: &o, started: time.Now()},
		results: &report.Results{Started: time.Now().UTC(), Machine: machine(), Load: loadAverage(), Cores: cores(),
			Rounds: o.Rounds, Quick: o.Quick, Setting: append(o.setting(), notes...)}}
	options := o.stand()
	options.Say = r.progress.say
	if r.stand, err = stand.Open(ctx, options); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.stand.Close()) }()
	if err := r.prepare(ctx, workloads); err != nil {
		return nil, err
	}
	cells := r.cells(workloads)
	r.progress.started = time.Now()
	for _, c := range cells {
		r.progress.total += len(c.targets) * c.rounds(&o)
	}
	for _, c := range cells {
		if err = r.measure(ctx, c); err != nil {
			break
		}
	}
	if err == nil && o.Profile {
		err = r.profile(ctx, cells)
	}
	r.progress.finish()
	r.results.Seconds = time.Since(r.results.Started).Seconds()
	r.results.Judge()
	return r.results, err
}

// prepare makes the tables and starts the targets.
func (r *run) prepare(ctx context.Context, workloads []load.Workload) error {
	var made []string
	for _, w := range workloads {
		if slices.Contains(made, w.Data) {
			continue
		}
		made = append(made, w.Data)
		r.progress.say("filling the tables of %s", w.Name)
		if err := load.Make(ctx, r.stand, w.Data, r.opts.Sizes); err != nil {
			return fmt.Errorf("filling the tables of %s: %w", w.Name, err)
		}
	}
	r.progress.say("starting the targets")
	if err := r.stand.Start(ctx); err != nil {
		return err
	}
	r.results.Versions = append([]string{"pgcordon " + r.opts.Version}, r.stand.Versions...)
	for name, why := range r.stand.Absent {
		r.results.Setting = append(r.results.Setting, name+" is left out: "+why)
	}
	return nil
}

// cell is a cell of the results with what it is measured on.
type cell struct {
	*report.Cell
	workload load.Workload
	targets  []*stand.Target
}

func (c *cell) rounds(o *Options) int {
	if c.workload.Once {
		return 1
	}
	return o.Rounds
}

func (r *run) cells(workloads []load.Workload) (cells []*cell) {
	for _, w := range workloads {
		modes, clients := w.Modes, w.Clients
		if modes == nil {
			modes = []string{""}
		}
		if clients == nil {
			clients = r.opts.Clients
		}
		for _, mode := range modes {
			if mode != "" && len(r.opts.Modes) > 0 && !slices.Contains(r.opts.Modes, mode) {
				continue
			}
			for _, n := range clients {
				c := &cell{Cell: r.results.Cell(w.Name, mode, n), workload: w}
				c.targets = r.targets(c)
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// targets are those that can do a cell; of the others the cell says why they cannot.
func (r *run) targets(c *cell) (able []*stand.Target) {
	for _, t := range r.stand.Targets {
		if c.workload.Targets == nil && (t.Tenants > 0 || t.Only) || c.workload.Targets != nil && !slices.Contains(c.workload.Targets, t.Name) {
			continue
		}
		switch why := t.Holds(c.Clients); {
		case why != "":
			c.LeaveOut(t.Name, why)
		case !t.Speaks(c.Mode):
			c.LeaveOut(t.Name, "PgBouncer before 1.21 keeps no named statements in transaction mode")
		default:
			able = append(able, t)
		}
	}
	return able
}

// measure does all rounds of a cell. Who begins changes from round to round.
func (r *run) measure(ctx context.Context, c *cell) error {
	for round := range c.rounds(r.opts) {
		for i := range c.targets {
			t := c.targets[(i+round)%len(c.targets)]
			r.progress.begin(c.Name(), round+1, t.Name)
			if !c.Failed(t.Name) {
				m, err := r.one(ctx, c, t, round, r.opts.Duration)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					c.Fail(t.Name, withLog(err, t))
				} else {
					c.Add(t.Name, m)
				}
			}
			r.progress.end()
		}
		if c.Workload == report.Unseen {
			if err := r.inProcess(ctx, c, round); err != nil {
				return err
			}
		}
	}
	// In the order of the targets, whoever began.
	slices.SortStableFunc(c.Series, func(a, b *report.Series) int { return position(a.Target) - position(b.Target) })
	return nil
}

func position(target string) int {
	if i := slices.Index(Targets, target); i >= 0 {
		return i
	}
	return len(Targets)
}

func (r *run) one(ctx context.Context, c *cell, t *stand.Target, round int, duration time.Duration) (report.Measurement, error) {
	if err := r.stand.AwaitRoom(ctx, min(c.Clients, t.Connections)); err != nil {
		return report.Measurement{}, err
	}
	return c.workload.Run(ctx, r.job(c, t, round, duration))
}

func (r *run) job(c *cell, t *stand.Target, round int, duration time.Duration) load.Job {
	return load.Job{Stand: r.stand, Target: t, Mode: c.Mode, Clients: c.Clients, Duration: duration, Round: round, Sizes: r.opts.Sizes, Pgbench: r.pgbench}
}

func (r *run) inProcess(ctx context.Context, c *cell, round int) error {
	parse, plan, err := load.InProcess(ctx, r.job(c, nil, round, 0))
	if err != nil {
		c.Fail(report.Planner, err)
		return ctx.Err()
	}
	c.Add(report.Parser, parse)
	c.Add(report.Planner, plan)
	return nil
}

// withLog adds the end of what the target's process wrote.
func withLog(err error, t *stand.Target) error {
	if log := t.Log(); log != "" {
		return fmt.Errorf("%w\nlog of %s:\n%s", err, t.Name, log[max(0, len(log)-2000):])
	}
	return err
}

// machine says what the numbers were measured on.
func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores, %s, %s/%s, %s", cores(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// loadAverage is of the last minute; negative when unknown.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	f, err := strconv.ParseFloat(first, 64)
	if err != nil || math.IsNaN(f) {
		return -1
	}
	return f
}
