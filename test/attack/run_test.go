package attack_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// The outcomes of a case.
const (
	blocked = "blocked" // refused
	scoped  = "scoped"  // it ran, and reached the attacker's own rows alone
	hidden  = "hidden"  // it ran, and what would leak was kept from the attacker

	residue = "residue" // in overrides: what the schema itself gives away
)

// tally counts outcomes by class.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[string]int
}

var outcomes = tally{counts: map[string]map[string]int{}}

func (c *tally) add(class, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[class] == nil {
		c.counts[class] = map[string]int{}
	}
	c.counts[class][outcome]++
}

// String is a table.
func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	sum := map[string]int{}
	fmt.Fprintf(&b, "\n%-24s %6s %8s %7s %7s\n", "class", "cases", blocked, scoped, hidden)
	for _, class := range slices.Sorted(maps.Keys(c.counts)) {
		n := c.counts[class]
		fmt.Fprintf(&b, "%-24s %6d %8d %7d %7d\n", class, n[blocked]+n[scoped]+n[hidden], n[blocked], n[scoped], n[hidden])
		for k, v := range n {
			sum[k] += v
		}
	}
	fmt.Fprintf(&b, "%-24s %6d %8d %7d %7d\n", "all", sum[blocked]+sum[scoped]+sum[hidden], sum[blocked], sum[scoped], sum[hidden])
	return b.String()
}

// worlds are the schemas with their tenants, all of them played at once.
var worlds = []struct{ name, attacker, victim string }{
	{"corpus", "acme", "globex"},
	{"shop", "acme", "globex"},
	{"defaults", "acme", "globex"},
	{"veiled", "acme", "globex"},
	{"workshop", "acme", "globex"},
	{"numbers", "16777217", "16777216"},
	{"quotes", `a'\"$1$$é%`, `a''\"$1$$é%`},
}

// TestCases plays every case of the corpus and of the .case files.
func TestCases(t *testing.T) {
	overrides := loadOverrides(t, "testdata/overrides")
	known := map[string]bool{}
	for _, about := range worlds {
		cases := casesOf(t, about.name)
		for _, a := range cases {
			if known[a.ID] {
				t.Errorf("two cases are called %s", a.ID)
			}
			known[a.ID] = true
		}
		w := newWorld(t, about.name, about.attacker, about.victim)
		t.Run(about.name, func(t *testing.T) {
			t.Parallel()
			for i, a := range cases {
				if sampled := testing.Short() && sessions; !sampled || i%8 == 0 {
					w.playBoth(t, a, overrides[a.ID])
				}
			}
		})
	}
	for id := range overrides {
		if !known[id] {
			t.Errorf("testdata/overrides names %s, which is no case", id)
		}
	}
}

func casesOf(t *testing.T, world string) []*attempt {
	t.Helper()
	files, err := filepath.Glob("testdata/" + world + "-*.case")
	must(t, err)
	var cases []*attempt
	if world == "corpus" {
		cases = loadCorpus(t, "testdata/corpus.jsonl")
	}
	for _, file := range files {
		cases = append(cases, loadCases(t, file)...)
	}
	if len(cases) == 0 {
		t.Fatalf("the world %s has no cases", world)
	}
	return cases
}

// playBoth plays a case in both protocols. Those of single messages are in wire_test.go.
func (w *world) playBoth(t *testing.T, a *attempt, over override) {
	if a.Protocol == "raw" || a.newer(w.pg.Major) {
		return
	}
	for _, protocol := range []string{"simple", "extended"} {
		if protocol == "extended" || a.Protocol != "extended" {
			t.Run(a.ID+"/"+protocol, func(t *testing.T) { outcomes.add(a.Class, w.play(t, a, protocol == "extended", over)) })
		}
	}
	if w.site != nil && a.Protocol != "extended" && w.site.preparable(a) { // once more, for the same statements as text
		w.site.eager.on.Store(true)
		defer w.site.eager.on.Store(false)
		t.Run(a.ID+"/as prepared", func(t *testing.T) { outcomes.add(a.Class, w.play(t, a, false, over)) })
	}
}

