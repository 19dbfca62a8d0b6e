package orms

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// toastType is a row of the catalogs about the row type of a TOAST table.
var toastType = regexp.MustCompile(`^row .*\bpg_toast_\d+\b`)

// withoutToast leaves out what servers before 14 show of types of TOAST tables, and pgcordon does not.
func withoutToast(answer []string) []string {
	if server.Postgres.Major >= 14 {
		return answer
	}
	out := slices.DeleteFunc(slices.Clone(answer), toastType.MatchString)
	for i, line := range out {
		if rows, err := strconv.Atoi(strings.TrimPrefix(line, "SELECT ")); err == nil && strings.HasPrefix(line, "SELECT ") {
			out[i] = fmt.Sprint("SELECT ", rows+len(out)-len(answer))
		}
	}
	return out
}
