package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a run of three rounds, in which the machine was slower from round to round: for all targets alike.
func sample() *Results {
	r := &Results{Rounds: 3, Cores: 4, Machine: "4 <cores>"}
	for _, clients := range []int{1, 16} {
		c := r.Cell(SelectOnly, "simple", clients)
		for _, round := range []float64{1, 2, 4} {
			c.Add(Direct, Measurement{PerSecond: 1000 / round, Latency: Latency{P50: round, P90: 2 * round, P99: 3 * round}})
			c.Add(Relay, Measurement{PerSecond: 600 / round, CPU: 20})
			c.Add(BouncerTransaction, Measurement{PerSecond: 800 / round, CPU: 10, Latency: Latency{P50: 2 * round}})
			c.Add(CordonTransaction, Measurement{PerSecond: 1200 / round, CPU: 15, Latency: Latency{P50: 4 * round}})
		}
		c.LeaveOut(CordonSession, "there is no room")
	}
	c := r.Cell(Clients, "", 50)
	c.Add(CordonTransaction, Measurement{PerSecond: 10, Idle: &Idle{Bytes: 20 << 10, SlowestToMedian: 1.5, FewestToMost: 0.8}})
	c.Fail(BouncerTransaction, errors.New("no <route>"))
	r.Judge()
	return r
}

func (r *Results) goal(t *testing.T, what string) Goal {
	t.Helper()
	for _, g := range r.Targets {
		if strings.HasPrefix(g.What, what) {
			return g
		}
	}
	t.Fatalf("no goal begins with %s", what)
	return Goal{}
}

func TestRatiosAreMadeWithinARound(t *testing.T) {
	c := sample().find(SelectOnly, "simple", 16)
	if got, want := c.Ratio(CordonTransaction, Direct, Throughput), (Stat{1.2, 1.2, 1.2, 3}); got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
	if got, want := c.Stat(CordonTransaction, Throughput), (Stat{600, 300, 1200, 3}); got != want {
		t.Errorf("stat %+v, want %+v", got, want)
	}
	if got := c.Stat(CordonSession, Throughput); got.Known() {
		t.Errorf("left out, and measured: %+v", got)
	}
}

func TestGoals(t *testing.T) {
	r := sample()
	text := r.goal(t, "Text statements")
	if len(text.Lines) != 1 || text.Lines[0].Median != 1.2 || text.Verdict() != "met" {
		t.Errorf("%+v", text)
	}
	// PgBouncer adds one round's p50, pgcordon three.
	if added := r.goal(t, "Added latency"); len(added.Lines) != 1 || added.Lines[0].Median != 3 || added.Verdict() != "missed" {
		t.Errorf("%+v", added)
	}
	if memory := r.goal(t, "Idle clients"); len(memory.Lines) != 1 || memory.Verdict() != "missed" || memory.Lines[0].Value() != "20,480" {
		t.Errorf("%+v", memory)
	}
	if fair := r.goal(t, "Many active"); fair.Verdict() != "met" {
		t.Errorf("%+v", fair)
	}
	if many := r.goal(t, "100,000 tenants"); many.Verdict() != "not measured" {
		t.Errorf("%+v", many)
	}
	noisy := GoalLine{Median: 1.1, Min: 0.9, Max: 1.2, Bound: 1, Rounds: 3}
	if noisy.Verdict() != "met, within noise" {
		t.Errorf("%s", noisy.Verdict())
	}
	if (GoalLine{Median: 1.1, Bound: 1, AtMost: true}).Met() || !(GoalLine{Median: 1, Bound: 1, AtMost: true}).Met() {
		t.Error("at most")
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"select-only, simple, 16 clients", "300..1,200", "pgcordon-session: left out: there is no room", "FAILED many-clients, 50 clients, pgbouncer-transaction: no <route>", "not measured"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestJSONComesBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := back.WriteJSON(&again); err != nil {
		t.Fatal(err)
	}
	if b.String() != again.String() {
		t.Errorf("got\n%s\nwant\n%s", again.String(), b.String())
	}
}

// The page needs nothing from elsewhere, escapes what it is given, and its drawings are well formed.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, foreign := range []string{"<script", "src=", "href=", "url(", "@import", "http:", "https:", "NaN", "Inf", "<cores>", "<route>", "ZgotmplZ"} {
		if strings.Contains(text, foreign) {
			t.Errorf("the page holds %s", foreign)
		}
	}
	drawings := strings.Split(text, "<svg")[1:]
	if len(drawings) != 5 { // throughput, latency, CPU of select-only; throughput and memory of the clients
		t.Errorf("%d charts", len(drawings))
	}
	for _, d := range drawings {
		d, _, _ = strings.Cut("<svg"+d, "</svg>")
		dec := xml.NewDecoder(strings.NewReader(d + "</svg>"))
		for {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, d)
			}
		}
	}
}

func TestThousands(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := Thousands(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
