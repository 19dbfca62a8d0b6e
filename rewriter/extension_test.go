package rewriter

import (
	"os"
	"testing"

	"github.com/cockroachdb/datadriven"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// TestExtensions and TestSequences run golden cases against snapshots of schemas of their own, each made by
//
//	go test ./policy/catalog -run TestSnapshotFile -schema $PWD/rewriter/testdata/NAME/schema.sql -snapshot $PWD/rewriter/testdata/NAME/snapshot.json.gz
func TestExtensions(t *testing.T) { goldenWorld(t, "testdata/extensions") }

func TestSequences(t *testing.T) { goldenWorld(t, "testdata/sequences") }

func goldenWorld(t *testing.T, dir string) {
	f, err := os.Open(dir + "/snapshot.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	snap, err := catalog.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	snap.Database = "shop"
	pol, err := policy.LoadFile(dir + "/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := New(policy.Bind(pol, snap), Options{})
	datadriven.Walk(t, dir+"/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return golden(t, r, d) })
	})
}
