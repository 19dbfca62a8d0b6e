package load

import (
	"context"
	"time"

	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// Workload is one kind of load.
type Workload struct {
	Name string
	// About says in a line what it does.
	About string
	// Modes are the ways to send its statements; nil: there is no choice.
	Modes []string
	// Clients are its numbers of clients; nil: those of the run.
	Clients []int
	// Targets are the only ones that it is measured on; nil: all that are not made for another workload.
	Targets []string
	// Once is set when one round is enough.
	Once bool
	// NeedsPgbench is set when pgbench makes the load.
	NeedsPgbench bool
	// Data names the tables that it needs, see Make.
	Data string
	// Run measures one target.
	Run func(ctx context.Context, j Job) (report.Measurement, error)
}

// Job is one measurement.
type Job struct {
	Stand    *stand.Stand
	Target   *stand.Target
	Mode     string
	Clients  int
	Duration time.Duration
	Round    int
	Sizes    Sizes
	// Pgbench is its binary.
	Pgbench string
}

// Sizes say how much data there is.
type Sizes struct {
	// Scale is pgbench's scale factor.
	Scale int
	// ShopOrders are the orders of the shop.
	ShopOrders int
	// BulkRows are the rows of the bulk workloads.
	BulkRows int
	// Tenants are the tenants of the many-tenants workload.
	Tenants int
	// Idle are the clients of the many-clients workload, Active those of them that work.
	Idle, Active int
	// Neighbour are the rows of either tenant of the neighbour workloads, LongFlood how often the long statement works through them.
	Neighbour, LongFlood int
	// Flood is how many clients the flood has.
	Flood int
	// Texts is how many statements the parser and the planner get, each of them new.
	Texts int
	// Transactions is how many each of pgbench's clients runs; 0: for the job's duration.
	Transactions int
}

// Full are the sizes that the targets are stated for, Quick those of a smoke test.
var (
	Full  = Sizes{Scale: 10, ShopOrders: 50_000, BulkRows: 1_000_000, Tenants: 100_000, Idle: 10_000, Active: 1_000, Neighbour: 2_000, LongFlood: 60, Flood: 64, Texts: 3_000}
	Quick = Sizes{Scale: 1, ShopOrders: 500, BulkRows: 5_000, Tenants: 1_000, Idle: 60, Active: 30, Neighbour: 200, LongFlood: 20, Flood: 8, Texts: 100, Transactions: 50}
)

// neighbours are the targets that let tenants share connections, and what that is compared with.
var neighbours = []string{report.Direct, report.BouncerTransaction, report.CordonTransaction}

var allModes = []string{"simple", "extended", "prepared"}

// Make makes the tables of a workload's Data, and publishes them.
func Make(ctx context.Context, s *stand.Stand, data string, z Sizes) error {
	return map[string]func(context.Context, *stand.Stand, Sizes) error{
		"pgbench": makePgbench, "shop": makeShop, "bulk": makeBulk, "tenants": makeTenants, "neighbour": makeNeighbour,
	}[data](ctx, s, z)
}

// All lists the workloads in the order in which they are measured.
func All(z Sizes) []Workload {
	return []Workload{
		{Name: report.SelectOnly, About: "pgbench's SELECT of one row by its key", Modes: allModes, NeedsPgbench: true, Data: "pgbench", Run: runPgbench(report.SelectOnly)},
		{Name: report.TPCB, About: "pgbench's transaction of seven statements", Modes: allModes, NeedsPgbench: true, Data: "pgbench", Run: runPgbench(report.TPCB)},
		{Name: report.Shop, About: "pages of a shop in SQL as ORMs write it: joins, pagination, INSERT with RETURNING, UPDATE", Modes: allModes, Data: "shop", Run: runShop},
		{Name: report.BulkSelect, About: "a SELECT of many rows", Clients: []int{1}, Data: "bulk", Run: runBulkSelect},
		{Name: report.BulkOut, About: "COPY of the same rows to the client", Clients: []int{1}, Data: "bulk", Run: runCopyOut},
		{Name: report.BulkIn, About: "COPY of the same rows from the client", Clients: []int{1}, Data: "bulk", Run: runCopyIn},
		{Name: report.Unseen, About: "statements none of which was seen before, each of a shape of its own", Clients: []int{4}, Data: "shop", Run: runUnseen},
		{Name: report.Tenants, About: "a small policy beside one of 1,000 tables and many tenants", Modes: []string{"simple", "prepared"}, Clients: []int{16},
			Targets: []string{report.Few, report.Many}, Data: "tenants", Run: runTenants},
		{Name: report.ShortFlood, About: "one client of a quiet tenant, beside clients of another that flood short statements", Clients: []int{z.Flood}, NeedsPgbench: true,
			Targets: neighbours, Data: "neighbour", Run: runNeighbour(floodShort)},
		{Name: report.LongFlood, About: "the same beside long statements", Clients: []int{z.Flood}, NeedsPgbench: true,
			Targets: neighbours, Data: "neighbour", Run: runNeighbour(floodLong)},
		{Name: report.Limits, About: "pgbench's SELECT of one row, with all limits on and with none", Modes: []string{"simple", "prepared"}, Clients: []int{16}, NeedsPgbench: true,
			Targets: []string{report.CordonTransaction, report.Unlimited}, Data: "pgbench", Run: runPgbench(report.SelectOnly)},
		{Name: report.Clients, About: "many idle clients, then some of them active over few connections", Clients: []int{z.Idle}, Once: true,
			Targets: []string{report.BouncerTransaction, report.CordonTransaction}, Data: "pgbench", Run: runIdle},
	}
}
