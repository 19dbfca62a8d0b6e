package console

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Names are the databases that stand for the console. The second is what programs made for PgBouncer ask for.
var Names = []string{"pgcordon", "pgbouncer"}

// Is reports whether a database of this name is the console.
func Is(database string) bool { return slices.Contains(Names, database) }

// ServerVersion is what clients are told as server_version: drivers expect a version of Postgres.
const ServerVersion = "15.0 (pgcordon admin)"

// Options say what a Console shows and commands. Every field is needed, save for Log and Now.
type Options struct {
	Sessions Sessions
	Upstream Upstream
	Activity Activity
	Settings Settings
	Process  Process
	Version  string
	// Log is told each command that changes something; nil for nobody.
	Log *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Console answers the sessions of the admin database. It is safe for concurrent use.
type Console struct {
	Options
	views    map[string]view
	averages averages
}

// New returns a console.
func New(o Options) *Console {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{Options: o, averages: averages{now: o.Now}}
	c.views = make(map[string]view)
	for _, v := range slices.Concat(bouncerViews(c), statsViews(c), tenantViews(c)) {
		c.views[v.name] = v
	}
	return c
}

// view is what SHOW with its name shows.
type view struct {
	name    string
	columns []column
	rows    func() []row
}

// averages keeps the totals of before, for views that tell averages. They are taken when somebody looks: an average covers the time since
// the last look that is a period ago, or the last but one.
type averages struct {
	now func() time.Time

	mu            sync.Mutex
	older, newer  map[Key]totals
	oldAt, newAt  time.Time
	hasOld, hasIt bool
}

// period is how long PgBouncer's averages cover (stats_period).
const period = time.Minute

// since returns the totals to compare with those of now, and how long ago they were taken; 0 for never.
func (a *averages) since(totals map[Key]totals) (before map[Key]totals, ago time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if !a.hasIt || now.Sub(a.newAt) >= period {
		a.older, a.oldAt, a.hasOld = a.newer, a.newAt, a.hasIt
		a.newer, a.newAt, a.hasIt = totals, now, true
	}
	if a.hasOld {
		return a.older, now.Sub(a.oldAt)
	}
	return a.newer, now.Sub(a.newAt)
}
