package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
)

// Defaults is what a file says that leaves everything out which can be.
func Defaults() File {
	return File{
		Upstream: initialUpstream,
		Wire: WireEntry{
			MaxMessageBytes: 64 << 20, StartupTimeout: 10 * time.Second, MaxUnauthenticated: 200,
			MaxClientConn: 10000,
		},
		Rewriter:     RewriterEntry{CacheBytes: 64 << 20, MaxStatementBytes: 1 << 20},
		Limits:       LimitsEntry{SharedFail: "local", SharedProxies: 1, StorageInterval: 5 * time.Minute},
		DrainTimeout: 30 * time.Second,
	}
}

// Load reads a pgcordon.yaml and the policy that it names. env looks up ${NAME}; nil means the process's environment.
// The error is a yamlpos.Errors with every mistake of both files, unless the file cannot be read at all.
func Load(file string, env func(string) (string, bool)) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if env == nil {
		env = os.LookupEnv
	}
	f := Defaults()
	doc := yamlpos.Decode(file, data, yamlpos.Options{Env: env, HideUnknown: true}, &f)
	l := &loader{
		doc: doc, file: f, dir: filepath.Dir(file),
		out: &Config{File: file, Wire: f.Wire, Rewriter: f.Rewriter, DrainTimeout: f.DrainTimeout, SlowStatement: f.Log.SlowStatement, doc: doc},
	}
	// The policy is looked at even when this file is broken, so that all mistakes are told in one run.
	policyErr := l.policy()
	if doc.Err() == nil {
		l.listen()
		l.shared()
		l.users()
		l.databases()
		l.limits()
		l.rest()
	}
	if err := joined(doc.Err(), policyErr); err != nil {
		return nil, err
	}
	return l.out, nil
}

