package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/bench/report"
)

// runIdle logs many clients in, lets them do nothing, and then has some of them send one statement after the other.
func runIdle(ctx context.Context, j Job) (m report.Measurement, err error) {
	before := j.Target.Resident()
	clients, err := connectAll(ctx, j.Clients, func(ctx context.Context, _ int) (client, error) {
		conn, err := pgconn.Connect(ctx, j.Target.ConnString(0))
		if err != nil {
			return nil, err
		}
		return &wire{conn: conn}, nil
	})
	if err != nil {
		return m, err
	}
	defer closeAll(clients)
	// Each has done something once: a client that has only logged in could cost less than one that has worked.
	active := clients[:min(j.Sizes.Active, len(clients))]
	for i, c := range clients {
		r := random(j, i)
		c.(*wire).run = func(ctx context.Context, conn *pgconn.PgConn) error {
			_, err := conn.Exec(ctx, fmt.Sprintf("SELECT abalance FROM pgbench_accounts WHERE aid = %d", r.IntN(100000*j.Sizes.Scale)+1)).ReadAll()
			return err
		}
		if err := c.transact(ctx); err != nil {
			return m, err
		}
	}
	resident, err := settled(ctx, j)
	if err != nil {
		return m, err
	}
	spent := j.Target.CPU()
	waits, err := waitsOf(ctx, active, j.Duration)
	if err != nil {
		return m, err
	}
	m = fairness(waits)
	m.Idle.Clients, m.Idle.Bytes = len(clients), float64(resident-before)/float64(len(clients))
	if m.Transactions > 0 {
		m.CPU = float64((j.Target.CPU() - spent).Microseconds()) / float64(m.Transactions)
	}
	return m, nil
}

// settled waits until the memory of the process does not get less any more: what logging in took is given back after a while.
func settled(ctx context.Context, j Job) (int64, error) {
	const interval, patience = 500 * time.Millisecond, 10
	tick := time.NewTicker(interval)
	defer tick.Stop()
	least, unchanged := j.Target.Resident(), 0
	for unchanged < patience && j.Sizes.Transactions == 0 {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
		unchanged++
		if now := j.Target.Resident(); now < least {
			least, unchanged = now, 0
		}
	}
	return least, nil
}

// waitsOf lets the clients send statements for a while and returns each one's waits. A client whose statement fails stops; the error says how
// many did, and why the first.
func waitsOf(ctx context.Context, clients []client, duration time.Duration) ([][]time.Duration, error) {
	all := make([][]time.Duration, len(clients))
	errs := make([]error, len(clients))
	var done sync.WaitGroup
	start := time.Now()
	for i, c := range clients {
		done.Go(func() {
			for errs[i] == nil && time.Since(start) < duration {
				begun := time.Now()
				errs[i] = c.transact(ctx)
				all[i] = append(all[i], time.Since(begun))
			}
		})
	}
	done.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) > 0 {
		return nil, fmt.Errorf("statements of %d of %d clients failed, of the first: %w", len(failed), len(clients), failed[0])
	}
	return all, ctx.Err()
}

// fairness compares the clients by their mean waits, and by how much they got done.
func fairness(waits [][]time.Duration) report.Measurement {
	var all []time.Duration
	var means []float64
	fewest, most := len(waits[0]), 0
	for _, w := range waits {
		all = append(all, w...)
		var sum time.Duration
		for _, d := range w {
			sum += d
		}
		means = append(means, sum.Seconds()/float64(max(1, len(w))))
		fewest, most = min(fewest, len(w)), max(most, len(w))
	}
	slices.Sort(means)
	m := measured(all, len(waits))
	m.Idle = &report.Idle{Active: len(waits),
		SlowestToMedian: means[len(means)-1] / means[len(means)/2], FewestToMost: float64(fewest) / float64(max(1, most))}
	return m
}
