package limit

import (
	"context"
	"testing"
	"time"
)

// The steady state of a session: it has a connection, and runs statements one after another.
func TestAdmitDoesNotAllocate(t *testing.T) {
	for name, l := range map[string]Limits{
		"unlimited":            {},
		"limits not rate":      {Connections: 10, RowsPerStatement: 10, StatementTimeout: time.Second},
		"a rate not exhausted": {StatementsPerSecond: 1e9, Burst: 1e9, Wait: time.Second},
	} {
		g := NewGate(same(l))
		acme := tenant(t, "acme")
		release, err := g.Connect(acme)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if n := testing.AllocsPerRun(1000, func() {
			p, err := g.Admit(ctx, acme)
			if err != nil {
				t.Fatal(err)
			}
			p.Done()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		release()
	}
}

func BenchmarkAdmit(b *testing.B) {
	for name, l := range map[string]Limits{"unlimited": {}, "rate": {StatementsPerSecond: 1e9, Burst: 1e9}} {
		b.Run(name, func(b *testing.B) {
			g := NewGate(same(l))
			acme := tenant(b, "acme")
			if _, err := g.Connect(acme); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p, err := g.Admit(context.Background(), acme)
					if err != nil {
						b.Fatal(err)
					}
					p.Done()
				}
			})
		})
	}
}
