package config

import (
	"slices"

	"pgcordon/config/yamlpos"
	"pgcordon/proxy/auth"
)

// console returns what users may do in the admin database, by their names.
func (l *loader) console() map[string]auth.Console {
	may := map[string]auth.Console{}
	list := func(key string, names []string, level auth.Console) {
		for i, name := range names {
			at := yamlpos.Path{key, i}
			switch {
			case !slices.ContainsFunc(l.file.Users, func(e UserEntry) bool { return e.Name == name }):
				l.doc.Errorf(at, "there is no user %q: name one of the list users", name)
			case slices.Index(names, name) != i:
				l.doc.Errorf(at, "the user %q stands here a second time", name)
			}
			may[name] = max(may[name], level)
		}
	}
	list("stats_users", l.file.StatsUsers, auth.ConsoleStats)
	list("admin_users", l.file.AdminUsers, auth.ConsoleAdmin)
	return may
}
