package proxy

import (
	"context"
	"errors"
	"syscall"
	"time"

	"pgcordon/proxy/auth"
	"pgcordon/proxy/console"
	"pgcordon/proxy/pgwire"
)

// maxConsoles is how many clients the admin database has at once. They do not count as clients, so that there is room for them when
// there is none for anybody else.
const maxConsoles = 100

// consoleOf decides whether a proven user gets the admin database. One that may not is told what anybody is told of a database that does not exist.
func (s *session) consoleOf(asked *startup, active *Active) auth.Console {
	if s.server.console == nil || !console.Is(asked.database) || asked.tenant != "" || active.Pool != nil && asked.database == active.database() ||
		s.owns(active, asked.database) {
		return auth.ConsoleNone
	}
	return s.user.Console
}

// serveConsole runs a session of the admin database to its end. It has no tenant and no upstream connection.
// Such a session stays in phaseStartup: a shutdown closes its connection at once.
func (s *session) serveConsole(ctx context.Context) error {
	defer s.server.consoles.Add(-1)
	if s.server.consoles.Add(1) > maxConsoles {
		return &failure{state: stateTooManyConnections, message: "sorry, too many clients of the admin database already"}
	}
	if err := s.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	canceled := make(chan struct{}, 1)
	s.consoleCancel.Store(&canceled)
	b := pgwire.AppendAuthOK(nil)
	for _, p := range console.Reported() {
		b = pgwire.AppendParameterStatus(b, p[0], p[1])
	}
	b = pgwire.AppendParameterStatus(b, "session_authorization", s.who.User)
	b = pgwire.AppendBackendKeyData(b, s.server.cancels.issue(s))
	if err := s.out.send(pgwire.AppendReady(b, 'I')); err != nil {
		return errEnd
	}
	s.server.log.Debug("admin session opened", "session", s.id, "user", s.who.User, "remote", s.remote)
	err := s.server.console.Serve(ctx, console.Link{
		In: s.in, Send: s.out.send, User: s.who.User, May: s.consoleNow, Canceled: canceled, Gone: s.consoleGone,
	})
	s.server.log.Debug("admin session closed", "session", s.id, "user", s.who.User, "error", err)
	return errEnd
}

// consoleNow is what the active configuration lets the user do.
func (s *session) consoleNow() auth.Console {
	now, ok := s.server.active.Load().Users.Lookup(s.user.Name)
	if !ok || now.Verifier != s.user.Verifier {
		return auth.ConsoleNone
	}
	return now.Console
}

// cancelConsole passes a cancel request to a session of the admin database, and reports whether this is one.
func (s *session) cancelConsole() bool {
	canceled := s.consoleCancel.Load()
	if canceled == nil {
		return false
	}
	select {
	case *canceled <- struct{}{}:
	default:
	}
	return true
}

// consoleGone reports whether the client has closed its connection, or the server ends.
func (s *session) consoleGone() bool {
	if s.server.draining.Load() {
		return true
	}
	raw, err := rawSocket(s.conn)
	if raw == nil || err != nil {
		return err != nil
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		return true
	})
	return gone || err != nil
}

// consoleOnly is the failure of a user who stands in admin_users or stats_users alone and asks for something else.
func consoleOnly(u auth.User) *failure {
	if u.Console == auth.ConsoleNone || u.Tenant.IsValid() || len(u.ActFor) > 0 {
		return nil
	}
	return &failure{state: stateInsufficientRights, message: "this user may connect to the admin database alone",
		hint: "Connect to the database " + console.Names[0] + "."}
}
