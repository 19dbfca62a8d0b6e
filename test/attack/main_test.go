package attack_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain prints what became of the cases.
func TestMain(m *testing.M) {
	code := m.Run()
	if len(outcomes.counts) > 0 {
		fmt.Print(outcomes.String())
	}
	os.Exit(code)
}
