package console

import (
	"cmp"
	"slices"
	"time"
)

// totals are the numbers of SHOW STATS, in the order of its columns.
type totals [11]uint64

// figure is one of them.
type figure struct {
	total, average string // in SHOW STATS
	name           string // in STATS_TOTALS and STATS_AVERAGES
	sum            string // in TOTALS, behind total_ and avg_
	per            int    // an average is per second, or, for a time, per the figure of this number
}

const perSecond = -1

// The figures by number. Times are in microseconds.
const (
	assignments = iota
	transactions
	queries
	received
	sent
	transactionTime
	queryTime
	waitTime
	clientParses
	serverParses
	binds
)

var figures = [...]figure{
	assignments:     {"total_server_assignment_count", "avg_server_assignment_count", "server_assignment_count", "server_assignment_count", perSecond},
	transactions:    {"total_xact_count", "avg_xact_count", "xact_count", "xact_count", perSecond},
	queries:         {"total_query_count", "avg_query_count", "query_count", "query_count", perSecond},
	received:        {"total_received", "avg_recv", "bytes_received", "client_bytes", perSecond},
	sent:            {"total_sent", "avg_sent", "bytes_sent", "server_bytes", perSecond},
	transactionTime: {"total_xact_time", "avg_xact_time", "xact_time", "xact_time", transactions},
	queryTime:       {"total_query_time", "avg_query_time", "query_time", "query_time", queries},
	waitTime:        {"total_wait_time", "avg_wait_time", "wait_time", "wait_time", assignments},
	clientParses:    {"total_client_parse_count", "avg_client_parse_count", "client_parse_count", "client_parse_count", perSecond},
	serverParses:    {"total_server_parse_count", "avg_server_parse_count", "server_parse_count", "server_parse_count", perSecond},
	binds:           {"total_bind_count", "avg_bind_count", "bind_count", "bind_count", perSecond},
}

func statsViews(c *Console) []view {
	stats, byName := []string{"database"}, []string{"database"}
	for _, f := range figures {
		stats = append(stats, f.total+":numeric")
		byName = append(byName, f.name+":numeric")
	}
	for _, f := range figures {
		stats = append(stats, f.average+":numeric")
	}
	stats = append(stats, "total_requests:numeric") // what total_query_count was called before 1.8
	return []view{
		{"stats", columns(stats...), func() []row {
			return c.perDatabase(func(d *done) []any {
				return append(append(d.totals.values(), d.averages.values()...), d.totals[queries])
			})
		}},
		{"stats_totals", columns(byName...), func() []row {
			return c.perDatabase(func(d *done) []any { return d.totals.values() })
		}},
		{"stats_averages", columns(byName...), func() []row {
			return c.perDatabase(func(d *done) []any { return d.averages.values() })
		}},
		{"totals", columns("name", "value:numeric"), func() []row {
			_, sum := c.done()
			var list []row
			for i, f := range figures {
				list = append(list, cells("total_"+f.sum, sum.totals[i]))
			}
			for i, f := range figures {
				list = append(list, cells("avg_"+f.sum, sum.averages[i]))
			}
			return list
		}},
	}
}

func (t totals) values() []any {
	r := make([]any, len(t))
	for i := range t {
		r[i] = t[i]
	}
	return r
}

// done is what has been done on one database, or on all.
type done struct {
	name             string
	shared           bool
	totals, averages totals
}

// perDatabase makes the rows of the databases, that of the admin database last: of it nothing is counted.
func (c *Console) perDatabase(values func(*done) []any) []row {
	databases, _ := c.done()
	var list []row
	for _, d := range append(databases, done{name: adminDatabase}) {
		list = append(list, cells(append([]any{d.name}, values(&d)...)...))
	}
	return list
}

// done tells what has been done on each database, the shared one first and then those of tenants by name, and on all together.
func (c *Console) done() (databases []done, sum done) {
	all, shared := c.totals()
	before, ago := c.averages.since(all)
	names := named(all, shared)
	var sumBefore totals
	for key, t := range all {
		b := before[key]
		databases = append(databases, done{names[key], key == Key{}, t, averaged(t, b, ago)})
		for i := range t {
			sum.totals[i] += t[i]
			sumBefore[i] += b[i]
		}
	}
	sum.averages = averaged(sum.totals, sumBefore, ago)
	slices.SortFunc(databases, func(a, b done) int {
		switch {
		case a.shared:
			return -1
		case b.shared:
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	return databases, sum
}

// totals tells what has been done since the start on each database, and what clients call the one that tenants share.
func (c *Console) totals() (all map[Key]totals, shared string) {
	all = make(map[Key]totals)
	for key, d := range c.Sessions.Done() {
		t := all[key]
		t[queries], t[queryTime] = d.Statements, micros(d.Took)
		t[received], t[sent] = d.Received, d.Sent
		t[clientParses], t[serverParses], t[binds] = d.ClientParses, d.Parses, d.Binds
		t[transactions] = d.Transactions
		all[key] = t
	}
	shared, lent := c.Upstream.Lent()
	for key, s := range lent {
		t := all[key]
		t[assignments], t[waitTime], t[transactionTime] = s.Leases, micros(s.Waited), micros(s.Leased)
		all[key] = t
	}
	return all, shared
}

// named gives each database a name of its own: what clients call it, with the tenant behind it where several are called so.
func named(all map[Key]totals, shared string) map[Key]string {
	same := map[string]int{shared: 1}
	for key := range all {
		if key != (Key{}) {
			same[key.Name]++
		}
	}
	names := make(map[Key]string, len(all))
	for key := range all {
		switch {
		case key == Key{}:
			names[key] = shared
		case same[key.Name] > 1:
			names[key] = key.Name + "@" + key.Tenant
		default:
			names[key] = key.Name
		}
	}
	return names
}

// averaged is what was done since before, per second or per piece.
func averaged(t, before totals, ago time.Duration) (avg totals) {
	for i, f := range figures {
		done := t[i] - min(before[i], t[i])
		switch {
		case f.per != perSecond:
			if n := t[f.per] - min(before[f.per], t[f.per]); n > 0 {
				avg[i] = done / n
			}
		case ago > 0:
			avg[i] = uint64(float64(done) / ago.Seconds())
		}
	}
	return avg
}

func micros(d time.Duration) uint64 { return uint64(max(0, d.Microseconds())) }

// compareText compares two values that are text.
func compareText(a, b any) int { return cmp.Compare(a.(string), b.(string)) }
