package policy_test

import (
	"strings"
	"testing"

	"pgcordon/policy"
)

func TestSettingsKey(t *testing.T) {
	for names, want := range map[string]string{
		"[app.user_id, app.role]":    "",
		"[role]":                     "no name of a custom setting",
		"[App.user]":                 "no name of a custom setting",
		"[app.user.id]":              "no name of a custom setting",
		"[pgcordon.tenant]":          "pgcordon's own",
		"[app.user_id, app.user_id]": "a second time",
	} {
		p, err := policy.ParsePolicy("policy.yaml", []byte("tenant: {column: tenant_id}\nsettings: "+names+"\n"))
		switch {
		case want == "" && (err != nil || len(p.Settings) != 2):
			t.Errorf("%s: %v", names, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", names, err, want)
		}
	}
}
