package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/limit"
)

// LimitsEntry is the key limits.
type LimitsEntry struct {
	Defaults        TenantLimitEntry              `yaml:"defaults" doc:"Limits of every tenant. A key that is left out, or 0, means unlimited."`
	Shared          Secret                        `yaml:"shared" doc:"redis://user:password@host:port/number, rediss:// with TLS, or unix://path: connections and the limits per second are those of all proxies together that name the same Redis; of statements_at_once each takes an equal part. The other limits need no sharing."`
	SharedFail      string                        `yaml:"shared_fail" enum:"local,closed" default:"local" doc:"While Redis is away: local: each proxy takes an equal part of the limits. closed: what they limit is refused."`
	SharedProxies   int                           `yaml:"shared_proxies" default:"1" min:"1" max:"1000" doc:"How many proxies share the limits, at least: what local divides by until more have been seen."`
	StorageInterval time.Duration                 `yaml:"storage_interval" default:"5m" min:"1s" doc:"How often what tenants have stored is counted, while storage_rows or storage_bytes limits it."`
	Plans           map[string]PlanEntry          `yaml:"plans" doc:"Named sets of limits, as free and pro: the keys of limits.defaults, which they replace for tenants with the plan; 0 lifts a limit."`
	Tenants         map[string]SpecialLimitsEntry `yaml:"tenants" doc:"By tenant: the keys of limits.defaults, which replace for it those of its plan and the defaults, and further ones; 0 lifts a limit."`
}

// LimitEntry holds limits of a tenant, or of a user. A nil field was not given.
type LimitEntry struct {
	Connections              *int           `yaml:"connections" min:"0" doc:"Client connections at once."`
	StatementsAtOnce         *int           `yaml:"statements_at_once" min:"0" doc:"Statements that run at the same time. Those of one connection run one after another, and count once."`
	StatementsPerSecond      *float64       `yaml:"statements_per_second" min:"0" doc:"Statements per second, on average."`
	Burst                    *int           `yaml:"burst" min:"0" doc:"Statements in quick succession after a quiet time; 0 or left out: as many as in one second. Needs statements_per_second."`
	RowsPerSecond            *float64       `yaml:"rows_per_second" min:"0" max:"1e12" doc:"Rows sent to clients per second, on average; those of one second come at once after a quiet time."`
	BytesPerSecond           *float64       `yaml:"bytes_per_second" min:"0" max:"1e14" doc:"Bytes of rows sent to clients per second, in the same way."`
	Wait                     *time.Duration `yaml:"wait" min:"0s" doc:"How long a statement beyond one of the five keys above waits for its turn before it is refused; 0 or left out: not at all. With rows_per_second and bytes_per_second, rows are held back by as much at a time."`
	RowsPerStatement         *int64         `yaml:"rows_per_statement" min:"0" doc:"Rows that one statement may return; it is cut off after them."`
	ChangesPerStatement      *int64         `yaml:"changes_per_statement" min:"0" doc:"Rows that one statement may insert, update or delete; with more it fails, and nothing is changed."`
	StatementTimeout         *time.Duration `yaml:"statement_timeout" min:"0s" doc:"How long one statement may run."`
	TransactionTimeout       *time.Duration `yaml:"transaction_timeout" min:"0s" doc:"How long a transaction may be open; then it is rolled back."`
	IdleInTransactionTimeout *time.Duration `yaml:"idle_in_transaction_timeout" min:"0s" doc:"How long a transaction may wait for its client; then it is rolled back. Unlike wire.idle_transaction_timeout it ends no session."`
}

// TenantLimitEntry holds a tenant's limits, and those of its users.
type TenantLimitEntry struct {
	LimitEntry
	StorageEntry
	Weight   *float64       `yaml:"weight" min:"0.001" max:"1000" doc:"The tenant's part of the time of upstream connections, compared with that of others, while there are not enough for all; 1 if left out."`
	EachUser UserLimitEntry `yaml:"each_user" doc:"Limits of each user of a tenant, within those of the tenant: the same keys."`
}

// PlanEntry is one value of the key plans.
type PlanEntry struct {
	TenantLimitEntry `like:"limits.defaults"`
}

