package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pgcordon/bench/report"
)

// client is one connection with what it does.
type client interface {
	// prepare does what comes before a transaction and is not measured.
	prepare(ctx context.Context) error
	// transact runs a transaction.
	transact(ctx context.Context) error
	close()
}

// loginsAtOnce bounds how many clients log in at the same time: each login costs some milliseconds of CPU on either side.
const loginsAtOnce = 8

// connectAll makes the clients, all or none.
func connectAll(ctx context.Context, n int, connect func(ctx context.Context, i int) (client, error)) ([]client, error) {
	clients := make([]client, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loginsAtOnce)
	for i := range n {
		group.Go(func() error {
			c, err := connect(ctx, i)
			if err != nil {
				return fmt.Errorf("client %d logs in: %w", i+1, err)
			}
			clients[i] = c
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		closeAll(clients)
		return nil, err
	}
	return clients, nil
}

func closeAll(clients []client) {
	for _, c := range clients {
		if c != nil {
			c.close()
		}
	}
}

// drive measures the job: its clients run transactions until the time is over. Each has run one before, which is not measured: plans are
// made once, and statements prepared.
func drive(ctx context.Context, j Job, connect func(ctx context.Context, i int) (client, error)) (m report.Measurement, err error) {
	clients, err := connectAll(ctx, j.Clients, connect)
	if err != nil {
		return m, err
	}
	defer closeAll(clients)
	if _, err := each(ctx, clients, func(context.Context, time.Duration) bool { return true }); err != nil {
		return m, err
	}
	before := j.Target.CPU()
	all, err := each(ctx, clients, func(_ context.Context, since time.Duration) bool { return since >= j.Duration })
	if err != nil {
		return m, err
	}
	var latencies []time.Duration
	for _, l := range all {
		latencies = append(latencies, l...)
	}
	m = measured(latencies, j.Clients)
	m.CPU = float64((j.Target.CPU() - before).Microseconds()) / float64(len(latencies))
	return m, nil
}

// each lets every client run transactions until it is enough, at least one, and returns their latencies. The first error ends all.
func each(ctx context.Context, clients []client, enough func(context.Context, time.Duration) bool) ([][]time.Duration, error) {
	all := make([][]time.Duration, len(clients))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done sync.WaitGroup
	start := time.Now()
	for i, c := range clients {
		done.Go(func() {
			for {
				if err := c.prepare(ctx); err != nil {
					cancel(err)
					return
				}
				begun := time.Now()
				if err := c.transact(ctx); err != nil {
					cancel(err)
					return
				}
				all[i] = append(all[i], time.Since(begun))
				if enough(ctx, time.Since(start)) {
					return
				}
			}
		})
	}
	done.Wait()
	return all, context.Cause(ctx)
}

// measured makes a measurement of latencies. The clients have been busy all of the time but for what prepare took, so the throughput
// follows from the latencies alone.
func measured(latencies []time.Duration, clients int) report.Measurement {
	slices.Sort(latencies)
	var total time.Duration
	for _, l := range latencies {
		total += l
	}
	n := len(latencies)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	at := func(p int) float64 { return ms(latencies[max(0, (n*p+99)/100-1)]) }
	return report.Measurement{
		PerSecond: float64(n) * float64(clients) / total.Seconds(), Transactions: n,
		Latency: report.Latency{Average: ms(total) / float64(n), P50: at(50), P90: at(90), P95: at(95), P99: at(99)},
	}
}

// random is a client's own source, the same in every run for the same client and round.
func random(j Job, i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(j.Round), uint64(i))) }

// errMode is a mode that a workload was not made for.
var errMode = errors.New("unknown mode")
