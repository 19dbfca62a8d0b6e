package observe

import (
	"fmt"
	"testing"
	"time"

	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

// What repeats itself is one row, and a tenant that is refused all the time does not push out the others.
func TestIncidents(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now})
	denied := func(tenant, rule, fingerprint string) {
		c.advance(time.Second)
		o.Decided(proxy.Decision{Session: 9, Identity: identity(t, tenant), Denial: &rewriter.Denial{Rule: rule, SQLState: "42501", Fingerprint: fingerprint, Position: 3,
			Message: "relation \"a value\" is denied"}})
	}
	denied("acme", "relation-denied", "0000000000000001")
	denied("globex", "relation-denied", "0000000000000001")
	denied("acme", "relation-denied", "0000000000000001")
	o.Finished(proxy.Outcome{Session: 4, Identity: identity(t, "acme"), Plan: planOf(rewriter.KindSelect), Limit: limit.RowsPerStatement, SQLState: "53400", Elapsed: time.Second, Rows: 5})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionRefused, Identity: identity(t, "globex"), Limit: limit.Connections, SQLState: "53300"})
	list := o.Incidents()
	if len(list) != 4 {
		t.Fatalf("%+v", list)
	}
	if i := list[2]; i.Tenant != "acme" || i.Count != 2 || i.Last.Sub(i.First) != 2*time.Second || i.Limit || i.User != "acme_app" || i.Position != 3 || i.Session != 9 {
		t.Errorf("what was repeated: %+v", i)
	}
	if i := list[1]; !i.Limit || i.Rule != limit.RowsPerStatement || i.Fingerprint != "0123456789abcdef" {
		t.Errorf("a limit: %+v", i)
	}
	if i := list[0]; !i.Limit || i.Rule != limit.Connections || i.Tenant != "globex" {
		t.Errorf("a refused connection: %+v", i)
	}
	for i := range 3 * maxTenantIncidents {
		denied("noisy", "relation-denied", fmt.Sprint(i))
	}
	of := map[string]int{}
	for _, i := range o.Incidents() {
		of[i.Tenant]++
	}
	if of["noisy"] != maxTenantIncidents || of["acme"] != 2 || of["globex"] != 2 {
		t.Errorf("kept: %v", of)
	}
	for i := range 2 * maxIncidents {
		denied(fmt.Sprintf("tenant%d", i%50), "relation-denied", fmt.Sprint(i))
	}
	if n := len(o.Incidents()); n != maxIncidents {
		t.Errorf("%d are kept, of %d", n, maxIncidents)
	}
	if in := &o.incidents; len(in.known) != maxIncidents || len(in.of) > 51 {
		t.Errorf("%d and %d entries beside them", len(in.known), len(in.of))
	}
}

// Usage is kept for tenants without series of their own, too.
func TestUsage(t *testing.T) {
	c := newClock()
	o := New(Options{Now: c.Now, Tenants: 1})
	o.Session(proxy.SessionEvent{Phase: proxy.SessionOpened, Identity: identity(t, "acme")}) // the first to come has series of its own
	for name, n := range map[string]int{"acme": 40, "globex": 3} {
		for range n {
			o.Finished(proxy.Outcome{Identity: identity(t, name), Plan: planOf(rewriter.KindSelect), Rows: 10, Bytes: 100, Elapsed: time.Second})
		}
	}
	o.Decided(proxy.Decision{Identity: identity(t, "globex"), Denial: &rewriter.Denial{Rule: "relation-denied"}})
	want := []Usage{{Tenant: "acme", Connections: 1, Statements: 40, Rows: 400, Bytes: 4000, Time: 40 * time.Second},
		{Tenant: "globex", Statements: 3, Rows: 30, Bytes: 300, Time: 3 * time.Second, Denials: 1}}
	if got := o.Usage(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
	for range 10 {
		c.advance(rankInterval)
		if _, err := o.Gather(); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.Usage(); len(got) != 1 || got[0].Tenant != "acme" {
		t.Errorf("after a while: %+v", got)
	}
}
