//go:build orms

package orms

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgcordon/test/drivers/wiretap"
)

var record = flag.Bool("record", false, "write testdata/recorded anew")

// catalogs tells the statements that are kept: those that describe the database. What programs read and write of rows is their users' own.
var catalogs = regexp.MustCompile(`(?i)\b(pg_[a-z]|information_schema|current_schema|current_setting|version\(|SHOW )`)

// literals and lists are left out where statements are held against each other.
var (
	literals = regexp.MustCompile(`'[^']*'|\b\d+\b`)
	lists    = regexp.MustCompile(`(\?, )+`)
)

// ownOids are in the text of statements that a program has built of what it read before, and hold in one database only.
var ownOids = regexp.MustCompile(`\b[1-9]\d{4}\b`)

// described are the statements about the catalogs that a program sent, each once but for its literals, and without those that name what is refused.
// Binary parameters are left out with their statements.
func described(sessions [][]wiretap.Exchange, refused string) []recorded {
	var out []recorded
	seen := map[string]bool{}
	for _, session := range sessions {
		for _, e := range session {
			shape := lists.ReplaceAllString(literals.ReplaceAllString(e.SQL, "?"), "")
			if !catalogs.MatchString(e.SQL) || seen[shape] || ownOids.MatchString(e.SQL+shown(e.Params)) || strings.Contains(shown(e.Params), `\x`) || len(e.SQL) > 8000 {
				continue
			}
			if seen[shape] = true; refused == "" || !strings.Contains(e.SQL, refused) {
				out = append(out, recorded{e.SQL, e.Types, e.Params})
			}
		}
	}
	return out
}

// writeRecord keeps statements for TestRecorded; a program that sent none has no file.
func writeRecord(t *testing.T, name string, statements []recorded) {
	t.Helper()
	if len(statements) == 0 {
		return
	}
	var out bytes.Buffer
	write := json.NewEncoder(&out)
	write.SetEscapeHTML(false)
	for _, s := range statements {
		if err := write.Encode(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("testdata/recorded", name+".jsonl"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
