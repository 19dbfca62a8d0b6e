package observe

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var (
	metricName = regexp.MustCompile(`\bpgcordon_[a-z_]+`)
	groupedBy  = regexp.MustCompile(`\bby \(([^)]*)\)`)
	matchers   = regexp.MustCompile(`\b(pgcordon_[a-z_]+)\{([^}]*)\}`)
)

// exposed are the metrics by their names as queries have them, each with its labels.
func exposed(t *testing.T) map[string]map[string]bool {
	t.Helper()
	o := New(Options{})
	everything(t, o)
	families, err := o.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]bool{}
	for _, f := range families {
		labels := map[string]bool{"instance": true, "job": true}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				labels[l.GetName()] = true
			}
		}
		out[f.GetName()] = labels
		if f.GetType().String() == "HISTOGRAM" {
			bucket := maps.Clone(labels)
			bucket["le"] = true
			out[f.GetName()+"_bucket"], out[f.GetName()+"_sum"], out[f.GetName()+"_count"] = bucket, labels, labels
			delete(out, f.GetName())
		}
	}
	return out
}

// expressions are what deploy/ asks Prometheus for.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile("../../deploy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var dashboard struct {
		Templating struct {
			List []struct{ Type, Query string }
		}
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(read("grafana.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			all = append(all, v.Query)
		}
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(read("alerts.yaml"), &alerts); err != nil {
		t.Fatal(err)
	}
	for _, r := range alerts.Groups[0].Rules {
		if r.Alert == "" || r.Annotations["summary"] == "" {
			t.Errorf("a rule without a name or summary: %+v", r)
		}
		all = append(all, r.Expr)
	}
	if len(all) < 30 {
		t.Fatalf("%d expressions", len(all))
	}
	return all
}

// The dashboard and the alerts ask for metrics and labels that there are.
func TestDeployNamesMetrics(t *testing.T) {
	metrics := exposed(t)
	used := map[string]bool{}
	for _, expr := range expressions(t) {
		names := metricName.FindAllString(expr, -1)
		for _, name := range names {
			used[name] = true
			if metrics[name] == nil {
				t.Errorf("there is no metric %s, in %s", name, expr)
			}
		}
		for _, m := range groupedBy.FindAllStringSubmatch(expr, -1) {
			for _, label := range strings.Split(m[1], ",") {
				if label = strings.TrimSpace(label); !slices.ContainsFunc(names, func(n string) bool { return metrics[n][label] }) {
					t.Errorf("there is no label %s, in %s", label, expr)
				}
			}
		}
		for _, m := range matchers.FindAllStringSubmatch(expr, -1) {
			for _, matcher := range strings.Split(m[2], ",") {
				label, _, _ := strings.Cut(matcher, "=")
				if !metrics[m[1]][label] {
					t.Errorf("%s has no label %s, in %s", m[1], label, expr)
				}
			}
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") {
			t.Errorf("parentheses in %s", expr)
		}
	}
	for name := range metrics {
		if strings.HasPrefix(name, "pgcordon_") && !used[name] && !strings.HasSuffix(name, "_count") && !strings.HasSuffix(name, "_sum") &&
			!slices.Contains([]string{"pgcordon_plan_cache_entries", "pgcordon_plan_cache_evictions_total", "pgcordon_pool_open_connections",
				"pgcordon_pool_waits_total", "pgcordon_pool_wait_seconds_total"}, name) {
			t.Errorf("nobody looks at %s", name)
		}
	}
}
