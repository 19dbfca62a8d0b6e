//go:build !mutation

package rewriter

// mutating is set in builds that tests use to prove that they would notice a missing rule (see mutation_on.go).
const mutating = false

func omitted(string) bool { return false }
