package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgcordon/policy"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/console"
	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
	"pgcordon/rewriter"
)

// startup is what a startup message asks for.
type startup struct {
	user, database string
	// settings by name in lower case, those in "options" among them.
	settings map[string]string
	// verbatim are the parameters as they were sent, options and replication among them, and broken is why they cannot be had where the proxy has
	// to understand them.
	verbatim map[string]string
	broken   error
	// tenant is the setting pgcordon.tenant.
	tenant string
	// negotiate is set when the client wants a newer minor version, or options that are not known, which are listed.
	negotiate bool
	unknown   []string
}

// start takes a client from its first byte to ReadyForQuery. An error that is a *failure is told to the client.
func (s *session) start(ctx context.Context) (release func(), err error) {
	active := s.server.active.Load()
	asked, err := s.login(ctx, active)
	if err != nil {
		var format *pgwire.FormatError
		if errors.As(err, &format) {
			return nil, malformed(format)
		}
		return nil, err
	}
	if s.console != auth.ConsoleNone {
		return nil, s.serveConsole(ctx)
	}
	if s.server.clients.Add(1) > int64(s.server.wire.MaxClients) {
		s.server.clients.Add(-1)
		return nil, &failure{state: stateTooManyConnections, message: "sorry, too many clients already",
			hint: "The proxy serves as many as wire.max_client_conn says."}
	}
	if s.seat, err = s.server.gate.Connect(s.who); err != nil {
		s.server.clients.Add(-1)
		return nil, exceeded(err)
	}
	leave := func() { s.seat.Release(); s.server.clients.Add(-1) }
	s.out.timed = s.server.wire.watched() // before a relay writes
	if err := s.connect(ctx, active, asked); err != nil {
		leave()
		return nil, err
	}
	if err := s.conn.SetDeadline(time.Time{}); err != nil {
		s.disconnect()
		leave()
		return nil, err
	}
	if s.own == nil {
		s.adopt() // before others may look at the connection
	}
	s.heard = time.Now()
	s.phase.Store(phaseServing)
	if s.server.draining.Load() || s.server.active.Load() != active {
		s.reconsider() // a shutdown or reload that has found the session in its startup
	}
	return leave, nil
}

// login negotiates encryption, reads the startup message, and has the client prove who it is.
func (s *session) login(ctx context.Context, active *Active) (*startup, error) {
	defer s.server.early.Add(-1)
	if err := s.conn.SetDeadline(time.Now().Add(s.server.wire.StartupTimeout)); err != nil {
		return nil, err
	}
	body, version, err := s.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := readStartup(body, version)
	if err != nil {
		return nil, err
	}
	s.who.User = asked.user
	if asked.broken != nil && active.Databases == nil {
		return nil, asked.broken
	}
	if asked.negotiate {
		if err := s.out.send(pgwire.AppendNegotiateVersion(nil, asked.unknown)); err != nil {
			return nil, err
		}
	}
	s.in = pgwire.NewReader(s, s.server.wire.MaxMessageBytes, s.woken)
	if err := s.authenticate(active.Users); err != nil {
		return nil, err
	}
	return asked, s.admitted(asked, active)
}

// readStartup reads the startup message's parameters.
func readStartup(body []byte, version uint32) (*startup, error) {
	params, err := pgwire.ParseStartup(body)
	if err != nil {
		return nil, err
	}
	asked := &startup{settings: make(map[string]string), verbatim: make(map[string]string), negotiate: version != pgwire.Version3}
	for _, p := range params {
		switch {
		case p.Name == "user":
			asked.user = p.Value
		case p.Name == "database":
			asked.database = p.Value
		case p.Name == "replication":
			if err := refuseReplication(p.Value); err != nil {
				asked.verbatim[p.Name], asked.broken = p.Value, err
			}
		case p.Name == "options":
			asked.verbatim[p.Name] = p.Value
			if err := asked.options(p.Value); err != nil {
				asked.broken = err
			}
		case strings.HasPrefix(p.Name, "_pq_."):
			asked.negotiate = true
			asked.unknown = append(asked.unknown, p.Name)
		case slices.Contains(notSettings, strings.ToLower(p.Name)):
			// Settings are found in any spelling, and these in this one alone.
			return nil, &failure{state: "42704", message: fmt.Sprintf("unrecognized configuration parameter %q", p.Name)}
		default:
			asked.set(p.Name, p.Value)
			if name := strings.ToLower(p.Name); name != tenantSetting {
				asked.verbatim[name] = p.Value
			}
		}
	}
	if asked.user == "" {
		return nil, &failure{state: stateInvalidAuthorization, message: "no PostgreSQL user name specified in startup packet"}
	}
	return asked, nil
}

