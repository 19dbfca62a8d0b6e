package limit

import (
	"testing"
	"testing/synctest"
	"time"

	"pgcordon/policy"
)

func TestUsageOfTheLastSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(func(_ policy.TenantID, user string) Limits {
			if user != "" {
				return Limits{RowsPerSecond: 100}
			}
			return Limits{StatementsPerSecond: 10, RowsPerSecond: 1000, BytesPerSecond: 5000, StorageRows: 9}
		})
		s := connect(t, g, "acme")
		is := func(what string, statements, rows, bytes float64) {
			t.Helper()
			all := g.Usage()
			if len(all) != 2 || all[0].User != "" || all[1].User != "app" || all[0].Statements != statements || all[0].Rows != rows || all[0].Bytes != bytes ||
				all[1].Rows != rows || all[1].Statements != 0 || all[1].Connections != 1 {
				t.Errorf("%s: %+v", what, all)
			}
		}
		is("nothing", 0, 0, 0)
		for i := range 20 {
			if p, err := s.Admit(t.Context()); err == nil {
				p.Done()
			} else if i < 10 {
				t.Fatal(err)
			}
		}
		s.Spend(40, 400)
		is("at once, without those that were refused", 10, 40, 400)
		advance(time.Second)
		is("a second later", 10, 40, 400)
		advance(500 * time.Millisecond)
		is("half of them longer ago", 5, 20, 200)
		s.Spend(2, 20)
		is("and some more", 5, 22, 220)
		advance(3 * time.Second)
		is("a quiet time", 0, 0, 0)
		if u := g.Stats(); len(u) != 1 || u[0].Counted {
			t.Errorf("tenants: %+v", u)
		}
		g.SetStored(map[policy.TenantID]Stored{tenant(t, "acme"): {Rows: 7}}, time.Now())
		if u := g.Stats(); !u[0].Counted || u[0].Stored.Rows != 7 {
			t.Errorf("when it was counted: %+v", u)
		}
	})
}
