package observe

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"pgcordon/proxy"
)

// Incident is what was refused, or cut by a limit: once, or several times for the same reason.
type Incident struct {
	First, Last  time.Time
	Count        uint64
	Tenant, User string
	Limit        bool   // by a limit; else by the rewriter
	Rule         string // of the rewriter, or the limit's name
	SQLState     string
	Fingerprint  string // of the statement; empty when it was not planned
	Session      uint64 // of the last time
	Position     int    // in the client's text of the last time, in characters from 1; 0 for unknown
}

// How many incidents are kept, and how many of one tenant, so that one tenant's do not push out all others.
const (
	maxIncidents       = 2000
	maxTenantIncidents = 200
)

// incidents keeps the last ones. The zero value has none.
type incidents struct {
	mu    sync.Mutex
	known map[incidentKey]*list.Element
	all   list.List // of *Incident, the newest first
	of    map[string]*list.List
}

type incidentKey struct {
	tenant, user, rule, fingerprint string
	limit                           bool
}

type incidentEntry struct {
	Incident
	own *list.Element // in the list of its tenant, of the elements of all
}

func (i *Incident) key() incidentKey {
	return incidentKey{i.Tenant, i.User, i.Rule, i.Fingerprint, i.Limit}
}

// add keeps an incident of now, or counts it to the one it repeats.
func (in *incidents) add(now time.Time, i Incident) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.known == nil {
		in.known, in.of = make(map[incidentKey]*list.Element), make(map[string]*list.List)
	}
	i.First, i.Last, i.Count = now, now, 1
	own := in.of[i.Tenant]
	if own == nil {
		own = list.New()
		in.of[i.Tenant] = own
	}
	if el := in.known[i.key()]; el != nil {
		e := el.Value.(*incidentEntry)
		i.First, i.Count = e.First, e.Count+1
		e.Incident = i
		in.all.MoveToFront(el)
		own.MoveToFront(e.own)
		return
	}
	e := &incidentEntry{Incident: i}
	el := in.all.PushFront(e)
	e.own = own.PushFront(el)
	in.known[i.key()] = el
	if own.Len() > maxTenantIncidents {
		in.drop(own.Back().Value.(*list.Element))
	} else if in.all.Len() > maxIncidents {
		in.drop(in.all.Back())
	}
}

func (in *incidents) drop(el *list.Element) {
	e := in.all.Remove(el).(*incidentEntry)
	delete(in.known, e.key())
	own := in.of[e.Tenant]
	own.Remove(e.own)
	if own.Len() == 0 {
		delete(in.of, e.Tenant)
	}
}

// Incidents returns what was refused last, the newest first.
func (o *Observer) Incidents() []Incident {
	in := &o.incidents
	in.mu.Lock()
	defer in.mu.Unlock()
	out := make([]Incident, 0, in.all.Len())
	for el := in.all.Front(); el != nil; el = el.Next() {
		out = append(out, el.Value.(*incidentEntry).Incident)
	}
	return slices.Clip(out)
}

func (o *Observer) denied(d proxy.Decision) {
	o.incidents.add(o.now(), Incident{Tenant: d.Identity.Tenant.String(), User: d.Identity.User, Rule: d.Denial.Rule, SQLState: d.Denial.SQLState,
		Fingerprint: d.Denial.Fingerprint, Session: d.Session, Position: d.Denial.Position})
}

func (o *Observer) limited(e proxy.Outcome) {
	i := Incident{Tenant: e.Identity.Tenant.String(), User: e.Identity.User, Limit: true, Rule: limitLabel(e.Limit), SQLState: e.SQLState, Session: e.Session}
	if e.Plan != nil {
		i.Fingerprint = e.Plan.Fingerprint
	}
	o.incidents.add(o.now(), i)
}
