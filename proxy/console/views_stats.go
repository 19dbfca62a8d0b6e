package console

import (
	"cmp"
	"time"

	"pgcordon/proxy/pool"
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
			t, avg := c.totals()
			return c.perDatabase(func(own bool) []any {
				var r []any
				for _, v := range [...]totals{t, avg} {
					for i := range v {
						r = append(r, counted(own, v[i]))
					}
				}
				return append(r, counted(own, t[queries]))
			})
		}},
		{"stats_totals", columns(byName...), func() []row {
			t, _ := c.totals()
			return c.perDatabase(func(own bool) []any { return t.values(own) })
		}},
		{"stats_averages", columns(byName...), func() []row {
			_, avg := c.totals()
			return c.perDatabase(func(own bool) []any { return avg.values(own) })
		}},
		{"totals", columns("name", "value:numeric"), func() []row {
			t, avg := c.totals()
			var list []row
			for i, f := range figures {
				list = append(list, cells("total_"+f.sum, t[i]))
			}
			for i, f := range figures {
				list = append(list, cells("avg_"+f.sum, avg[i]))
			}
			return list
		}},
	}
}

func (t totals) values(own bool) []any {
	r := make([]any, len(t))
	for i := range t {
		r[i] = counted(own, t[i])
	}
	return r
}

// counted is a figure of the upstream database; of the admin database's nothing is counted.
func counted(own bool, n uint64) uint64 {
	if own {
		return n
	}
	return 0
}

// perDatabase makes the rows of the databases: what is counted stands in that of the first, whatever the database it was done in.
func (c *Console) perDatabase(values func(own bool) []any) []row {
	name := Names[0]
	if all := c.Upstream.Databases(); len(all) > 0 {
		name = all[0].Name
	}
	return []row{
		cells(append([]any{name}, values(true)...)...),
		cells(append([]any{adminDatabase}, values(false)...)...),
	}
}

// totals adds up what has been done, and compares it with what had been before.
func (c *Console) totals() (t, avg totals) {
	counts := c.Sessions.Counts()
	statements, took := c.Activity.Statements()
	t[queries], t[queryTime] = statements, micros(took)
	t[received], t[sent] = counts.Received, counts.Sent
	t[clientParses], t[serverParses], t[binds] = counts.ClientParses, counts.Parses, counts.Binds
	t[transactions] = counts.Transactions
	all := []pool.Stats{c.Upstream.Gone()}
	for _, d := range c.Upstream.Databases() {
		for _, p := range d.Pools {
			all = append(all, p.Stats())
		}
	}
	for _, s := range all {
		t[assignments] += s.Leases
		t[waitTime] += micros(s.Waited)
		t[transactionTime] += micros(s.Leased)
	}
	before, ago := c.averages.since(t)
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
	return t, avg
}

func micros(d time.Duration) uint64 { return uint64(max(0, d.Microseconds())) }

// compareText compares two values that are text.
func compareText(a, b any) int { return cmp.Compare(a.(string), b.(string)) }
