package proxy_test

import (
	"strings"
	"testing"
)

// TestPortalsFollowThePolicy: what was bound before a policy is loaded is not run against it.
func TestPortalsFollowThePolicy(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	c.say(1, query("BEGIN"))
	c.say(1, parse("", "SELECT n FROM numbers ORDER BY n"), bind("same", ""), exec("same", 1), sync_)
	c.say(1, parse("", "UPDATE orders SET item = 'bent'"), bind("denied", ""), sync_)
	next := w.active
	next.Planner = w.planner(strings.Replace(policyYAML, "public.secrets", "public.orders", 1))
	w.server.Swap(next)
	if got, want := strings.Join(c.say(1, exec("same", 1), sync_), ","), `DataRow ["2"],PortalSuspended,Ready T`; got != want {
		t.Errorf("a statement that the new policy does not change: %s, want %s", got, want)
	}
	if got := c.say(1, exec("denied", 0), sync_); !strings.HasPrefix(got[0], "Error ERROR 42501") || got[len(got)-1] != "Ready E" {
		t.Errorf("a statement that the new policy denies: %q", got)
	}
}
