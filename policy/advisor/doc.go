// Package advisor finds what a DBA should look at in a policy that is bound to a catalog. `pgcordon check` shows it.
//
// A rule is a file: a pure function of the bound policy that returns findings. To add one, write it and list it in rules.
// Findings come in a fixed order, so that two runs on the same catalog print the same.
package advisor
