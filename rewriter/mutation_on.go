//go:build mutation

package rewriter

import "sync/atomic"

// This file is built with the tag `mutation` only: it leaves out predicates on purpose, so that the tests for isolation
// can prove that they find what is missing. No released binary holds it.

const mutating = true

var omit atomic.Pointer[string]

// Omit leaves out every predicate whose place (RelationNote.Place) is the given one; empty for none. It turns the sweep off.
func Omit(place string) { omit.Store(&place) }

func omitted(place string) bool {
	o := omit.Load()
	return o != nil && *o != "" && *o == place
}
