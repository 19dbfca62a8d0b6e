//go:build mutation

package rewriter

import (
	"sync"
	"sync/atomic"
)

// This file is built with the tag `mutation` only: it leaves out a rule on purpose, so that the tests can prove that they
// find what is missing. No released binary holds it.

var (
	omit  atomic.Pointer[string]
	swept atomic.Bool
	// places are all that omitted has been asked about.
	places sync.Map
)

// Omit leaves out one rule: the predicates whose place (RelationNote.Place) is the given one, the denials of a rule ("rule read-only"), or
// what else asks under this name; empty for none. The sweep is off then, unless Sweep has turned it on.
func Omit(place string) { omit.Store(&place) }

func omitted(place string) bool {
	places.Store(place, true)
	o := omit.Load()
	return o != nil && *o != "" && *o == place
}

// Sweep turns the sweep on or off.
func Sweep(on bool) { swept.Store(on) }

func sweeping() bool { return swept.Load() }
