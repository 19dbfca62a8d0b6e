package isolation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// planSettings are what makes Postgres choose other plans.
var planSettings = []string{
	"enable_hashjoin = off", "enable_mergejoin = off", "enable_nestloop = off", "enable_hashagg = off", "enable_sort = off",
	"enable_seqscan = off", "enable_indexscan = off", "enable_bitmapscan = off", "enable_material = off", "from_collapse_limit = 1",
	"plan_cache_mode = force_generic_plan", "plan_cache_mode = force_custom_plan",
}

func somePlanSettings(r *rand.Rand) []string {
	var out []string
	for _, s := range planSettings {
		if r.IntN(4) == 0 {
			out = append(out, s)
		}
	}
	return out
}

func random(seed uint64, stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) }

// seed is PGCORDON_SEED, or the given one.
func seed(t testing.TB, otherwise uint64) uint64 {
	text := os.Getenv("PGCORDON_SEED")
	if text == "" {
		return otherwise
	}
	s, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("PGCORDON_SEED: %v", err)
	}
	return s
}

func server(t testing.TB) *throwaway.Postgres {
	t.Helper()
	pg := throwawaytest.ForTest(t)
	err := pg.Exec(context.Background(), "postgres", "DO $$ BEGIN CREATE ROLE "+appRole+" LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
	if err != nil {
		t.Fatal(err)
	}
	return pg
}

func TestSameSeedSameStatements(t *testing.T) {
	print := func() string {
		s := NewSchema(random(11, 0))
		b := NewBatch(random(11, 1), s, 200)
		text := s.DDL(-1) + s.LoadSQL(b.Rows, -1)
		for _, step := range b.Steps {
			sql, args := step.Query.Parametrized()
			text += fmt.Sprintln(step.Tenant, step.Mode, sql, args)
		}
		return text
	}
	if first, second := print(), print(); first != second {
		t.Error("two runs of the generator with one seed differ")
	}
}

// Two copies of one world must answer alike, whatever plans Postgres chooses: otherwise a difference between a shared
// world and a tenant's own would prove nothing.
func TestStatementsHaveOneAnswer(t *testing.T) {
	pg := server(t)
	ctx := context.Background()
	stats := NewStats()
	first := seed(t, 1)
	for round := range uint64(6) {
		seed := first + round
		r := random(seed, 0)
		s := NewSchema(r)
		s.Major = pg.Major
		if round%3 == 1 {
			if err := s.extend(ctx, pg); err != nil {
				t.Fatal(err)
			}
		}
		w, err := NewWorlds(ctx, pg, s, Shared{Twin: r.IntN(Tenants), PlanSettings: somePlanSettings(r)})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for batch := range 8 {
			f, err := w.Run(ctx, NewBatch(random(seed, 1+batch), s, 60), stats)
			if err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if f != nil {
				t.Errorf("PGCORDON_SEED=%d batch %d:\n%s", seed, batch, w.Report(w.Shrink(ctx, f, shrinkPatience)))
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Log(stats.report(testing.Verbose()))
	if stats.AcceptedShare() < 0.85 {
		t.Errorf("only %.1f%% of the statements are valid", 100*stats.AcceptedShare())
	}
}
