package load

import (
	"sync"
	"time"

	"pgcordon/bench/stand"
)

// cpuWatch notes now and then what a target's process has spent: only when pgbench has ended does it say when its clients had logged in.
type cpuWatch struct {
	target  *stand.Target
	started time.Time
	stop    chan struct{}
	done    sync.WaitGroup
	samples []cpuSample
}

type cpuSample struct {
	at    time.Duration // since the start
	spent time.Duration
}

// cpuInterval is a few ticks of the kernel's counter.
const cpuInterval = 50 * time.Millisecond

func watchCPU(t *stand.Target) *cpuWatch {
	w := &cpuWatch{target: t, started: time.Now(), stop: make(chan struct{})}
	w.sample()
	w.done.Go(func() {
		tick := time.NewTicker(cpuInterval)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.sample()
			}
		}
	})
	return w
}

func (w *cpuWatch) sample() {
	w.samples = append(w.samples, cpuSample{at: time.Since(w.started), spent: w.target.CPU()})
}

// since ends the watch and returns what was spent after that much time.
func (w *cpuWatch) since(start time.Duration) time.Duration {
	close(w.stop)
	w.done.Wait()
	w.sample()
	return spentSince(w.samples, start)
}

func spentSince(samples []cpuSample, start time.Duration) time.Duration {
	last := samples[len(samples)-1]
	for i, s := range samples {
		if s.at < start {
			continue
		}
		if i == 0 {
			return last.spent - s.spent
		}
		before := samples[i-1]
		share := float64(start-before.at) / float64(s.at-before.at)
		return last.spent - before.spent - time.Duration(share*float64(s.spent-before.spent))
	}
	return 0
}
