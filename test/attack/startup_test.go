package attack_test

import (
	"encoding/binary"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// packet is a startup packet with these parameters, names and values in turn.
func packet(version uint32, params ...string) []byte {
	body := binary.BigEndian.AppendUint32(nil, version)
	for _, p := range params {
		body = append(append(body, p...), 0)
	}
	body = append(body, 0)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

// TestStartups plays the cases of the first packet that are refused without a login.
func TestStartups(t *testing.T) {
	w := newWorld(t, "corpus", "acme", "globex")
	s := w.at(t, "")
	const v3 = 3 << 16
	cases := map[string][]byte{
		"pro-startup-replication":   packet(v3, "user", "attacker", "replication", "true"),
		"replication-database":      packet(v3, "user", "attacker", "replication", "database"),
		"pro-startup-options-empty": packet(v3, "user", "attacker", "options", "-c="),
		"options-odd":               packet(v3, "user", "attacker", "options", "-c search_path"),
		"options-switch":            packet(v3, "user", "attacker", "options", "-d 5"),
		"pro-startup-nul-key":       packet(v3, "user", "attacker", "", "x", "database", s.database),
		"pro-startup-too-long":      packet(v3, "user", "attacker", "application_name", strings.Repeat("x", 1<<20)),
		"no-user":                   packet(v3, "database", s.database),
		"pro-startup-http":          []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"pro-direct-ssl":            []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03GLOBEX"),
		"length-7":                  {0, 0, 0, 7, 0, 3, 0},
		"length-2-31":               {0x80, 0, 0, 0, 0, 3, 0, 0},
		"version-2":                 packet(2<<16, "user", "attacker"),
	}
	for _, id := range slices.Sorted(maps.Keys(cases)) {
		t.Run(id, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.listener.Addr().String())
			must(t, err)
			defer conn.Close()
			must(t, conn.SetDeadline(time.Now().Add(patience)))
			_, _ = conn.Write(cases[id]) // it may be closed before all is written
			answer, err := io.ReadAll(conn)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Error("the connection is kept")
			}
			if strings.Contains(string(answer), "SCRAM") || len(answer) > 0 && answer[0] != 'E' {
				t.Errorf("not refused: %q", answer)
			}
			outcomes.add("startup", blocked)
		})
	}
}

// TestSettingsAtLogin plays the cases in which a startup packet asks for what its user may not have.
func TestSettingsAtLogin(t *testing.T) {
	w := newWorld(t, "corpus", "acme", "globex")
	s := w.at(t, "")
	for _, p := range [][2]string{
		{"options", "-c standard_conforming_strings=off"}, {"options", "--standard-conforming-strings=off"}, {"Standard_Conforming_Strings", "off"},
		{"app.tenant_id", "globex"}, {"pgcordon.tenant", "globex"}, {"options", "-c pgcordon.tenant=globex"}, {"options", "-cPGCORDON.TENANT=globex"},
		{"role", "postgres"}, {"session_authorization", "postgres"}, {"options", "-c role=postgres"}, {"options", "-c row_security=off"},
		{"search_path", "pg_temp, public"}, {"search_path", "public, pg_catalog"}, {"search_path", `"public`}, {"options", `-c search_path=pg_temp`},
		{"client_encoding", "SJIS"}, {"client_min_messages", "debug5"}, {"session_preload_libraries", "auto_explain"}, {"local_preload_libraries", "x"},
		{"options", "-c enable_seqscan=off -c cpu_operator_cost=0"}, {"log_statement", "all"}, {"transform_null_equals", "on"},
	} {
		t.Run(p[0]+"="+p[1], func(t *testing.T) {
			if c, err := s.dial("attacker", map[string]string{p[0]: p[1]}); err == nil {
				c.close()
				t.Error("not refused")
			} else if strings.Contains(err.Error(), "GLOBEX-SECRET") {
				t.Error(err)
			}
			outcomes.add("startup", blocked)
		})
	}
	for _, path := range []string{"archive", `"$user", archive`, "archive,public", ""} {
		t.Run("search_path="+path, func(t *testing.T) {
			c := s.connect(t, "attacker", map[string]string{"search_path": path})
			if what := leak("GLOBEX-SECRET", c.simple("SELECT secret FROM orders")); what != "" {
				t.Errorf("the attacker received %s", what)
			}
			outcomes.add("startup", scoped)
		})
	}
}

