// Package report holds the results of a bench run and shows them: as a text, as JSON and as one self-contained HTML page.
//
// A run is a list of cells: one workload in one mode with one number of clients. A cell has a series for each target, and a series a
// measurement for each round. In a round every target has its turn, so a ratio is made within a round and its median taken over
// the rounds: what disturbs the machine for a while disturbs both sides of it. The slowest and the fastest round are the noise that is said.
package report
