package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// bucket holds tokens that fill at a rate (a leaky bucket kept as one number, the generic cell rate algorithm of ATM Forum TM 4.0).
// It is two words without a lock: what is taken is time, and the number is when the bucket is full again.
type bucket struct {
	pace atomic.Pointer[pace] // nil: unlimited
	// full is when the bucket is full, in nanoseconds of the gate's clock; in the past for one that is.
	full atomic.Int64
}

// pace is how fast a bucket fills and how much it holds.
type pace struct {
	interval float64 // nanoseconds for one token
	room     int64   // nanoseconds from empty to full
	// hope is what part of a delay is left if this proxy gets as much of a shared limit as every other; at most 1.
	hope float64
}

// farthest bounds what a bucket reckons with, in nanoseconds: 36 years.
const farthest = 1 << 60

func newPace(perSecond, burst, hope float64) *pace {
	if perSecond <= 0 {
		return nil
	}
	interval := float64(time.Second) / perSecond
	return &pace{interval: interval, room: nanoseconds(interval * burst), hope: hope}
}

// hoped is a delay as it may become.
func (p *pace) hoped(delay int64) time.Duration { return time.Duration(float64(delay) * p.hope) }

// within is the longest delay that may become one of at most d.
func (p *pace) within(d time.Duration) int64 { return nanoseconds(float64(d) / p.hope) }

func nanoseconds(f float64) int64 { return int64(math.Min(math.Round(f), farthest)) }

// take takes a token of now, or of a time within most: delay says when. When it would be later nothing is taken, and ok is false.
func (b *bucket) take(p *pace, now, most int64) (delay int64, ok bool) {
	cost := nanoseconds(p.interval)
	for {
		full := b.full.Load()
		next := max(full, now) + cost
		delay = max(0, next-p.room-now)
		if delay > most {
			return delay, false
		}
		if b.full.CompareAndSwap(full, next) {
			return delay, true
		}
	}
}

// giveBack returns a token that was not used.
func (b *bucket) giveBack(p *pace) { b.full.Add(-nanoseconds(p.interval)) }

// spend takes tokens that may not be there yet.
func (b *bucket) spend(p *pace, now, n int64) {
	for {
		full := b.full.Load()
		next := min(max(full, now)+nanoseconds(p.interval*float64(n)), now+farthest)
		if b.full.CompareAndSwap(full, next) {
			return
		}
	}
}

// debt is how long it takes until nothing is owed, in nanoseconds; 0 when nothing is.
func (b *bucket) debt(p *pace, now int64) int64 { return max(0, b.full.Load()-p.room-now) }

func (b *bucket) isFull(now int64) bool { return b.pace.Load() == nil || b.full.Load() <= now }

// setPace exchanges rate and size, and reports whether they are others; the tokens that are there, or owed, stay, at most as many as there is room for.
func (b *bucket) setPace(next *pace, now int64) bool {
	was := b.pace.Load()
	if was == next || was != nil && next != nil && *was == *next {
		return false
	}
	b.pace.Store(next)
	if next == nil || was == nil {
		b.full.Store(now)
		return true
	}
	for {
		full := b.full.Load()
		tokens := float64(was.room-max(0, full-now)) / was.interval
		missing := nanoseconds(float64(next.room) - tokens*next.interval)
		if b.full.CompareAndSwap(full, now+max(0, missing)) {
			return true
		}
	}
}
