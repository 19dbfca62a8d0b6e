package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
	"pgcordon/proxy/auth"
)

const (
	tenancyRows     = "rows"
	tenancyDatabase = "database"
	// tenantMark stands for the tenant's id in the name of a database and in its connection string.
	tenantMark = "{tenant}"
	// tenantToken takes its place while the connection string is parsed: it needs no quotes in either form.
	tenantToken = "pgcordonTenantToken"
	// ownPoolSize is how many connections there are to a database of one tenant when nothing else is said: each client has one.
	ownPoolSize = 100
	// maxName is the longest name that Postgres keeps whole, in bytes; of a longer one it takes the beginning, which may be another's.
	maxName = 63
)

// Initial sets the defaults. It makes *DatabaseEntry a yamlpos.Initial.
func (e *DatabaseEntry) Initial() { e.Upstream = initialUpstream }

// Database is a database that belongs to one tenant whole, or, where the id of the tenant stands in its names, one for each of several.
type Database struct {
	// TrustRole says that the role that logs in there may be a superuser, or one of several databases.
	TrustRole bool
	Pool      Pool

	name     string
	tenants  map[policy.TenantID]bool // nil for all
	roles    []string
	template UpstreamEntry
	password string         // of password_file; empty for none
	upstream *pgconn.Config // with tenantToken
}

// is reports whether an identity may enter by this name. What is not for it does not exist for it.
func (d *Database) is(name string, who policy.Identity) bool {
	if !who.Tenant.IsValid() || d.tenants != nil && !d.tenants[who.Tenant] || who.Role != "" && !slices.Contains(d.roles, who.Role) {
		return false
	}
	return name == strings.ReplaceAll(d.name, tenantMark, who.Tenant.String())
}

// OwnDatabase finds the database that belongs to an identity's tenant whole and that it may enter by this name; nil for none.
func (c *Config) OwnDatabase(name string, who policy.Identity) *Database {
	for _, some := range [][]*Database{c.ownOf[who.Tenant], c.ownOf[policy.TenantID{}]} {
		for _, d := range some {
			if d.is(name, who) {
				return d
			}
		}
	}
	return nil
}

// indexDatabases makes OwnDatabase fast however many there are.
func (c *Config) indexDatabases() {
	c.ownOf = make(map[policy.TenantID][]*Database)
	for i := range c.Databases {
		d := &c.Databases[i]
		if d.tenants == nil {
			c.ownOf[policy.TenantID{}] = append(c.ownOf[policy.TenantID{}], d)
		}
		for t := range d.tenants {
			c.ownOf[t] = append(c.ownOf[t], d)
		}
	}
}

// TenantsOf are the tenants that users have or act for, and that have a database of this kind.
func (c *Config) TenantsOf(d *Database) []policy.TenantID {
	return slices.DeleteFunc(tenantsOf(c.Users), func(t policy.TenantID) bool { return d.tenants != nil && !d.tenants[t] })
}

// Key is equal for databases of which the connections of one serve the other. It holds secrets.
func (d *Database) Key(t policy.TenantID) string {
	return strings.Join([]string{d.template.DSN.Reveal(), d.password, t.String()}, "\x00")
}

// Connect says where a tenant's database is. It is the tenant of an identity that may enter.
func (d *Database) Connect(t policy.TenantID) (*pgconn.Config, error) {
	if d.tenants[t] && !strings.Contains(d.template.DSN.Reveal(), tenantMark) {
		return d.upstream.Copy(), nil
	}
	// Parsed anew with the id quoted, so that passwords are found that a password file has for this name, and compared with what it has to be.
	cfg, err := pgx.ParseConfig(strings.ReplaceAll(d.template.DSN.Reveal(), tenantMark, quoted(d.template.DSN.Reveal(), t.String())))
	if err != nil {
		return nil, fmt.Errorf("the connection string does not take the tenant %q", t)
	}
	if err := fitsName(cfg.Database, filled(d.upstream.Database, t)); err != nil {
		return nil, err
	}
	if err := fitsName(cfg.User, filled(d.upstream.User, t)); err != nil {
		return nil, err
	}
	if d.password != "" {
		cfg.Password = d.password
	}
	return &cfg.Config, nil
}

func fitsName(got, want string) error {
	if got != want || len(got) > maxName {
		return fmt.Errorf("%q is no name that Postgres takes as it is", want)
	}
	return nil
}

// filled is a name with a tenant's id in it.
func filled(name string, t policy.TenantID) string {
	return strings.ReplaceAll(name, tenantToken, t.String())
}