// StorageEntry holds what a tenant may have stored.
type StorageEntry struct {
	StorageRows  *int64 `yaml:"storage_rows" min:"0" doc:"Rows that a tenant may have in all its tables. Counted every limits.storage_interval; beyond it, what adds or changes rows is refused, and what deletes them is not."`
	StorageBytes *int64 `yaml:"storage_bytes" min:"0" doc:"Bytes that these rows may take, in the same way: the sizes of their values as they are stored, without indexes and free space."`
}

// UserLimitEntry holds limits of one user.
type UserLimitEntry struct {
	LimitEntry `like:"limits.defaults"`
}

// SpecialLimitsEntry is one value of the key tenants.
type SpecialLimitsEntry struct {
	TenantLimitEntry `like:"limits.defaults"`
	Plan             string                    `yaml:"plan" doc:"Name of the plan that the tenant has."`
	Users            map[string]UserLimitEntry `yaml:"users" doc:"By user of the tenant: the same keys, which replace those of each_user."`
}

// Limits are the limits of all tenants and users.
type Limits struct {
	// Shared is nil for a proxy that is alone.
	Shared *Shared
	// StorageInterval is how often what tenants have stored is counted.
	StorageInterval time.Duration
	defaults        tenantLimits
	// tenants are those that differ, with the defaults filled in.
	tenants map[policy.TenantID]tenantLimits
}

// Shared says where limits are kept that several proxies have in common.
type Shared struct {
	Redis   *redis.Options
	Closed  bool
	Proxies int
	url     string
}

// same reports whether two configurations share limits alike.
func (s *Shared) same(t *Shared) bool {
	if s == nil || t == nil {
		return s == t
	}
	return s.url == t.url && s.Closed == t.Closed && s.Proxies == t.Proxies
}

func (l *loader) sharedLimits() *Shared {
	e := l.file.Limits
	at := func(key string) yamlpos.Path { return yamlpos.Path{"limits", key} }
	if !l.doc.Has(at("shared")) {
		for _, key := range []string{"shared_fail", "shared_proxies"} {
			if l.doc.Has(at(key)) {
				l.doc.Errorf(at(key), "%s means nothing without shared", key)
			}
		}
		return nil
	}
	options, err := redis.ParseURL(e.Shared.Reveal()) // whose error could quote a password
	if err != nil {
		l.doc.Errorf(at("shared"), "this is no address of a Redis: expected redis://user:password@host:port/number, rediss:// or unix://")
		return nil
	}
	return &Shared{Redis: options, Closed: e.SharedFail == "closed", Proxies: e.SharedProxies, url: e.Shared.Reveal()}
}

// Storing are the tenants of these users whose storage is limited; bytes tells whether their bytes are.
func (l Limits) Storing(users []auth.User) (tenants []policy.TenantID, bytes bool) {
	seen := map[policy.TenantID]bool{}
	for _, u := range users {
		for _, t := range append([]policy.TenantID{u.Tenant}, u.ActFor...) {
			own := l.Of(t, "")
			if t.IsValid() && !seen[t] && (own.StorageRows > 0 || own.StorageBytes > 0) {
				seen[t] = true
				tenants = append(tenants, t)
				bytes = bytes || own.StorageBytes > 0
			}
		}
	}
	return tenants, bytes
}

type tenantLimits struct {
	own, eachUser limit.Limits
	users         map[string]limit.Limits
}

// Of returns a tenant's limits, for the user "", or those of one of its users. It is a limit.Lookup.
func (l Limits) Of(t policy.TenantID, user string) limit.Limits {
	of, ok := l.tenants[t]
	if !ok {
		of = l.defaults
	}
	if user == "" {
		return of.own
	}
	if special, ok := of.users[user]; ok {
		return special
	}
	return of.eachUser
}

