// Package trial runs a bench: it puts up the stand, measures every cell in rounds in which the targets take turns, and hands back the
// results. `pgcordon bench` and `make bench` are both it.
//
// A measurement that fails is noted in the results, and the run goes on; so is what a target cannot do. An interrupt ends the run with
// what was measured so far.
package trial
