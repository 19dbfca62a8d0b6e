package rewriter

import (
	"os"
	"testing"

	"github.com/cockroachdb/datadriven"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// TestExtensions runs testdata/extensions/golden against a snapshot with extensions, which is made by
//
//	go test ./policy/catalog -run TestSnapshotFile -schema $PWD/rewriter/testdata/extensions/schema.sql -snapshot $PWD/rewriter/testdata/extensions/snapshot.json.gz
func TestExtensions(t *testing.T) {
	f, err := os.Open("testdata/extensions/snapshot.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	snap, err := catalog.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	pol, err := policy.LoadFile("testdata/extensions/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := New(policy.Bind(pol, snap), Options{})
	datadriven.Walk(t, "testdata/extensions/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return golden(t, r, d) })
	})
}
