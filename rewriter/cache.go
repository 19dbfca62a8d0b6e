package rewriter

import (
	"container/list"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// CacheStats are counters since the rewriter was made, and gauges.
type CacheStats struct {
	Hits, Misses, Evictions uint64
	Entries                 int
	Bytes                   int
}

// err is the denial as an error; nil for none.
func (p planned) err() error {
	if p.denial == nil {
		return nil
	}
	return p.denial
}

func (p planned) size() int {
	if p.plan == nil {
		return 0
	}
	return p.plan.size
}

// cacheShards spreads the locks.
const cacheShards = 16

// cache keeps what was found out by everything that it depends on, the least recently used going first when the bound is reached.
// The policy's epoch is not in the key: a cache belongs to one rewriter, a rewriter to one bound policy.
type cache struct {
	seed                    maphash.Seed
	shards                  [cacheShards]cacheShard
	hits, misses, evictions atomic.Uint64
}

type cacheShard struct {
	mu      sync.Mutex
	entries map[string]*list.Element
	lru     list.List // of *cacheEntry, most recent first
	bytes   int
	max     int
}

type cacheEntry struct {
	key   string
	value any
	size  int
}

// planned is what the cache of texts keeps: a plan or a denial.
type planned struct {
	plan   *Plan
	denial *Denial
}

func newCache(bytes int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].entries = map[string]*list.Element{}
		c.shards[i].max = bytes / cacheShards
	}
	return c
}

// appendKey appends what a text's plan depends on, and then the text. It is unambiguous: every part is preceded by its length.
func appendKey(b []byte, r *Request) []byte { return append(appendEnvironment(b, r), r.SQL...) }

// appendEnvironment appends what a plan depends on besides the text.
func appendEnvironment(b []byte, r *Request) []byte {
	b = append(b, byte(r.Protocol))
	b = appendText(b, r.Role)
	b = binary.AppendUvarint(b, uint64(len(r.SearchPath)))
	for _, s := range r.SearchPath {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.ParamTypes)))
	for _, t := range r.ParamTypes {
		b = binary.AppendUvarint(b, uint64(t))
	}
	if r.Temporary != nil {
		return appendText(b, r.Temporary.Key)
	}
	return appendText(b, "")
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (c *cache) shard(key []byte) *cacheShard {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

// get returns what is kept for a key; nil for nothing.
func (c *cache) get(key []byte) any {
	s := c.shard(key)
	s.mu.Lock()
	el := s.entries[string(key)]
	if el == nil {
		s.mu.Unlock()
		c.misses.Add(1)
		return nil
	}
	s.lru.MoveToFront(el)
	v := el.Value.(*cacheEntry).value
	s.mu.Unlock()
	c.hits.Add(1)
	return v
}

// put keeps a value of so many bytes in the place of what was kept for the key.
func (c *cache) put(key []byte, value any, size int) {
	s := c.shard(key)
	e := &cacheEntry{key: string(key), value: value, size: size + len(key) + entryOverhead}
	if e.size > s.max/4 {
		return // one huge text shall not push out all others
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[e.key]; old != nil {
		s.bytes -= old.Value.(*cacheEntry).size
		old.Value = e
		s.lru.MoveToFront(old)
	} else {
		s.entries[e.key] = s.lru.PushFront(e)
	}
	s.bytes += e.size
	for s.bytes > s.max {
		old := s.lru.Remove(s.lru.Back()).(*cacheEntry)
		delete(s.entries, old.key)
		s.bytes -= old.size
		c.evictions.Add(1)
	}
}

// entryOverhead is what an entry costs besides its texts: map, list and structs, in bytes, rounded up.
const entryOverhead = 512

func planSize(p *Plan) int {
	n := len(p.SQL) + entryOverhead
	n += 64*(len(p.Statements)+len(p.Tenants)+len(p.splices)) + 8*len(p.origins) + 96*(len(p.Constants)+len(p.Params)) + 128*len(p.Relations)
	for i := range p.names {
		n += 40 + len(p.names[i].sent) + len(p.names[i].written)
	}
	for i := range p.Constants {
		n += len(p.Constants[i].Text)
	}
	for i := range p.Relations {
		n += len(p.Relations[i].Predicate) + len(p.Relations[i].Relation)
	}
	return n
}

// CacheStats returns the counters of plans by text and by shape. A text that is found by its shape was not found by itself, and is a hit.
func (r *Rewriter) CacheStats() CacheStats {
	known := r.shapes.known.Load()
	st := CacheStats{Hits: r.cache.hits.Load() + known, Misses: r.cache.misses.Load() - r.shapes.after.Load(), Evictions: r.cache.evictions.Load() + r.shapes.cache.evictions.Load()}
	for _, c := range []*cache{r.cache, r.shapes.cache} {
		for i := range c.shards {
			s := &c.shards[i]
			s.mu.Lock()
			st.Entries += len(s.entries)
			st.Bytes += s.bytes
			s.mu.Unlock()
		}
	}
	return st
}
