package limit

import (
	"context"
	"testing"
	"time"
)

// The steady state of a session: it has a connection, and runs statements one after another.
func TestAdmitDoesNotAllocate(t *testing.T) {
	for name, l := range map[string]Limits{
		"unlimited":       {},
		"limits not rate": {Connections: 10, RowsPerStatement: 10, StatementTimeout: time.Second},
		"rates not exhausted": {StatementsAtOnce: 5, StatementsPerSecond: 1e9, Burst: 1e9, RowsPerSecond: 1e12, BytesPerSecond: 1e14,
			Wait: time.Second},
	} {
		acme := connect(t, NewGate(same(l)), "acme")
		ctx := context.Background()
		if n := testing.AllocsPerRun(1000, func() {
			p, err := acme.Admit(ctx)
			if err != nil {
				t.Fatal(err)
			}
			acme.Spend(100, 16384)
			p.Done()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	for name, l := range map[string]Limits{
		"unlimited": {},
		"all":       {StatementsAtOnce: 1000, StatementsPerSecond: 1e9, Burst: 1e9, RowsPerSecond: 1e12, BytesPerSecond: 1e14},
	} {
		b.Run(name, func(b *testing.B) {
			g := NewGate(same(l))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				acme := connect(b, g, "acme")
				for pb.Next() {
					p, err := acme.Admit(context.Background())
					if err != nil {
						b.Error(err)
						return
					}
					if acme.Metered() {
						acme.Spend(1, 100)
					}
					p.Done()
				}
			})
		})
	}
}
