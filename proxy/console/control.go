package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgcordon/proxy/pool"
)

// controls are the commands that change something, for admin_users alone.
var controls map[string]func(*Console, context.Context, *Link, command) error

func init() { // they refer to each other through invalid
	controls = map[string]func(*Console, context.Context, *Link, command) error{
		"DISABLE":     (*Console).disable,
		"ENABLE":      (*Console).enable,
		"KILL":        (*Console).kill,
		"KILL_CLIENT": (*Console).killClient,
		"PAUSE":       (*Console).pause,
		"RECONNECT":   (*Console).reconnect,
		"RELOAD":      (*Console).reload,
		"RESUME":      (*Console).resume,
		"SHUTDOWN":    (*Console).shutdown,
		"SUSPEND":     (*Console).suspend,
		"WAIT_CLOSE":  (*Console).waitClose,
	}
}

// note writes a command to the log.
func (c *Console) note(link *Link, cmd command, more ...any) {
	c.Log.Info("admin command", append([]any{"user", link.User, "command", cmd.verb()}, more...)...)
}

// named finds the databases that a command is about: those that are called by the name behind it, or all, with an empty name.
func (c *Console) named(cmd command, needed bool) (name string, list []Database, err error) {
	all := c.Upstream.Databases()
	switch len(cmd.words) {
	case 1:
		if needed {
			return "", nil, failf(stateSyntax, "a database is required")
		}
		return "", all, nil
	case 2:
		given := cmd.words[1]
		for _, d := range all {
			names := []string{cmp.Or(d.Key.Name, d.Name)}
			if d.Key != (Key{}) {
				names = append(names, d.Key.Name+"@"+d.Key.Tenant)
			}
			for _, known := range names {
				if given.text == known || !given.quoted && given.text == strings.ToLower(known) {
					return known, called(all, known), nil
				}
			}
		}
		if Is(given.text) {
			return "", nil, failf(stateNotInState, "cannot do that to the admin database")
		}
		return "", nil, failf(stateNoDatabase, "no such database: %s", given.text)
	}
	return "", nil, invalid(cmd)
}

// called are the databases that a name means.
func called(all []Database, name string) []Database {
	var list []Database
	for _, d := range all {
		if Called(cmp.Or(d.Key.Name, d.Name), d.Key, name) {
			list = append(list, d)
		}
	}
	return list
}

// hold has databases held, and reports whether one of them was not before.
func (c *Console) hold(name string, list []Database) (fresh bool) {
	fresh = c.Upstream.Hold(name, true)
	for _, d := range list {
		for _, p := range d.Pools {
			fresh = p.Hold() || fresh
		}
	}
	return fresh
}

// release ends that, and reports whether one of them was held.
func (c *Console) release(name string, list []Database) (held bool) {
	held = c.Upstream.Hold(name, false)
	for _, d := range list {
		for _, p := range d.Pools {
			held = p.Resume() || held
		}
	}
	return held
}

