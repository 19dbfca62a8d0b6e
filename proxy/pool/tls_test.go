package pool_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// encrypted makes a server take TLS connections.
func encrypted(t *testing.T, pg *throwaway.Postgres) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(pg.Dir, "data")
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	for name, block := range map[string]*pem.Block{"server.crt": {Type: "CERTIFICATE", Bytes: certificate}, "server.key": {Type: "PRIVATE KEY", Bytes: private}} {
		file := filepath.Join(data, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	if err := pg.Exec(ctx, "postgres", "ALTER SYSTEM SET ssl = on"); err != nil {
		t.Fatal(err)
	}
	if err := pg.Restart(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestEncryptedUpstream(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{})
	encrypted(t, pg)
	cfg, err := pgconn.ParseConfig("host=" + pg.Host + " port=" + itoa(uint32(pg.Port)) + " user=" + pg.Superuser + " dbname=postgres sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, pool.Config{Upstream: cfg})
	c, other := acquire(t, p, nil), acquire(t, p, nil)
	if _, ok := c.Conn.(*tls.Conn); !ok {
		t.Errorf("connected by %T", c.Conn)
	}
	done := make(chan string, 1)
	go func() {
		_, state, _ := ask(c, "SELECT pg_sleep(600)")
		done <- state
	}()
	eventually(t, "the statement to run", func() bool {
		return value(t, other, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
	})
	if err := c.Cancel(context.Background()); err != nil {
		t.Fatal(err)
	}
	if state := <-done; state != "57014" {
		t.Errorf("the statement ended with %q", state)
	}
	c.Release(true)
	if again := acquire(t, p, nil); again != c {
		t.Error("not used again")
	}
	if got := value(t, c, "SELECT count(*) FROM pg_stat_ssl WHERE ssl"); got != "2" {
		t.Errorf("%s connections are encrypted", got)
	}
	c.Release(false)
	eventually(t, "the end of the connection that was closed", func() bool {
		return value(t, other, "SELECT count(*) FROM pg_stat_ssl WHERE ssl") == "1"
	})
	other.Release(true)
}