// TestCancelKeys sends cancel requests with keys that are not the victim's: its statement goes on.
func TestCancelKeys(t *testing.T) {
	w := newWorld(t, "corpus", "acme", "globex")
	s := w.at(t, "")
	victim, attacker := s.connect(t, "victim", nil), s.connect(t, "attacker", nil)
	cancel := func(pid, key uint32) {
		conn, err := net.Dial("tcp", s.listener.Addr().String())
		must(t, err)
		defer conn.Close()
		b := binary.BigEndian.AppendUint32(nil, 16)
		for _, v := range []uint32{80877102, pid, key} {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		_, err = conn.Write(b)
		must(t, err)
		_, _ = io.ReadAll(conn)
	}
	must(t, victim.conn.SetDeadline(time.Now().Add(patience)))
	victim.Send(query("SELECT count(*) FROM generate_series(1, 300000) a, customers"))
	must(t, victim.Flush())
	for i := range uint32(200) {
		cancel(victim.key.PID, i*7919)
		cancel(attacker.key.PID, binary.BigEndian.Uint32(victim.key.SecretKey)+i+1)
	}
	cancel(victim.key.PID, binary.BigEndian.Uint32(attacker.key.SecretKey))
	if r := victim.hear(1); len(r.errors) > 0 {
		t.Errorf("the victim's statement was cancelled: %q", r.log)
	}
	outcomes.add("protocol", blocked)
}

// TestLogins tries names that could be taken for another user's: all are answered as a wrong password is.
func TestLogins(t *testing.T) {
	w := newWorld(t, "corpus", "acme", "globex")
	s := w.at(t, "")
	for _, name := range []string{"attacker@globex", "attacker.globex", "attacker+globex", "Attacker", "ATTACKER", "attacker ", " attacker", "nobody",
		"app_proxy", "postgres", "pgcordon", "x' OR 1=1 --", strings.Repeat("attacker", 8), "attacker,n=victim", "attacker=2Cvictim", "acme", "globex"} {
		t.Run(name, func(t *testing.T) {
			c, err := s.dial(name, nil)
			if err == nil {
				c.close()
				t.Fatal("logged in")
			}
			if want := `password authentication failed for user "` + name + `"`; !strings.Contains(err.Error(), want) {
				t.Errorf("%v; want %s", err, want)
			}
			outcomes.add("auth", blocked)
		})
	}
	for _, database := range []string{"postgres", "template1", "pgbouncer", "pgcordon", "globex"} {
		t.Run("database "+database, func(t *testing.T) {
			other := *s
			other.database = database
			c, err := other.dial("attacker", nil)
			if err == nil {
				c.close()
				t.Fatal("logged in")
			}
			outcomes.add("auth", blocked)
		})
	}
}

// TestEveryCorpusCaseIsPlayed finds the corpus's cases of single messages that are neither played here nor said to be elsewhere.
func TestEveryCorpusCaseIsPlayed(t *testing.T) {
	played := map[string]bool{}
	for _, e := range append(exchanges(), copies(t)...) {
		for _, id := range strings.Fields(e.ids) {
			played[id] = true
		}
	}
	for id := range loadOverrides(t, "testdata/elsewhere") {
		if played[id] {
			t.Errorf("%s is played here", id)
		}
		played[id] = true
	}
	for _, a := range loadCorpus(t, "testdata/corpus.jsonl") {
		if a.Protocol == "raw" && !played[a.ID] {
			t.Errorf("%s is not played", a.ID)
		}
		if a.Protocol != "raw" && played[a.ID] {
			t.Errorf("%s is played by TestCases", a.ID)
		}
		delete(played, a.ID)
	}
	for id := range played {
		t.Errorf("%s is no case", id)
	}
}
