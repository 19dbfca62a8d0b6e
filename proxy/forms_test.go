package proxy

import (
	"strings"
	"sync/atomic"
	"testing"

	"pgcordon/rewriter"
)

// TestFormsAreBounded: by the bytes of their texts too.
func TestFormsAreBounded(t *testing.T) {
	var f forms
	var private atomic.Uint64
	long := strings.Repeat("x", maxAsPrepared)
	for range 3 * maxFormBytes / maxAsPrepared {
		plan := &rewriter.Plan{SQL: long}
		if made := f.get(plan, "", &private); made != f.get(plan, "", &private) {
			t.Fatal("a form was made twice")
		}
		if kept := len(f.known) * maxAsPrepared; kept > maxFormBytes {
			t.Fatalf("%d bytes of texts are kept", kept)
		}
	}
	if len(f.known) < 2 {
		t.Errorf("%d forms are kept", len(f.known))
	}
}
