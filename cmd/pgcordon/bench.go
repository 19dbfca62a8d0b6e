package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pgcordon/bench/load"
	"pgcordon/bench/report"
	"pgcordon/bench/trial"
	"pgcordon/config"
)

const benchHelp = `bench measures what pgcordon costs and saves on this machine: a direct connection, a bare relay, PgBouncer if it is installed, and
pgcordon, under pgbench's scripts, a shop, many rows, many tenants and many clients. It prints tables, and writes them as text, as JSON
with every measurement, and as an HTML page with charts.

It starts a throwaway Postgres, or takes the server of --dsn: a role that may create databases. Then it makes a database of its own there,
and drops it at the end; nothing else is touched. With --config it takes the settings (limits, wire, rewriter, ...) of that pgcordon.yaml,
and its upstream server unless --dsn names another; the policy, the users and the pool's sizes are the run's own.

The exit code is 1 when a measurement failed. bench/README.md in the sources says how to read the numbers.`

type benchFlags struct {
	clients, workloads, modes, targets string
	options                            trial.Options
}

func newBenchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure direct, PgBouncer and pgcordon on this machine",
		Long:  benchHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBench(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), f)
		},
	}
	flags, o := cmd.Flags(), &f.options
	flags.StringVar(&o.DSN, "dsn", "", "connection string of a server to measure, for a role that may create databases; default: a throwaway server")
	flags.StringVarP(&o.Config, "config", "c", "", "pgcordon.yaml to take the settings from, and the upstream server")
	flags.BoolVar(&o.Quick, "quick", false, "a smoke test of less than a minute; its numbers mean nothing")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; in each one every target has its turn")
	flags.DurationVar(&o.Duration, "duration", 5*time.Second, "length of one measurement")
	flags.StringVar(&f.clients, "clients", "1,16,64,256", "numbers of clients")
	flags.StringVar(&f.workloads, "workloads", "", "only these: "+benchWorkloads())
	flags.StringVar(&f.modes, "modes", "", "only these ways to send statements: "+strings.Join(trial.Modes, ","))
	flags.StringVar(&f.targets, "targets", "", "only these: "+strings.Join(trial.Targets, ","))
	flags.IntVar(&o.PoolSize, "pool-size", 20, "server connections of the targets in transaction mode")
	flags.StringVar(&o.PgBouncer, "pgbouncer", "", "program to compare with; default: the one in PATH or /usr/sbin")
	flags.IntVar(&o.Sizes.Scale, "scale", load.Full.Scale, "pgbench's scale factor")
	flags.IntVar(&o.Sizes.BulkRows, "bulk-rows", load.Full.BulkRows, "rows of the bulk workloads")
	flags.IntVar(&o.Sizes.Tenants, "tenants", load.Full.Tenants, "tenants of the many-tenants workload")
	flags.IntVar(&o.Sizes.Idle, "idle-clients", load.Full.Idle, "clients of the many-clients workload")
	flags.IntVar(&o.Sizes.Active, "active-clients", load.Full.Active, "those of them that work")
	flags.IntVar(&o.Sizes.Flood, "flood-clients", load.Full.Flood, "clients that flood in the workloads short-flood and long-flood")
	flags.StringVarP(&o.Out, "output", "o", ".", "directory for the files")
	flags.BoolVar(&o.Profile, "profile", false, "also write CPU profiles of pgcordon, and count system calls with strace where it works")
	cmd.AddCommand(newBenchRelayCommand(), newBenchServeCommand(), newBenchRenderCommand())
	return cmd
}

func benchWorkloads() string {
	var names []string
	for _, w := range load.All(load.Full) {
		names = append(names, w.Name)
	}
	return strings.Join(names, ",")
}

func runBench(ctx context.Context, stdout, stderr io.Writer, f benchFlags) error {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o := f.options
	for _, word := range commas(f.clients) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("--clients %s: expected numbers", f.clients)
		}
		o.Clients = append(o.Clients, n)
	}
	o.Workloads, o.Modes, o.Targets = commas(f.workloads), commas(f.modes), commas(f.targets)
	o.Sizes.ShopOrders, o.Sizes.Texts = load.Full.ShopOrders, load.Full.Texts
	o.Sizes.Neighbour, o.Sizes.LongFlood = load.Full.Neighbour, load.Full.LongFlood
	o.Version = versionText()
	o.Progress = stderr
	if file, ok := stderr.(*os.File); ok {
		o.Terminal = isTerminal(file)
	}
	var err error
	if o.Program, err = ownProgram(); err != nil {
		return err
	}
	if o.Config != "" && o.DSN == "" {
		cfg, err := config.Load(o.Config, nil)
		if err != nil {
			return mistakes(err)
		}
		if cfg.Upstream == nil {
			return fmt.Errorf("%s names no database that tenants share: give one with --dsn", o.Config)
		}
		o.DSN = cfg.Upstream.ConnString()
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return err
	}
	results, err := trial.Run(ctx, o)
	if results == nil {
		return interrupted(ctx, err)
	}
	if err := errors.Join(interrupted(ctx, err), writeBench(o.Out, results, stdout)); err != nil {
		return err
	}
	if len(results.Failures()) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

func commas(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// writeBench writes the three files, and prints the results.
func writeBench(dir string, results *report.Results, stdout io.Writer) error {
	name := filepath.Join(dir, "pgcordon-bench-"+results.Started.Format("20060102-150405"))
	for _, form := range []struct {
		ending string
		write  func(io.Writer) error
	}{{".txt", results.WriteText}, {".json", results.WriteJSON}, {".html", results.WriteHTML}} {
		file, err := os.Create(name + form.ending)
		if err != nil {
			return err
		}
		if err := errors.Join(form.write(file), file.Close()); err != nil {
			return err
		}
	}
	if err := results.WriteText(stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "\nIn detail: %s.html, .json and .txt\n", name)
	return err
}