// pause holds new transactions back, and waits until none runs any more. One that is broken off before that is undone.
func (c *Console) pause(ctx context.Context, link *Link, cmd command) error {
	name, list, err := c.named(cmd, false)
	if err != nil {
		return err
	}
	if !c.hold(name, list) {
		return failf(stateNotInState, "already suspended/paused")
	}
	c.note(link, cmd)
	err = patient(ctx, link, func(ctx context.Context) error {
		for _, d := range list {
			for _, p := range d.Pools {
				if err := p.WaitEmpty(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, pool.ErrResumed):
		return failf(stateNotInState, "the pause was ended by another command")
	case err != nil:
		c.release(name, list)
		c.note(link, cmd, "broken_off", true)
	}
	return err
}

// resume ends a pause: PAUSE's or KILL's.
func (c *Console) resume(_ context.Context, link *Link, cmd command) error {
	name, list, err := c.named(cmd, false)
	switch {
	case err != nil && len(cmd.words) == 2 && c.Upstream.Hold(cmd.words[1].text, false): // nobody is in it
	case err != nil:
		return err
	case !c.release(name, list):
		return failf(stateNotInState, "pooler is not paused/suspended")
	}
	c.note(link, cmd)
	return nil
}

func (c *Console) suspend(context.Context, *Link, command) error {
	e := failf(stateNotSupported, "SUSPEND is not supported")
	e.Hint = "PAUSE waits for transactions to end and keeps the clients."
	return e
}

// reconnect replaces the connections to the upstream, each when it is released.
func (c *Console) reconnect(_ context.Context, link *Link, cmd command) error {
	_, list, err := c.named(cmd, false)
	if err != nil {
		return err
	}
	for _, d := range list {
		for _, p := range d.Pools {
			p.Reconnect()
		}
	}
	c.note(link, cmd)
	return nil
}

// waitClose waits until the connections that RECONNECT, or a reload, wants to be replaced are gone.
func (c *Console) waitClose(ctx context.Context, link *Link, cmd command) error {
	_, list, err := c.named(cmd, false)
	if err != nil {
		return err
	}
	return patient(ctx, link, func(ctx context.Context) error {
		for _, d := range list {
			for _, p := range d.Pools {
				if err := p.WaitReplaced(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// kill pauses as PgBouncer does, and ends all sessions.
func (c *Console) kill(_ context.Context, link *Link, cmd command) error {
	name, list, err := c.named(cmd, false)
	if err != nil {
		return err
	}
	if !c.hold(name, list) {
		return failf(stateNotInState, "already suspended/paused")
	}
	n := c.Sessions.Kill(func(_ uint64, database string, key Key) bool { return name == "" || Called(database, key, name) })
	c.note(link, cmd, "sessions", n)
	return nil
}

func (c *Console) killClient(_ context.Context, link *Link, cmd command) error {
	if len(cmd.words) != 2 {
		return invalid(cmd)
	}
	id, err := strconv.ParseUint(cmd.words[1].text, 10, 64)
	if err != nil {
		return failf(stateInvalid, "invalid client pointer supplied")
	}
	if c.Sessions.Kill(func(session uint64, _ string, _ Key) bool { return session == id }) == 0 {
		return failf(stateUndefined, "client not found")
	}
	c.note(link, cmd, "session", id)
	return nil
}

func (c *Console) disable(_ context.Context, link *Link, cmd command) error {
	return c.able(link, cmd, true)
}

func (c *Console) enable(_ context.Context, link *Link, cmd command) error {
	return c.able(link, cmd, false)
}

func (c *Console) able(link *Link, cmd command, disabled bool) error {
	name, _, err := c.named(cmd, true)
	switch {
	case err == nil:
		c.Sessions.Disable(name, disabled)
	case !disabled && len(cmd.words) == 2 && c.Sessions.Disable(cmd.words[1].text, false):
		name = cmd.words[1].text // nobody is in it
	default:
		return err
	}
	c.note(link, cmd, "database", name)
	return nil
}

func (c *Console) reload(ctx context.Context, link *Link, cmd command) error {
	if len(cmd.words) != 1 {
		return invalid(cmd)
	}
	c.note(link, cmd)
	if err := c.Process.Reload(ctx); err != nil {
		e := failf(stateReload, "RELOAD failed, nothing was changed")
		e.Detail = err.Error()
		e.Hint = "The log has the rest."
		return e
	}
	return nil
}

func (c *Console) shutdown(_ context.Context, link *Link, cmd command) error {
	mode := ShutdownNow
	switch {
	case len(cmd.words) == 1:
	case len(cmd.words) == 2 && cmd.is(1, "wait_for_servers"):
		mode = ShutdownWaitForServers
	case len(cmd.words) == 2 && cmd.is(1, "wait_for_clients"):
		mode = ShutdownWaitForClients
	default:
		return invalid(cmd)
	}
	c.note(link, cmd, "mode", cmd.rest())
	c.Process.Shutdown(mode)
	return nil
}

// lookAgain is how often a command that waits looks whether its client is still there.
const lookAgain = 200 * time.Millisecond

// patient runs what may wait for long. It ends when the client cancels, or has gone.
func patient(ctx context.Context, link *Link, wait func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if errors.Is(err, context.Canceled) {
				return context.Cause(ctx)
			}
			return err
		case <-link.Canceled:
			stop(failf(stateCanceled, "canceling statement due to user request"))
		case <-tick.C:
			if link.Gone() {
				stop(failf(stateShutdown, "terminating connection due to administrator command"))
			}
		}
	}
}

// used is how many seconds and microseconds a wait is, as PgBouncer tells them.
func used(d time.Duration) (seconds, micros int64) {
	return int64(d / time.Second), int64(d%time.Second) / 1000
}

// longest is the longest wait of those who wait for a connection.
func longest(waiting []pool.Waiter, now time.Time) time.Duration {
	if len(waiting) == 0 {
		return 0
	}
	first := slices.MinFunc(waiting, func(a, b pool.Waiter) int { return a.Since.Compare(b.Since) })
	return max(0, now.Sub(first.Since))
}
