package policy

import (
	"regexp"
	"slices"
	"strings"

	"pgcordon/config/yamlpos"
)

// settingName is a custom setting's name: two identifiers (Postgres manual, "Customized Options").
var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_$]*\.[a-z_][a-z0-9_$]*$`)

// settings reads the key settings. The prefix of pgcordon's own is not the application's.
func (b *builder) settings(names []string) {
	for i, name := range names {
		at := yamlpos.Path{"settings", i}
		switch {
		case !settingName.MatchString(name):
			b.doc.Errorf(at, "%q is no name of a custom setting: prefix.name in lower case", name)
		case strings.HasPrefix(name, "pgcordon."):
			b.doc.Errorf(at, "settings of pgcordon's own cannot be opened")
		case slices.Contains(names[:i], name):
			b.doc.Errorf(at, "%q stands here a second time", name)
		}
	}
	b.policy.Settings = names
}
