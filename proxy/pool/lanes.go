package pool

import "container/heap"

// calm are the lanes of parties that have no leases: what those have used does not change while they wait, so they are in order, who has used the least first.
type calm struct{ heap laneHeap }

func (c *calm) push(l *lane)   { heap.Push(&c.heap, l) }
func (c *calm) remove(l *lane) { heap.Remove(&c.heap, l.index) }
func (c *calm) fix(l *lane)    { heap.Fix(&c.heap, l.index) }

// first is the lane that comes first; nil for none.
func (c *calm) first() *lane {
	if len(c.heap) == 0 {
		return nil
	}
	return c.heap[0]
}

// busy are the lanes of parties that have leases: no more than there are connections.
type busy struct{ lanes []*lane }

func (b *busy) push(l *lane) {
	l.index = len(b.lanes)
	b.lanes = append(b.lanes, l)
}

func (b *busy) remove(l *lane) {
	last := len(b.lanes) - 1
	moved := b.lanes[last]
	b.lanes[l.index], moved.index = moved, l.index
	b.lanes[last] = nil
	b.lanes = b.lanes[:last]
}

// before says which of two lanes comes first: whose party has used less up to now, then who has fewer connections, then who has come first.
func (l *lane) before(o *lane) bool {
	switch a, b := l.party, o.party; {
	case a.used != b.used:
		return a.used < b.used
	case a.leases != b.leases:
		return a.leases < b.leases
	}
	return l.first.number < o.first.number
}

// laneHeap is a heap.Interface.
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is called by package heap.
func (h *laneHeap) Push(l any) {
	lane := l.(*lane)
	lane.index = len(*h)
	*h = append(*h, lane)
}

// Pop is called by package heap.
func (h *laneHeap) Pop() any {
	old := *h
	last := len(old) - 1
	l := old[last]
	old[last] = nil
	*h = old[:last]
	return l
}
