package rewriter

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"pgcordon/rewriter/lexer"
)

// Shapes. Statements that differ in nothing but their literals have one plan but for those literals, so the second one need not be
// parsed: package lexer finds what they have in common, the skeleton, and the literals. A skeleton's shape says what part each literal plays. Texts of a shape
// whose fixed literals are equal byte by byte, and whose classed ones are of the same classes, share a variant: the plan of a text that was
// seen before, and the places where its literals stand in it.
//
// A shape is learnt when its skeleton comes for the second time, so that a text that never comes again costs a hash and no memory. What is
// learnt is tried: the same text with other literals is planned in full, and must give what the variant gives (shape_learn.go).
//
// The literals are put into the printed text as the printer would write them. So what goes upstream is a text that was planned, swept and
// proven, with well-formed constants in the place of others; nothing that the lexer might take for a literal can end one.

// shape is what is known of the texts of one skeleton.
type shape struct {
	// never is set when the skeleton has no literal that could be another one.
	never bool
	roles []role
}

// variant is the plan of one text of a shape, and where that text's literals went.
type variant struct {
	// plan is that of the text that the variant was learnt from; nil when it was denied.
	plan   *Plan
	denial *Denial
	// face is the plan without what depends on the literals.
	face *Plan
	// literals are the text's, by their order in it.
	literals []learnt
	// places are where they stand in plan.SQL, ascending.
	places []spot
	// tenants are the literals that plan.Constants were, in turn; -1 for one that is fixed.
	tenants []int32
	// params is the statement with its literals as parameters; nil when that is not the same.
	params *paramForm
}

// learnt is a literal of the text that a variant was learnt from.
type learnt struct {
	position int32 // of its first character, as Postgres counts
	runes    int32 // its length in characters
}

// spot is where a literal stands in the printed text: in bytes, without a minus before it.
type spot struct {
	start, end int32
	literal    int32
	negative   bool
}

// shapes finds shapes and their variants.
type shapes struct {
	cache *cache
	// seen has the hashes of skeletons that came once. It forgets by overwriting.
	seen [seenSlots]atomic.Uint64
	// known counts the texts that were found by their shape, after those of them that had been looked for by text before.
	known, after atomic.Uint64
}

// seenSlots is how many skeletons of late are remembered by their hash.
const seenSlots = 4096

// again tells whether this key has been asked for before.
func (s *shapes) again(key []byte) bool {
	h := maphash.Bytes(s.cache.seed, key)
	slot := &s.seen[h%seenSlots]
	if slot.Load() == h {
		return true
	}
	slot.Store(h)
	return false
}

// lookup is a text on its way to its variant. It is used again, so that nothing is allocated.
type lookup struct {
	sql      string
	key      []byte // the shape's, and behind it what tells its variants apart
	skeleton int    // length of the shape's key
	literals []lexer.Literal
	shape    *shape
	variant  *variant
	value    []byte // of the text constant at hand
	// longer are the sums that measure finds; same is set when they are all 0.
	longer []int32
	same   bool
}

// lookups are those of Plan.
var lookups = sync.Pool{New: func() any { return new(lookup) }}

// maxKept bounds, in bytes, the buffers that a lookup keeps between statements.
const maxKept = 16 << 10

// release drops the text, and buffers that have grown beyond what is usual.
func (l *lookup) release() {
	l.sql, l.shape, l.variant = "", nil, nil
	if cap(l.key) > maxKept || cap(l.value) > maxKept || cap(l.literals) > maxKept/12 {
		l.key, l.value, l.literals, l.longer = nil, nil, nil, nil
	}
}

// find looks for the variant of a text. It returns false when there is none; then l.key tells by what it could be learnt, nil when it cannot.
func (s *shapes) find(req *Request, maxBytes int, l *lookup) bool {
	l.sql, l.shape, l.variant = req.SQL, nil, nil
	if len(req.SQL) > maxBytes {
		l.key = l.key[:0]
		return false
	}
	key, literals, ok := lexer.Skeleton(req.SQL, appendEnvironment(l.key[:0], req), l.literals[:0])
	l.key, l.literals = key, literals
	if !ok || len(literals) == 0 {
		l.key = l.key[:0]
		return false
	}
	l.skeleton = len(l.key)
	l.shape, _ = s.cache.get(l.key).(*shape)
	if l.shape == nil {
		return false
	}
	if l.shape.never {
		l.key = l.key[:0]
		return false
	}
	l.appendVariant()
	l.variant, _ = s.cache.get(l.key).(*variant)
	return l.variant != nil && l.printable()
}

// appendVariant appends to the key what tells the variants of a shape apart. No hole is of the kind 'v'.
func (l *lookup) appendVariant() {
	l.key = append(l.key, 0, 'v')
	for i, role := range l.shape.roles {
		lit := &l.literals[i]
		text := l.sql[lit.Start:lit.End]
		l.key = append(l.key, byte(role))
		switch {
		case role == roleFixed:
			l.key = appendText(l.key, text)
		case role == roleClassed && (lit.Kind == lexer.String || lit.Kind == lexer.Escaped):
			l.value = lexer.Value(l.value[:0], lit.Kind, text)
			l.key = append(l.key, textClass(l.value))
		}
	}
}

// printable tells whether the literals are printed as the variant's places hold them: of minus zero the printer writes no minus.
func (l *lookup) printable() bool {
	for i := range l.variant.places {
		p := &l.variant.places[i]
		lit := &l.literals[p.literal]
		if p.negative && lit.Kind == lexer.Int4 && lit.End == lit.Start+1 && l.sql[lit.Start] == '0' {
			return false
		}
	}
	return true
}
