package console

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

func TestCommands(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		" ;; \n":                      "",
		"SHOW Pools":                  "show,pools",
		"show pools;SHOW clients; ":   "show,pools|show,clients",
		`KILL "My ""db"""`:            `kill,"My "db""`,
		"SET a='x''y;z'":              `set,a,=,"x'y;z"`,
		"PAUSE-- to the end;\nRESUME": "pause,resume",
		"/* ; */SHOW/**/VERSION":      "show,version",
		"kill_client 12":              "kill_client,12",
		"SHOW Ärger":                  "show,ärger",
		"a.b-c":                       "a.b,-,c",
		"x\x00y":                      "x,\x00,y",
		`"unterminated`:               "42601",
		"'unterminated":               "42601",
		"/* unterminated":             "42601",
		"SHOW (VERSION)":              "show,(,version,)",
	} {
		list, err := commands(text)
		var all []string
		for _, c := range list {
			var words []string
			for _, w := range c.words {
				if w.quoted {
					w.text = `"` + w.text + `"`
				}
				words = append(words, w.text)
			}
			all = append(all, strings.Join(words, ","))
		}
		got := strings.Join(all, "|")
		if err != nil {
			got = err.State
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzCommands(f *testing.F) {
	for _, text := range []string{"SHOW POOLS; KILL \"a\"\"b\"", "SET x = 'y'", "/* x */ -- y\n;", "'"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := commands(text)
		if err != nil {
			if list != nil {
				t.Errorf("commands beside the error %v", err)
			}
			return
		}
		for _, c := range list {
			if len(c.words) == 0 {
				t.Error("a command without words")
			}
			_, _ = c.verb(), c.rest()
		}
	})
}

// Numbers are read by pgx as they were written.
func TestNumericIsReadBack(t *testing.T) {
	types := pgtype.NewMap()
	for _, n := range []int64{0, 1, 9999, 10000, 10001, 99990000, 123456789012345678, math.MaxInt64, -1, -20000, math.MinInt64} {
		var back pgtype.Numeric
		if err := types.Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, appendValue(nil, typeNumeric, n, true), &back); err != nil {
			t.Fatal(err)
		}
		text, err := back.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != fmt.Sprint(n) {
			t.Errorf("%d is read as %s", n, text)
		}
	}
	if got := appendValue(nil, typeInt4, int64(math.MaxInt64), false); string(got) != "2147483647" {
		t.Errorf("an int4 of %s", got)
	}
}
