package eventloop

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Loop watches the connections that were given to it.
type Loop struct {
	epoll int

	mu    sync.Mutex
	slots []slot
	free  []int32

	// events[next:count] are still to be handled. They are the leader's.
	events      []unix.EpollEvent
	next, count int

	// current is the leader's turn; handled counts the handlers that have begun.
	current atomic.Pointer[Turn]
	handled atomic.Uint64
	// watched is set while watch is awake, alarm wakes it.
	watched atomic.Bool
	alarm   chan struct{}
	rescues atomic.Uint64
}

// slot is the place of a connection. An event names it, and how often it was used before: events of a connection that is closed are nobody's.
type slot struct {
	conn *Conn
	uses int32
}

const (
	maxEvents = 128
	// watchEvery is how long a handler may hold a loop up.
	watchEvery = 2 * time.Millisecond
	// maxReads is how often one handler may read before others have their turn.
	maxReads = 8
)

// loops are those of the process: as many as half of the processors, so that the rest is there for what takes longer.
var loops = sync.OnceValues(func() ([]*Loop, error) {
	all := make([]*Loop, max(1, runtime.GOMAXPROCS(0)/2))
	for i := range all {
		l, err := newLoop()
		if err != nil {
			return nil, err
		}
		all[i] = l
	}
	return all, nil
})

var lastLoop atomic.Uint64

func newLoop() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	l := &Loop{epoll: epoll, events: make([]unix.EpollEvent, maxEvents), alarm: make(chan struct{}, 1)}
	l.current.Store(&Turn{loop: l})
	go l.lead()
	go l.watch()
	return l, nil
}

// add begins to watch a connection.
func (l *Loop) add(c *Conn, fd int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		c.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		l.slots = append(l.slots, slot{})
		c.slot = int32(len(l.slots) - 1)
	}
	s := &l.slots[c.slot]
	s.conn = c
	err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: c.slot, Pad: s.uses})
	if err != nil {
		l.drop(c)
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// remove forgets a connection that is closed.
func (l *Loop) remove(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(c)
}

// drop needs l.mu.
func (l *Loop) drop(c *Conn) {
	l.slots[c.slot] = slot{uses: l.slots[c.slot].uses + 1}
	l.free = append(l.free, c.slot)
}

// find returns the connection of an event; nil when it is closed.
func (l *Loop) find(e *unix.EpollEvent) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := &l.slots[e.Fd]; s.uses == e.Pad {
		return s.conn
	}
	return nil
}

// lead handles events until its turn ends.
func (l *Loop) lead() {
	t := &Turn{loop: l}
	l.current.Store(t)
	for {
		for l.next < l.count {
			e := &l.events[l.next]
			l.next++
			c := l.find(e)
			if c == nil {
				continue
			}
			handler := c.happened(e.Events)
			if handler == nil {
				continue
			}
			t.reads = 0
			l.handled.Add(1)
			t.state.Store(handling)
			handler(t)
			if !t.state.CompareAndSwap(handling, between) {
				return // another goroutine leads
			}
		}
		l.wait()
	}
}

// wait waits for events.
func (l *Loop) wait() {
	l.next, l.count = 0, 0
	n, err := unix.EpollWait(l.epoll, l.events, 0)
	for n <= 0 {
		if err != nil && err != unix.EINTR {
			panic(fmt.Sprint("epoll_wait: ", err)) // only a fault of this package makes it fail
		}
		runtime.Gosched() // others may wait for the processor
		n, err = unix.EpollWait(l.epoll, l.events, -1)
	}
	l.count = n
	if !l.watched.Load() {
		l.watched.Store(true)
		select {
		case l.alarm <- struct{}{}:
		default:
		}
	}
}

// watch lets another goroutine lead when a handler takes long.
func (l *Loop) watch() {
	last := l.handled.Load()
	for {
		time.Sleep(watchEvery)
		now, t := l.handled.Load(), l.current.Load()
		switch {
		case now != last:
		case t.state.Load() == between: // nothing happens
			l.watched.Store(false)
			<-l.alarm
		case t.Yield():
			l.rescues.Add(1)
		}
		last = now
	}
}

// Turn is a handler's right to run on its loop's goroutine. A nil Turn is that of a handler that runs in a goroutine of its own.
type Turn struct {
	loop  *Loop
	state atomic.Uint32
	reads int
}

// The states of a turn.
const (
	between  uint32 = iota // no handler runs
	handling               // one does
	yielded                // it has let another goroutine lead
)

// Yield lets another goroutine lead the loop, because the handler is about to wait for something. It reports whether it did: not when another one leads already, or
// no handler runs. Any goroutine may call it.
func (t *Turn) Yield() bool {
	if t == nil || !t.state.CompareAndSwap(handling, yielded) {
		return false
	}
	go t.loop.lead()
	return true
}

// Read counts a read of the handler's: after some it yields, so that others have their turn.
func (t *Turn) Read() {
	if t == nil {
		return
	}
	if t.reads++; t.reads > maxReads {
		t.Yield()
	}
}

// Blocking is for who is about to wait, and may be running on a loop's goroutine or not: each loop that is in a handler goes on with another goroutine.
func Blocking() {
	all, err := loops()
	if err != nil {
		return
	}
	for _, l := range all {
		l.current.Load().Yield()
	}
}
