package trial

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"pgcordon/bench/load"
	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// Options are what the user chose.
type Options struct {
	Rounds   int
	Duration time.Duration
	// Clients are the numbers of clients of the workloads that do not have their own.
	Clients []int
	// Workloads, Modes and Targets are the only ones; empty: all.
	Workloads, Modes, Targets []string
	// Quick is a smoke test: everything, small and short.
	Quick bool
	Sizes load.Sizes
	// Profile adds profiles of the proxies, which are written to Out.
	Profile bool
	Out     string

	// Program is the pgcordon binary, Version what it says of itself.
	Program, Version string
	// DSN, Config and PgBouncer are those of stand.Options.
	DSN, Config, PgBouncer string
	PoolSize               int

	// Progress is told what is being done; Terminal says that it is one.
	Progress io.Writer
	Terminal bool
}

// Targets are all that can be asked for.
var Targets = []string{report.Direct, report.Relay, report.BouncerSession, report.BouncerTransaction, report.CordonSession, report.CordonTransaction,
	report.Few, report.Many, report.Unlimited}

// Modes are all that can be asked for.
var Modes = []string{"simple", "extended", "prepared"}

// check completes the options, and says what is wrong with them.
func (o *Options) check() error {
	if o.Quick {
		o.Rounds, o.Duration, o.Sizes = 1, 200*time.Millisecond, load.Quick
		o.Clients = []int{1, 4}
	}
	if o.Rounds < 1 || o.Duration <= 0 || o.PoolSize < 1 {
		return errors.New("rounds, duration and pool size are more than 0")
	}
	if o.Duration%time.Second != 0 && !o.Quick {
		return errors.New("--duration is in whole seconds: pgbench takes no others")
	}
	for _, n := range o.Clients {
		if n < 1 {
			return errors.New("--clients: a number of clients is 1 or more")
		}
	}
	var workloads []string
	for _, w := range load.All(o.Sizes) {
		workloads = append(workloads, w.Name)
	}
	for _, list := range []struct {
		flag          string
		chosen, known []string
	}{{"--workloads", o.Workloads, workloads}, {"--modes", o.Modes, Modes}, {"--targets", o.Targets, Targets}} {
		for _, name := range list.chosen {
			if !slices.Contains(list.known, name) {
				return fmt.Errorf("%s %s: expected %s", list.flag, name, strings.Join(list.known, ", "))
			}
		}
	}
	o.Sizes.Idle = min(o.Sizes.Idle, openFiles()-1000)
	o.Sizes.Active = min(o.Sizes.Active, o.Sizes.Idle)
	return nil
}

// openFiles is how many files a process may have open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max > 1<<20 {
		return 1 << 20
	}
	return int(limit.Max)
}

// workloads are the chosen ones, and why others cannot be measured.
func (o *Options) workloads(pgbench error) (chosen []load.Workload, notes []string) {
	for _, w := range load.All(o.Sizes) {
		if len(o.Workloads) > 0 && !slices.Contains(o.Workloads, w.Name) {
			continue
		}
		if w.NeedsPgbench && pgbench != nil {
			notes = append(notes, fmt.Sprintf("%s is left out: %v", w.Name, pgbench))
			continue
		}
		chosen = append(chosen, w)
	}
	return chosen, notes
}

func (o *Options) stand() stand.Options {
	most := slices.Max(append([]int{64}, o.Clients...))
	return stand.Options{Program: o.Program, DSN: o.DSN, Config: o.Config, PgBouncer: o.PgBouncer, Targets: o.Targets,
		PoolSize: o.PoolSize, Clients: most + 10, Profiled: o.Profile}
}

// setting says in words what is measured.
func (o *Options) setting() []string {
	z := o.Sizes
	return []string{
		fmt.Sprintf("%d rounds of %v for each measurement; in a round every target has its turn", o.Rounds, o.Duration),
		fmt.Sprintf("pgbench scale %d; a shop of %s orders; %s rows in bulk; %s tenants; %s idle clients, %s of them active",
			z.Scale, report.Thousands(float64(z.ShopOrders)), report.Thousands(float64(z.BulkRows)), report.Thousands(float64(z.Tenants)),
			report.Thousands(float64(z.Idle)), report.Thousands(float64(z.Active))),
		fmt.Sprintf("targets in transaction mode have %d server connections; in session mode each client has its own", o.PoolSize),
		"clients, proxies and (unless a DSN was given) Postgres share the machine; everybody logs in with SCRAM, which is not measured",
	}
}

func cores() int { return runtime.NumCPU() }
