//go:build !mutation

package rewriter

// Builds that tests use to prove that they would notice a missing rule have others of these (see mutation_on.go).

func omitted(string) bool { return false }

func sweeping() bool { return true }
