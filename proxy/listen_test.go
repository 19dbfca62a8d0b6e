package proxy_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgcordon/proxy"
)

func TestListenUnix(t *testing.T) {
	w := newWorld(t, worldOptions{})
	dir, err := os.MkdirTemp("", "pgc") // a socket's path must be short
	must(t, err)
	defer os.RemoveAll(dir)
	// What a server that was killed leaves behind.
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, ".s.PGSQL.6432")})
	must(t, err)
	left.SetUnlinkOnClose(false)
	must(t, left.Close())

	l, err := proxy.Listen("unix", dir, 6432)
	must(t, err)
	if _, err := proxy.Listen("unix", dir, 6432); err == nil {
		t.Error("a socket that is in use was taken over")
	}
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l, proxy.TLS{}) }()
	q := url.Values{"host": {dir}, "port": {"6432"}, "user": {"acme_app"}, "password": {password}}
	conn, err := dial("postgres:///" + w.database + "?" + strings.ReplaceAll(q.Encode(), "+", "%20"))
	must(t, err)
	if r := conn.ExecParams(context.Background(), "SELECT count(*) FROM orders", nil, nil, nil, nil).Read(); r.Err != nil || string(r.Rows[0][0]) != "2" {
		t.Errorf("over a socket: %v", r.Err)
	}
	must(t, conn.Close(context.Background()))
	must(t, w.server.Shutdown(context.Background()))
	_ = within(t, "the end of Serve", served)
	if _, err := os.Stat(filepath.Join(dir, ".s.PGSQL.6432")); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}
