package stand

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pgcordon/test/drivers/stack"
)

// Target is something that clients can connect to.
type Target struct {
	Name string
	// DSN is a connection string of keywords, without the password.
	DSN      string
	Password string
	// Connections is how many server connections its clients have between them.
	Connections int
	// Shares is set when clients share those; otherwise each client needs one of its own.
	Shares bool
	// NoPrepared: named statements do not survive (PgBouncer before 1.21 in transaction mode).
	NoPrepared bool
	// Tenants is how many tenants ActingLogin can act for, where the policy is made for that; 0 elsewhere.
	Tenants int
	// Only is set for a target that is measured only where a workload asks for it.
	Only bool
	// neighbour is the login of another tenant; empty: whoever logs in sees all rows.
	neighbour string

	process *stack.Process // nil for direct
}

// ConnString is the connection string with the password. Where the login acts for tenants, it chooses the i-th, from 1 on.
func (t *Target) ConnString(i int) string {
	text := t.DSN
	if t.Password != "" {
		text += " password=" + quote(t.Password)
	}
	if t.Tenants > 0 {
		text += " options=" + quote("-c pgcordon.tenant="+TenantName(i))
	}
	return text
}

// NeighbourDSN is DSN for a client of another tenant, with the same password.
func (t *Target) NeighbourDSN() string {
	if t.neighbour == "" {
		return t.DSN
	}
	return t.neighbour
}

// Holds says why the target cannot have so many clients, empty when it can.
func (t *Target) Holds(clients int) string {
	if t.Shares || clients <= t.Connections {
		return ""
	}
	return fmt.Sprintf("each client needs a server connection of its own, and there is room for %d", t.Connections)
}

// Speaks reports whether statements can be sent in a mode.
func (t *Target) Speaks(mode string) bool { return mode != "prepared" || !t.NoPrepared }

// Log is the end of what its process wrote.
func (t *Target) Log() string {
	if t.process == nil {
		return ""
	}
	return strings.TrimSpace(t.process.Log())
}

// Pid is its process, 0 for none.
func (t *Target) Pid() int {
	if t.process == nil {
		return 0
	}
	return t.process.Pid()
}

// Signal sends its process a signal.
func (t *Target) Signal(sig syscall.Signal) error { return syscall.Kill(t.Pid(), sig) }

// ticksPerSecond is USER_HZ, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// CPU returns the user and system time that the process has spent; 0 without a process, or where there is no /proc.
func (t *Target) CPU() time.Duration {
	if t.process == nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.process.Pid()))
	if err != nil {
		return 0
	}
	d, err := cpuOf(string(stat))
	if err != nil {
		return 0
	}
	return d
}

// cpuOf reads fields 14 and 15 of proc(5)'s stat. Field 2, the program's name, may hold anything, so it counts from the
// last parenthesis.
func cpuOf(stat string) (time.Duration, error) {
	words := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(words) < 13 {
		return 0, fmt.Errorf("/proc/.../stat: %q", stat)
	}
	user, err := strconv.Atoi(words[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(words[12])
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / ticksPerSecond, nil
}

// Resident returns the bytes of memory that the process has resident; 0 without a process, or where there is no /proc.
func (t *Target) Resident() int64 {
	if t.process == nil {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.process.Pid()))
	if err != nil {
		return 0
	}
	return residentOf(string(status))
}

func residentOf(status string) int64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