// joined puts the mistakes of several files into one list.
func joined(errs ...error) error {
	var out yamlpos.Errors
	for _, err := range errs {
		var list yamlpos.Errors
		if errors.As(err, &list) {
			out = append(out, list...)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// loader makes a Config of a File; every mistake goes to doc.
type loader struct {
	doc  *yamlpos.Document
	file File
	dir  string
	out  *Config
}

// path makes a file name of the configuration relative to the configuration.
func (l *loader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, name)
}

// policy returns the mistakes of the policy file; one that cannot be read is a mistake of the configuration.
func (l *loader) policy() error {
	if l.file.PolicyFile == "" {
		switch _, _, shared := l.rows(); {
		case l.doc.Err() != nil:
		case l.doc.Has(yamlpos.Path{"policy_file"}):
			l.doc.Errorf(yamlpos.Path{"policy_file"}, "the name of the policy file is empty")
		case shared:
			l.doc.Errorf(nil, "the key \"policy_file\" is missing here: it says what belongs to a tenant in the shared database")
		default:
			l.out.Policy = &policy.Policy{}
		}
		return nil
	}
	p, err := policy.LoadFile(l.path(l.file.PolicyFile))
	if errors.As(err, new(yamlpos.Errors)) {
		return err
	}
	if err != nil {
		l.doc.Errorf(yamlpos.Path{"policy_file"}, "%v", err)
		return nil
	}
	l.out.Policy = p
	return nil
}

func (l *loader) listen() {
	if len(l.file.Listen) == 0 {
		l.doc.Errorf(yamlpos.Path{"listen"}, "the list is empty: there is nothing to connect to")
	}
	seen := map[string]int{}
	for i, e := range l.file.Listen {
		at := func(steps ...any) yamlpos.Path { return append(yamlpos.Path{"listen", i}, steps...) }
		listener := Listener{Network: "tcp", Address: e.Address}
		if dir, ok := strings.CutPrefix(e.Address, "unix:"); ok {
			listener = Listener{Network: "unix", Address: dir, Port: e.Port}
			if listener.Port == 0 {
				listener.Port = 5432
			}
			if !filepath.IsAbs(dir) {
				l.doc.Errorf(at("address"), "unix: is followed by the absolute path of a directory")
			}
			if e.TLS != nil {
				l.doc.Errorf(at("tls"), "a Unix socket has no TLS: leave the key out")
			}
		} else {
			l.hostPort(at("address"), e.Address)
			if l.doc.Has(at("port")) {
				l.doc.Errorf(at("port"), "the port of a TCP address stands in the address; this key is for Unix sockets")
			}
			if e.TLS != nil {
				listener.TLSRequired = e.TLS.Required
				listener.Certificate = l.certificate(at("tls"), e.TLS)
			}
		}
		if first, ok := seen[listener.String()]; ok && !strings.HasSuffix(e.Address, ":0") {
			l.doc.Errorf(at("address"), "%s stands here a second time; the first is listener %d", listener, first+1)
		} else {
			seen[listener.String()] = i
		}
		l.out.Listen = append(l.out.Listen, listener)
	}
}

func (l *loader) hostPort(at yamlpos.Path, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.doc.Errorf(at, "%q: expected host:port, as 127.0.0.1:6432 or \":6432\"", address)
	}
}

func (l *loader) certificate(at yamlpos.Path, e *TLSEntry) *tls.Certificate {
	pair, err := tls.LoadX509KeyPair(l.path(e.CertFile), l.path(e.KeyFile))
	if err != nil {
		key := "cert_file"
		if errors.As(err, new(*os.PathError)) && strings.Contains(err.Error(), l.path(e.KeyFile)) {
			key = "key_file"
		}
		l.doc.Errorf(append(at, key), "%v", err)
		return nil
	}
	return &pair
}

// upstream reads the entry that stands at a path.
func (l *loader) upstream(path yamlpos.Path, e UpstreamEntry) *pgx.ConnConfig {
	at := append(path[:len(path):len(path)], "dsn")
	// What the parser says could quote a password.
	cfg, err := pgx.ParseConfig(e.DSN.Reveal())
	if err != nil {
		l.doc.Errorf(at, "this is no connection string of Postgres, or one of the settings and files that it names is wrong: expected postgres://user@host:port/database or key=value pairs")
		return nil
	}
	if cfg.Database == "" {
		l.doc.Errorf(at, "the connection string names no database")
	}
	if name := e.PasswordFile; name != "" {
		file := append(path[:len(path):len(path)], "password_file")
		secret, ok := l.secretFile(file, name)
		switch {
		case !ok:
		case namesPassword(e.DSN.Reveal()):
			l.doc.Errorf(file, "dsn holds a password too: give one of them")
		}
		cfg.Password = secret.Reveal()
	}
	return cfg
}

// namesPassword reports whether a connection string holds a password itself: one that comes
// from PGPASSWORD or a password file is not meant.
func namesPassword(dsn string) bool {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		user, _, ok := strings.Cut(strings.SplitN(dsn, "://", 2)[1], "@")
		return ok && !strings.Contains(user, "/") && strings.Contains(user, ":") || strings.Contains(dsn, "password=")
	}
	return slices.ContainsFunc(strings.Fields(dsn), func(s string) bool { return strings.HasPrefix(s, "password=") })
}

// secretFile reads a file that holds a secret, without the line break at its end.
func (l *loader) secretFile(at yamlpos.Path, name string) (Secret, bool) {
	data, err := os.ReadFile(l.path(name))
	if err != nil {
		l.doc.Errorf(at, "%v", err)
		return Secret{}, false
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		l.doc.Errorf(at, "the file %s is empty", l.path(name))
		return Secret{}, false
	}
	return newSecret(text), true
}

func (l *loader) rest() {
	if a := l.file.Admin; a != nil {
		l.hostPort(yamlpos.Path{"admin", "address"}, a.Address)
		l.out.AdminAddress = a.Address
	}
	if l.file.Rewriter.MaxStatementBytes > l.file.Wire.MaxMessageBytes {
		at := yamlpos.Path{"rewriter", "max_statement_bytes"}
		if !l.doc.Has(at) {
			at = yamlpos.Path{"wire", "max_message_bytes"}
		}
		l.doc.Errorf(at, "rewriter.max_statement_bytes (%d) is more than wire.max_message_bytes (%d): such a statement never gets here",
			l.file.Rewriter.MaxStatementBytes, l.file.Wire.MaxMessageBytes)
	}
}
