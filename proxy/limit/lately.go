package limit

import (
	"sync/atomic"
	"time"
)

// lately counts what was used in the last second, to be shown. It is three words without a lock: who counts while a second ends may be
// counted in the one before or not at all, which nobody is held to.
type lately struct {
	second    atomic.Int64 // that now counts, on the gate's clock
	now, last atomic.Int64
}

func (l *lately) add(n, now int64) {
	l.turn(now)
	l.now.Add(n)
}

// turn begins a second.
func (l *lately) turn(now int64) {
	second := now / int64(time.Second)
	before := l.second.Load()
	if before >= second || !l.second.CompareAndSwap(before, second) {
		return
	}
	ended := l.now.Swap(0)
	if before < second-1 {
		ended = 0
	}
	l.last.Store(ended)
}

// count is how much it was: what is counted in this second, and of the one before as much as belongs to the last 1000 ms.
func (l *lately) count(now int64) float64 {
	l.turn(now)
	passed := float64(now%int64(time.Second)) / float64(time.Second)
	return float64(l.now.Load()) + float64(l.last.Load())*(1-passed)
}
