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

// cacheShards spreads the locks.
const cacheShards = 16

// cache keeps plans and denials by everything that they depend on, the least recently used going first when the bound is reached.
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
	key    string
	plan   *Plan
	denial *Denial
	size   int
}

func newCache(bytes int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].entries = map[string]*list.Element{}
		c.shards[i].max = bytes / cacheShards
	}
	return c
}

// cacheKey is unambiguous: every part is preceded by its length.
func cacheKey(r *Request) string {
	b := make([]byte, 0, len(r.SQL)+64)
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
		b = appendText(b, r.Temporary.Key)
	} else {
		b = appendText(b, "")
	}
	return string(append(b, r.SQL...))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (c *cache) shard(key string) *cacheShard {
	return &c.shards[maphash.String(c.seed, key)%cacheShards]
}

func (c *cache) get(key string) (*cacheEntry, bool) {
	s := c.shard(key)
	s.mu.Lock()
	el := s.entries[key]
	if el == nil {
		s.mu.Unlock()
		c.misses.Add(1)
		return nil, false
	}
	s.lru.MoveToFront(el)
	e := el.Value.(*cacheEntry)
	s.mu.Unlock()
	c.hits.Add(1)
	return e, true
}

func (c *cache) put(key string, plan *Plan, denial *Denial) {
	e := &cacheEntry{key: key, plan: plan, denial: denial, size: len(key) + entryOverhead}
	if plan != nil {
		e.size += plan.size
	}
	s := c.shard(key)
	if e.size > s.max/4 {
		return // one huge text shall not push out all others
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[key] != nil {
		return
	}
	s.entries[key] = s.lru.PushFront(e)
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

// CacheStats returns the plan cache's counters.
func (r *Rewriter) CacheStats() CacheStats {
	st := CacheStats{Hits: r.cache.hits.Load(), Misses: r.cache.misses.Load(), Evictions: r.cache.evictions.Load()}
	for i := range r.cache.shards {
		s := &r.cache.shards[i]
		s.mu.Lock()
		st.Entries += len(s.entries)
		st.Bytes += s.bytes
		s.mu.Unlock()
	}
	return st
}