// notSettings are the parameters that are not settings of this name.
var notSettings = []string{"user", "database", "replication", "options"}

func refuseReplication(value string) error {
	switch strings.ToLower(value) {
	case "false", "off", "no", "0":
		return nil
	}
	return &failure{state: stateFeatureNotSupported, message: "replication connections are not supported"}
}

// options reads the startup parameter of this name: -c name=value and --name=value, as postgres does with its command line.
func (a *startup) options(text string) error {
	words := pgwire.SplitOptions(text)
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var assignment string
		switch {
		case word == "-c" && len(words) > 0:
			assignment, words = words[0], words[1:]
		case strings.HasPrefix(word, "-c") && len(word) > 2:
			assignment = word[2:]
		case strings.HasPrefix(word, "--") && len(word) > 2:
			assignment = word[2:]
		}
		name, value, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			return &failure{state: stateSyntaxError, message: "invalid command-line argument for server process: " + word,
				hint: "Options are given as -c name=value or --name=value."}
		}
		a.set(strings.ReplaceAll(name, "-", "_"), value)
	}
	return nil
}

func (a *startup) set(name, value string) {
	if name = strings.ToLower(name); name == tenantSetting {
		a.tenant = value
		return
	}
	a.settings[name] = value
}

// tenantSetting chooses the tenant at login, for users that act for several.
const tenantSetting = "pgcordon.tenant"

// authenticate has the client prove its password. A wrong one and an unknown user are answered alike.
func (s *session) authenticate(users Authenticator) error {
	wrong := &failure{state: stateInvalidPassword, message: fmt.Sprintf("password authentication failed for user %q", s.who.User)}
	exchange := users.Begin(s.who.User)
	if err := s.out.send(pgwire.AppendAuthSASL(nil, auth.Mechanisms())); err != nil {
		return err
	}
	var first pgwire.SASLInitialResponse
	if err := s.password(&first); err != nil {
		return err
	}
	if !slices.Contains(auth.Mechanisms(), first.AuthMechanism) {
		return &pgwire.FormatError{Message: "client selected an invalid SASL authentication mechanism"}
	}
	challenge, err := exchange.First(first.Data)
	if err != nil {
		return wrong
	}
	if err := s.out.send(pgwire.AppendAuthSASLContinue(nil, challenge)); err != nil {
		return err
	}
	var final pgwire.SASLResponse
	if err := s.password(&final); err != nil {
		return err
	}
	proof, err := exchange.Final(final.Data)
	if err != nil {
		return wrong
	}
	s.user = exchange.User()
	s.out.write(pgwire.AppendAuthSASLFinal(nil, proof))
	return nil
}

// password reads one message of a SASL exchange.
func (s *session) password(m pgwire.Message) error {
	h, err := s.in.Next()
	if err != nil {
		return err
	}
	if h.Type != pgwire.MsgPassword {
		return &pgwire.FormatError{Message: fmt.Sprintf("expected SASL response, got message type %d", h.Type)}
	}
	if h.Len > auth.MaxMessageBytes+64 {
		return pgwire.ErrLength
	}
	body, err := s.in.Body()
	if err != nil {
		return err
	}
	return pgwire.Decode(m, body)
}

