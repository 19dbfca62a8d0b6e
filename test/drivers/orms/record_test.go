package orms

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/drivers/wiretap"
)

// recorded is one statement of a program's.
type recorded struct {
	SQL    string    `json:"sql"`
	Types  []uint32  `json:"types,omitempty"`
	Params []*string `json:"params,omitempty"`
}

// TestRecorded sends to both worlds what programs asked of the catalogs, and compares the answers.
func TestRecorded(t *testing.T) {
	needWorlds(t)
	files, err := filepath.Glob("testdata/recorded/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var statements []recorded
			for line := range strings.Lines(string(text)) {
				var s recorded
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatal(err)
				}
				statements = append(statements, s)
			}
			own, shared := replay(t, direct, statements), replay(t, proxied, statements)
			if n := compare(t, own, shared); n != len(statements) || n == 0 {
				t.Errorf("%d statements were compared, of %d", n, len(statements))
			}
		})
	}
}

// replay sends the statements to one world, through a tap: without parameters by the simple protocol, as drivers do. The name of the database in
// which they were recorded becomes that of the world's.
func replay(t *testing.T, e stack.Endpoint, statements []recorded) [][]wiretap.Exchange {
	t.Helper()
	tap, err := wiretap.Listen(e.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	e.Port = tap.Port
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgconn.Connect(ctx, e.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	here := strings.NewReplacer("library_own", e.Database, "moved_own", e.Database)
	for _, s := range statements {
		s.SQL = here.Replace(s.SQL)
		if len(s.Params) == 0 {
			if _, err := conn.Exec(ctx, s.SQL).ReadAll(); err != nil {
				t.Errorf("%s: %v\n%s", e.Name, err, s.SQL)
			}
			continue
		}
		values := make([][]byte, len(s.Params))
		for i, p := range s.Params {
			if p != nil {
				values[i] = []byte(here.Replace(*p))
			}
		}
		if r := conn.ExecParams(ctx, s.SQL, values, s.Types, nil, []int16{pgproto3.TextFormat}).Read(); r.Err != nil {
			t.Errorf("%s: %v\n%s", e.Name, r.Err, s.SQL)
		}
	}
	return tap.Sessions()
}
