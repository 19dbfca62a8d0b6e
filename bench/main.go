package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

type options struct {
	rounds    int
	duration  time.Duration
	clients   []int
	workloads []string
	modes     []string
	targets   []string
	scale     int
	out       string
	quick     bool
}

func parseOptions(args []string) (options, error) {
	var o options
	var clients, workloads, modes, targets string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; in each one every target gets its turn")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "length of one measurement, in whole seconds")
	flags.StringVar(&clients, "clients", "1,16,64", "numbers of clients")
	flags.StringVar(&workloads, "workloads", "select-only,tpcb-like", "pgbench's built-in scripts")
	flags.StringVar(&modes, "modes", "simple,extended,prepared", "query modes")
	flags.StringVar(&targets, "targets", "", "targets, all when empty: direct, relay, pgbouncer-session, pgbouncer-transaction, pgcordon")
	flags.IntVar(&o.scale, "scale", 10, "pgbench's scale factor")
	flags.StringVar(&o.out, "out", "bench/results", "directory for the JSON file")
	flags.BoolVar(&o.quick, "quick", false, "a smoke test: one round of 2 s, few combinations")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds, o.duration, o.scale = 1, 2*time.Second, 1
		clients, modes = "8", "simple,prepared"
	}
	if o.rounds < 1 || o.duration < time.Second || o.duration%time.Second != 0 {
		return o, errors.New("at least one round of whole seconds")
	}
	for _, word := range split(clients) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return o, fmt.Errorf("--clients %s: a number of clients is 1 or more", clients)
		}
		o.clients = append(o.clients, n)
	}
	o.workloads, o.modes, o.targets = split(workloads), split(modes), split(targets)
	return o, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if err == nil {
		err = run(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	w, err := startWorld(ctx, o)
	if err != nil {
		return err
	}
	// What was measured before a failure is shown and kept as well.
	results, failure := measureAll(ctx, o, w)
	failure = errors.Join(failure, w.stop())
	for _, c := range results.Combinations {
		fmt.Println()
		c.print(os.Stdout)
	}
	file, err := save(o.out, results)
	if err != nil {
		return errors.Join(failure, err)
	}
	fmt.Printf("\nIn detail: %s\n", file)
	return failure
}

// measureAll runs every combination; in each round the targets take turns, so that what disturbs the machine for
// a while disturbs them all.
func measureAll(ctx context.Context, o options, w *world) (*results, error) {
	all := &results{Started: time.Now().UTC(), Machine: describeMachine(), Rounds: o.rounds, Seconds: o.duration.Seconds(), Scale: o.scale}
	for _, workload := range o.workloads {
		for _, mode := range o.modes {
			for _, clients := range o.clients {
				c := &combination{Workload: workload, Mode: mode, Clients: clients}
				all.Combinations = append(all.Combinations, c)
				for round := range o.rounds {
					for _, target := range w.targets {
						if !target.speaks(mode) || len(o.targets) > 0 && !slices.Contains(o.targets, target.name) {
							continue
						}
						fmt.Fprintf(os.Stderr, "round %d of %d: %s, %s, %d clients, %s\n", round+1, o.rounds, workload, mode, clients, target.name)
						m, err := w.measure(ctx, o, target, workload, mode, clients)
						if err != nil {
							return all, fmt.Errorf("%s, %s, %d clients, %s: %w", workload, mode, clients, target.name, err)
						}
						c.add(target.name, m)
					}
				}
			}
		}
	}
	return all, nil
}

func save(dir string, r *results) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, r.Started.Format("20060102-150405")+".json")
	return file, os.WriteFile(file, append(text, '\n'), 0o644)
}