// admitted decides for which tenant a proven user acts, and whether it may have what it asks for.
func (s *session) admitted(asked *startup, active *Active) error {
	s.who = policy.Identity{User: s.user.Name, Tenant: s.user.Tenant, Role: s.user.Role}
	if s.console = s.consoleOf(asked, active); s.console != auth.ConsoleNone {
		return nil
	}
	if s.user.Tenant.IsValid() {
		if asked.tenant != "" {
			return &failure{state: stateInsufficientRights, message: "this user cannot choose a tenant"}
		}
	} else if err := s.choose(asked.tenant); err != nil {
		return err
	}
	s.application = asked.settings["application_name"]
	if asked.database == "" && active.Pool == nil {
		asked.database = asked.user // as for Postgres
	}
	if s.owns(active, asked.database) {
		return s.server.checkDisabled(asked.database, console.Key{Name: asked.database, Tenant: s.who.Tenant.String()}) // the settings are for Postgres to judge
	}
	if active.Pool == nil || asked.database != "" && asked.database != active.database() {
		return noSuchDatabase(asked.database)
	}
	s.shared = active.database()
	if err := s.server.checkDisabled(s.shared, console.Key{}); err != nil {
		return err
	}
	if asked.broken != nil {
		return asked.broken
	}
	for _, name := range slices.Sorted(maps.Keys(asked.settings)) {
		if ok, reason := rewriter.AllowedSetting(name, asked.settings[name]); !ok {
			return &failure{state: stateInsufficientRights, message: fmt.Sprintf("parameter %q cannot be set", name), hint: reason}
		}
	}
	return nil
}

func (s *session) choose(tenant string) error {
	if f := consoleOnly(s.user); f != nil {
		return f
	}
	if tenant == "" {
		return &failure{state: stateInvalidAuthorization, message: "this user acts for several tenants and has to choose one",
			hint: "Connect with options='-c " + tenantSetting + "=NAME'."}
	}
	id, err := policy.NewTenantID(tenant)
	if err != nil || !mayActFor(s.user, id) {
		return &failure{state: stateInsufficientRights, message: "this user may not act for that tenant"}
	}
	s.who.Tenant = id
	return nil
}

func mayActFor(u auth.User, t policy.TenantID) bool { return slices.Contains(u.ActFor, t) }

// connect tells the client that it is ready. In pool_mode session it gets its upstream connection now; else one is needed only when none of
// its settings was there before.
func (s *session) connect(ctx context.Context, active *Active, asked *startup) error {
	if s.owns(active, asked.database) {
		return s.enter(ctx, active, asked)
	}
	s.settings.path = active.SearchPath
	_, ownPath := asked.settings[searchPathSetting]
	if !ownPath && active.SearchPathText != "" {
		asked.settings[searchPathSetting] = active.SearchPathText
	}
	if name, ok := asked.settings[applicationName]; ok && plainName(name) {
		delete(asked.settings, applicationName)
		s.startName = name
		s.carried = s.carried.with(applicationName, name)
	}
	s.key, s.tenant = pool.NewKey(asked.settings), s.who.Tenant.String()
	s.firstPlanner = active.Planner
	if s.user.SessionPool {
		s.pipe.pin(pinSession)
		if f := s.lease(ctx); f != nil {
			return f
		}
	}
	w, err := s.welcomeFor(ctx, active)
	if err != nil {
		return err
	}
	if s.welcome = w; ownPath {
		s.settings.path = w.path
	}
	values := maps.Clone(w.parameters.values)
	if _, ok := asked.settings[applicationName]; !ok {
		values[applicationName] = cmp.Or(s.startName, w.name)
	}
	values["session_authorization"] = s.who.User // the upstream role is none of the client's business
	told := told{from: w.parameters}
	b := pgwire.AppendAuthOK(nil)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		told.learns(name, values[name])
		b = pgwire.AppendParameterStatus(b, name, values[name])
	}
	s.word.Lock()
	s.told, s.seen = told, w.parameters
	s.word.Unlock()
	key := s.server.cancels.issue(s)
	s.process = key.Process
	b = pgwire.AppendBackendKeyData(b, key)
	if err := s.out.send(pgwire.AppendReady(b, 'I')); err != nil {
		return err
	}
	return nil
}

// plainName reports whether Postgres takes an application_name as it is (src/backend/utils/misc/guc_tables.c: it is cut at 63 bytes, and other bytes replaced).
func plainName(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return false
		}
	}
	return name != "" && len(name) < 64
}