func (l *loader) limits() {
	e := l.file.Limits
	at := func(steps ...any) yamlpos.Path { return append(yamlpos.Path{"limits"}, steps...) }
	out := Limits{Shared: l.sharedLimits(), StorageInterval: e.StorageInterval, defaults: l.tenantLimits(at("defaults"), tenantLimits{}, e.Defaults), tenants: map[policy.TenantID]tenantLimits{}}
	plans := map[string]tenantLimits{}
	for _, name := range slices.Sorted(maps.Keys(e.Plans)) {
		plans[name] = l.tenantLimits(at("plans", name), out.defaults, e.Plans[name].TenantLimitEntry)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Tenants)) {
		special := e.Tenants[name]
		id, err := policy.NewTenantID(name)
		if err != nil {
			l.doc.Errorf(at("tenants", yamlpos.Key(name)), "%v", err)
		}
		users, known := l.usersOf(id)
		if err == nil && l.out.Policy != nil && !known {
			l.doc.Errorf(at("tenants", yamlpos.Key(name)), "no user has the tenant %q, and no user's role acts for it", name)
		}
		base := out.defaults
		if l.doc.Has(at("tenants", name, "plan")) {
			var ok bool
			if base, ok = plans[special.Plan]; !ok {
				l.doc.Errorf(at("tenants", name, "plan"), "there is no plan %q%s", special.Plan, namesOf(plans))
			}
		}
		of := l.tenantLimits(at("tenants", name), base, special.TenantLimitEntry)
		of.users = map[string]limit.Limits{}
		for _, user := range slices.Sorted(maps.Keys(special.Users)) {
			if known && !users[user] {
				l.doc.Errorf(at("tenants", name, "users", yamlpos.Key(user)), "the tenant %q has no user %q", name, user)
			}
			of.users[user] = l.merged(at("tenants", name, "users", user), of.eachUser, special.Users[user].LimitEntry)
		}
		out.tenants[id] = of
	}
	l.out.Limits = out
}

// usersOf are the users that can act for a tenant; known is false when there are none.
func (l *loader) usersOf(t policy.TenantID) (users map[string]bool, known bool) {
	users = map[string]bool{}
	for _, u := range l.out.Users {
		if u.Tenant == t || slices.Contains(u.ActFor, t) {
			users[u.Name] = true
		}
	}
	return users, len(users) > 0
}

// namesOf lists the names that would have been right.
func namesOf(plans map[string]tenantLimits) string {
	if len(plans) == 0 {
		return ": limits.plans has none"
	}
	return "; limits.plans has " + strings.Join(slices.Sorted(maps.Keys(plans)), ", ")
}

func (l *loader) tenantLimits(at yamlpos.Path, base tenantLimits, e TenantLimitEntry) tenantLimits {
	set(&base.own.StorageRows, e.StorageRows)
	set(&base.own.StorageBytes, e.StorageBytes)
	set(&base.own.Weight, e.Weight)
	return tenantLimits{
		own:      l.merged(at, base.own, e.LimitEntry),
		eachUser: l.merged(append(at[:len(at):len(at)], "each_user"), base.eachUser, e.EachUser.LimitEntry),
	}
}

// merged lays the keys that were given over the base, and refuses those that shape a rate where there is none.
func (l *loader) merged(at yamlpos.Path, base limit.Limits, e LimitEntry) limit.Limits {
	set(&base.Connections, e.Connections)
	set(&base.StatementsAtOnce, e.StatementsAtOnce)
	set(&base.StatementsPerSecond, e.StatementsPerSecond)
	set(&base.Burst, e.Burst)
	set(&base.RowsPerSecond, e.RowsPerSecond)
	set(&base.BytesPerSecond, e.BytesPerSecond)
	set(&base.Wait, e.Wait)
	set(&base.RowsPerStatement, e.RowsPerStatement)
	set(&base.ChangesPerStatement, e.ChangesPerStatement)
	set(&base.StatementTimeout, e.StatementTimeout)
	set(&base.TransactionTimeout, e.TransactionTimeout)
	set(&base.IdleInTransactionTimeout, e.IdleInTransactionTimeout)
	vain := func(key, without string) {
		l.doc.Errorf(append(at[:len(at):len(at)], key), "%s means nothing without %s", key, without)
	}
	if e.Burst != nil && *e.Burst > 0 && base.StatementsPerSecond <= 0 {
		vain("burst", "statements_per_second")
	}
	if e.Wait != nil && *e.Wait > 0 && base.StatementsPerSecond <= 0 && base.StatementsAtOnce <= 0 && base.RowsPerSecond <= 0 && base.BytesPerSecond <= 0 {
		vain("wait", "statements_at_once or a limit per second")
	}
	return base
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