// play runs one case and returns its outcome.
func (w *world) play(t *testing.T, a *attempt, extended bool, over override) string {
	s := w.at(t, a.Setup)
	before := ""
	if a.CheckOK == unchanged {
		before = s.ask(t, a.Check)
	}
	clients := map[string]*client{}
	var refused, leaked bool
	for i, step := range a.Steps {
		side, sql := "", step
		if strings.HasPrefix(step, "@") {
			side, sql, _ = strings.Cut(step, ": ")
		}
		c := clients[side]
		if c == nil {
			c = s.connect(t, user(side), nil)
			clients[side] = c
		}
		r := c.step(a, i, strings.ReplaceAll(sql, "tenants.public", s.database+".public"), extended)
		t.Logf("%s %s\n  %s", side, shorten(sql), shorten(strings.Join(r.log, "\n  ")))
		if side != "" {
			continue
		}
		refused = refused || len(r.errors) > 0
		if r.closed {
			t.Errorf("the connection was closed")
		}
		if what := leak(a.Marker, r); what != "" && over.outcome != residue && (over.outcome != scoped || !tagMarker.MatchString(a.Marker)) {
			leaked = true
			t.Errorf("%s: the attacker received %s", a.Why, what)
		}
	}
	for _, c := range clients {
		c.close()
	}
	w.verify(t, s, a, before)
	outcome := scoped
	if refused {
		outcome = blocked
	} else if a.Expect == hidden {
		outcome = hidden
	}
	if a.Expect == blocked && !refused && over.outcome != scoped && over.outcome != residue && !leaked {
		t.Errorf("%s: not refused", a.Why)
	}
	return outcome
}

// step sends one statement, in the extended protocol if it stands alone.
func (c *client) step(a *attempt, i int, sql string, extended bool) *reply {
	if !extended {
		return c.simple(sql)
	}
	var params []*string
	var types []uint32
	if i < len(a.Params) {
		params = a.Params[i]
	}
	if i < len(a.Types) {
		types = a.Types[i]
	}
	r := c.extended(sql, types, params)
	if len(r.errors) > 0 && strings.HasPrefix(r.errors[0].Message, "cannot insert multiple commands") {
		return c.simple(sql)
	}
	return r
}

// verify looks at the database after a case: the victim's rows are as they were, and the case's check holds. What was changed is thrown away.
func (w *world) verify(t *testing.T, s *site, a *attempt, before string) {
	t.Helper()
	if a.Check != "" {
		want := a.CheckOK
		if want == unchanged {
			want = before
		}
		if got := s.ask(t, a.Check); got != want {
			t.Errorf("%s: %s is %q, not %q", a.Why, a.Check, got, want)
		}
	}
	after := s.checksums(t)
	for name, sum := range s.pristine {
		if strings.HasPrefix(name, "victim:") && after[name] != sum {
			t.Errorf("%s: rows of the victim have changed: %s", a.Why, name)
		}
	}
	if after["relations"] != s.pristine["relations"] {
		w.drop()
	} else if !maps.Equal(after, s.pristine) {
		s.restore(t)
	}
	if strings.Contains(a.Setup, "ALTER ROLE") {
		w.drop()
		must(t, w.pg.Exec(t.Context(), "postgres", "ALTER ROLE app_proxy RESET ALL; ALTER ROLE app_proxy NOBYPASSRLS"))
	}
}

var tagMarker = regexp.MustCompile(`^(SELECT|INSERT|MOVE) [0-9 ]+$|^[A-Z]+( [A-Z]+)*$`)

// leak returns what of the marker a reply holds; empty for nothing.
func leak(marker string, r *reply) string {
	if marker == "NEVER" || marker == "" {
		return ""
	}
	if tagMarker.MatchString(marker) && marker != "GLOBEX" && len(marker) > 2 {
		if slices.Contains(r.tags, marker) {
			return "the command tag " + marker
		}
		return ""
	}
	raw := r.raw
	if !strings.Contains(marker, "GLOBEX-SECRET") {
		// Short markers are words that a refusal may use.
		raw = nil
		for _, line := range r.log {
			if len(marker) < 4 && !strings.HasPrefix(line, "DataRow ") {
				continue
			}
			if !strings.HasPrefix(line, "Error ") || !refusal(r) {
				raw = append(raw, line...)
			}
		}
	}
	if bytes.Contains(bytes.ToLower(raw), bytes.ToLower([]byte(marker))) {
		return fmt.Sprintf("%q", marker)
	}
	return ""
}

// refusal tells whether every error of a reply is the proxy's own, which speaks of names in the statement.
func refusal(r *reply) bool {
	return !slices.ContainsFunc(r.errors, func(e *pgproto3.ErrorResponse) bool {
		return !strings.HasPrefix(e.Detail, "Refused by rule") && !strings.HasPrefix(e.Code, "42")
	})
}

func shorten(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "..."
	}
	return s
}
