package isolation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Stats count what happened to statements. It is safe for concurrent use.
type Stats struct {
	mu         sync.Mutex
	steps      int
	accepted   int // by the tenant's own world
	hostile    int
	ordinary   int
	unsure     int
	both       int
	refused    map[string]int      // ordinary statements by rule
	examples   map[string][]string // some of them
	kinds      map[string]int
	states     map[string]int // SQLSTATEs of the own world
	stateCases map[string]string
}

// NewStats returns empty counts.
func NewStats() *Stats {
	return &Stats{refused: map[string]int{}, examples: map[string][]string{}, kinds: map[string]int{},
		states: map[string]int{}, stateCases: map[string]string{}}
}

const keptExamples = 5

func (s *Stats) count(step *Step, v Verdict, proxied, own Answer) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps++
	s.kinds[step.Kind]++
	if own.Err == nil {
		s.accepted++
	} else {
		s.states[own.Err.Code]++
		s.stateCases[own.Err.Code] = own.Err.Message + "  <-  " + step.Query.SQL()
	}
	if step.Hostile {
		s.hostile++
		return
	}
	s.ordinary++
	switch v {
	case Unsure:
		s.unsure++
	case BothRefused:
		s.both++
	case Refused:
		rule := refusalRule(proxied.Err)
		s.refused[rule]++
		if len(s.examples[rule]) < keptExamples {
			s.examples[rule] = append(s.examples[rule], proxied.Err.Message+"  <-  "+step.Query.SQL())
		}
	}
}

// Steps is how many statements ran.
func (s *Stats) Steps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps
}

// AcceptedShare is the share of the statements that Postgres accepted, of 1, without those in a failed transaction.
func (s *Stats) AcceptedShare() float64 {
	return float64(s.accepted) / float64(max(s.steps-s.states["25P02"], 1))
}

// RefusedShare is the share of the ordinary statements that the proxy refused by a rule and Postgres would have run, of 1.
func (s *Stats) RefusedShare() float64 {
	total := 0
	for _, k := range s.refused {
		total += k
	}
	return float64(total) / float64(max(s.ordinary, 1))
}

// String is a report of a few lines; verbose adds examples of refusals and errors.
func (s *Stats) String() string { return s.report(false) }

func (s *Stats) report(verbose bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%d statements: %.1f%% accepted in the tenant's own world, %d hostile, %d timed out, %d refused by both\n",
		s.steps, 100*s.AcceptedShare(), s.hostile, s.unsure, s.both)
	fmt.Fprintf(&b, "kinds: %s\n", printCounts(s.kinds))
	fmt.Fprintf(&b, "errors in the own world: %s\n", printCounts(s.states))
	fmt.Fprintf(&b, "refused of %d ordinary ones: %.2f%% %s\n", s.ordinary, 100*s.RefusedShare(), printCounts(s.refused))
	if verbose {
		for _, rule := range slices.Sorted(maps.Keys(s.examples)) {
			for _, sql := range s.examples[rule] {
				fmt.Fprintf(&b, "  %s: %s\n", rule, sql)
			}
		}
		for _, code := range slices.Sorted(maps.Keys(s.stateCases)) {
			fmt.Fprintf(&b, "  %s: %s\n", code, s.stateCases[code])
		}
	}
	return b.String()
}

func printCounts(m map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %d", k, m[k])
	}
	return strings.Join(parts, ", ")
}