// quoted writes a text such that it is itself in a connection string: in a URL, or as part of the value of key=value.
func quoted(dsn, text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '-':
			b.WriteByte(c)
		case isURL(dsn):
			fmt.Fprintf(&b, "%%%02X", c)
		case c < 0x80:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// rows finds the database that tenants share, and where it stands; false when there is none.
func (l *loader) rows() (yamlpos.Path, UpstreamEntry, bool) {
	for i, e := range l.file.Databases {
		if e.Tenancy == tenancyRows {
			return yamlpos.Path{"databases", i, "upstream"}, e.Upstream, true
		}
	}
	path := yamlpos.Path{"upstream"}
	return path, l.file.Upstream, l.doc.Has(path)
}

// shared reads the database that tenants share.
func (l *loader) shared() {
	path, e, ok := l.rows()
	if !ok {
		if len(l.file.Databases) == 0 {
			l.doc.Errorf(nil, "the key \"upstream\" is missing here: there is no database")
		}
		return
	}
	first := true
	for i, d := range l.file.Databases {
		if d.Tenancy != tenancyRows {
			continue
		}
		at := func(key string) yamlpos.Path { return yamlpos.Path{"databases", i, key} }
		if !first || l.doc.Has(yamlpos.Path{"upstream"}) {
			l.doc.Errorf(at("tenancy"), "there is another database that tenants share: the policy is that of one")
		}
		first = false
		for _, key := range []string{"tenant", "tenants", "roles", "trust_role"} {
			if l.doc.Has(at(key)) {
				l.doc.Errorf(at(key), "the key %s is for databases with tenancy database", key)
			}
		}
		l.out.Database = d.Name
	}
	if l.out.Upstream = l.upstream(path, e); l.out.Upstream != nil && l.out.Database == "" {
		l.out.Database = l.out.Upstream.Database
	}
	l.out.Pool = l.pool(path, e)
}

// databases reads those that belong to one tenant whole.
func (l *loader) databases() {
	var read []placed
	for i, e := range l.file.Databases {
		if e.Tenancy != tenancyDatabase {
			continue
		}
		if d := l.database(i, e); d != nil {
			read = append(read, placed{i, d})
		}
	}
	l.disjoint(read)
	for _, p := range read {
		l.out.Databases = append(l.out.Databases, *p.Database)
	}
	l.out.indexDatabases()
}

// encodedMark finds tenantMark where it stands in a URL.
var encodedMark = strings.NewReplacer("%7Btenant%7D", tenantMark, "%7btenant%7d", tenantMark)

// placed is a database, and the index of its entry.
type placed struct {
	index int
	*Database
}

// database reads an entry; nil when it is wrong.
func (l *loader) database(i int, e DatabaseEntry) *Database {
	at := func(keys ...any) yamlpos.Path { return append(yamlpos.Path{"databases", i}, keys...) }
	dsn := e.Upstream.DSN.Reveal()
	if isURL(dsn) {
		dsn = encodedMark.Replace(dsn)
		e.Upstream.DSN = newSecret(dsn)
	}
	pattern := strings.Contains(dsn, tenantMark)
	parsed := e.Upstream
	parsed.DSN = newSecret(strings.ReplaceAll(dsn, tenantMark, tenantToken))
	cfg := l.upstream(at("upstream"), parsed)
	if !l.doc.Has(at("upstream", "default_pool_size")) {
		e.Upstream.DefaultPoolSize = ownPoolSize
	}
	d := &Database{TrustRole: e.TrustRole, Pool: l.pool(at("upstream"), e.Upstream),
		name: e.Name, roles: e.Roles, template: e.Upstream}
	if cfg == nil {
		return nil
	}
	d.upstream = &cfg.Config
	if e.Upstream.PasswordFile != "" {
		d.password = cfg.Password
	}
	if d.name == "" {
		d.name = strings.ReplaceAll(cfg.Database, tenantToken, tenantMark)
	}
	if e.Upstream.MinPoolSize > 0 {
		l.doc.Errorf(at("upstream", "min_pool_size"), "a tenant's own database keeps no connections that nobody uses")
	}
	for _, role := range e.Roles {
		if l.out.Policy != nil && l.out.Policy.Roles[role] == nil {
			l.doc.Errorf(at("roles"), "the policy has no role %q%s", role, known(l.out.Policy.Roles))
		}
	}
	switch {
	case !pattern:
		l.dedicated(d, at, e)
	case !strings.Contains(cfg.Database, tenantToken):
		l.doc.Errorf(at("upstream", "dsn"), "%s does not stand in the name of the database: all tenants would have the same", tenantMark)
		return nil
	default:
		l.pattern(d, at, e)
	}
	return d
}

// dedicated reads for whom a database is that has no pattern.
func (l *loader) dedicated(d *Database, at func(...any) yamlpos.Path, e DatabaseEntry) {
	d.tenants = map[policy.TenantID]bool{}
	if strings.Contains(d.name, tenantMark) {
		l.doc.Errorf(at("name"), "%s stands in name and not in the database of dsn: all tenants would have the same", tenantMark)
	}
	if l.doc.Has(at("tenants")) {
		l.doc.Errorf(at("tenants"), "without %s in dsn the database is that of a single tenant: use the key tenant", tenantMark)
		return
	}
	if !l.doc.Has(at("tenant")) {
		l.doc.Errorf(at("tenancy"), "whose database is it? Add the key tenant, or write %s into the name of the database in dsn", tenantMark)
		return
	}
	if id, ok := l.tenantOf(at("tenant"), e.Tenant); ok {
		d.tenants[id] = true
	}
}

// pattern reads for whom there is a database of a pattern.
func (l *loader) pattern(d *Database, at func(...any) yamlpos.Path, e DatabaseEntry) {
	if l.doc.Has(at("tenant")) {
		l.doc.Errorf(at("tenant"), "with %s in dsn each tenant has a database: name several with the key tenants, or none for all", tenantMark)
		d.tenants = map[policy.TenantID]bool{}
	}
	if c := d.upstream; strings.Contains(fmt.Sprint(c.Host, c.Password, c.RuntimeParams), tenantToken) {
		l.doc.Errorf(at("upstream", "dsn"), "%s can stand in the names of the database and the user alone", tenantMark)
	}
	if !l.doc.Has(at("tenants")) {
		return
	}
	d.tenants = map[policy.TenantID]bool{}
	for i, name := range e.Tenants {
		if id, ok := l.tenantOf(at("tenants", i), name); ok {
			d.tenants[id] = true
		}
	}
}

func (l *loader) tenantOf(at yamlpos.Path, name string) (policy.TenantID, bool) {
	id, err := policy.NewTenantID(name)
	switch {
	case err != nil:
		l.doc.Errorf(at, "%v", err)
	case !slices.Contains(tenantsOf(l.out.Users), id):
		l.doc.Errorf(at, "no user has the tenant %q, and no user's role acts for it", name)
	default:
		return id, true
	}
	return id, false
}

// tenantsOf are the tenants that users have or act for.
func tenantsOf(users []auth.User) []policy.TenantID {
	var all []policy.TenantID
	seen := map[policy.TenantID]bool{}
	for _, u := range users {
		for _, t := range append(slices.Clip(u.ActFor), u.Tenant) {
			if t.IsValid() && !seen[t] {
				seen[t] = true
				all = append(all, t)
			}
		}
	}
	return all
}

// disjoint checks that no two tenants get to the same database, none gets to the shared one, and that they do not share a role unless it is said to
// be trusted: a role sees the statements of its other sessions (pg_stat_activity), can end them, and change the settings that they start with.
func (l *loader) disjoint(all []placed) {
	type owner struct {
		tenant policy.TenantID // the zero value: all share it
		entry  int             // -1: the shared one
		trust  bool
	}
	databases, names, roles := map[string]owner{}, map[string]owner{}, map[string]owner{}
	if up := l.out.Upstream; up != nil {
		shared := owner{entry: -1}
		for _, at := range servers(&up.Config) {
			databases[at+"/"+up.Database] = shared
			roles[at+"/"+up.User] = shared
		}
	}
	tenants := tenantsOf(l.out.Users)
	for _, p := range all {
		dsn := yamlpos.Path{"databases", p.index, "upstream", "dsn"}
		for _, t := range tenants {
			if p.tenants != nil && !p.tenants[t] {
				continue
			}
			me := owner{tenant: t, entry: p.index, trust: p.TrustRole}
			name, database, role := strings.ReplaceAll(p.name, tenantMark, t.String()), filled(p.upstream.Database, t), filled(p.upstream.User, t)
			if name == l.out.Database && l.out.Upstream != nil {
				l.doc.Errorf(dsn, "the database of tenant %q is called as the shared one: %q; give it another name", t, name)
				return
			}
			if _, taken := names[t.String()+"/"+name]; taken {
				l.doc.Errorf(dsn, "tenant %q has two databases that are called %q", t, name)
				return
			}
			names[t.String()+"/"+name] = me
			if len(database) > maxName || len(role) > maxName {
				l.doc.Errorf(dsn, "for tenant %q the name of the database or of the user is longer than %d bytes, of which Postgres would take the beginning", t, maxName)
				return
			}
			for _, at := range servers(p.upstream) {
				if other, taken := databases[at+"/"+database]; taken && other.tenant != t {
					l.doc.Errorf(dsn, "the database of tenant %q is also that of %s: %q on %s", t, owned(other.tenant), database, at)
					return
				}
				databases[at+"/"+database] = me
				if other, taken := roles[at+"/"+role]; taken && other.tenant != t && !(p.TrustRole && (other.trust || other.entry < 0)) {
					l.doc.Errorf(dsn, "the role %q is also that of %s: it would see what the other runs, and could end it. "+
						"Give each tenant a role of its own, or set trust_role where they are trusted with each other", role, owned(other.tenant))
					return
				}
				roles[at+"/"+role] = me
			}
		}
	}
}

func owned(t policy.TenantID) string {
	if t.IsValid() {
		return fmt.Sprintf("tenant %q", t)
	}
	return "all who share a database"
}

// servers are where a configuration connects to, with the names of this machine made one.
func servers(c *pgconn.Config) []string {
	var all []string
	add := func(host string, port uint16) {
		if host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
			host = "localhost"
		}
		if at := fmt.Sprintf("%s:%d", strings.ToLower(host), port); !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	add(c.Host, c.Port)
	for _, f := range c.Fallbacks {
		add(f.Host, f.Port)
	}
	return all
}
