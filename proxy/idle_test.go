package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgcordon/proxy"
)

// fatal reads until the session ends, and returns why.
func (c *rawClient) fatal() string {
	for _, heard := range c.hear(1) {
		if strings.HasPrefix(heard, "Error FATAL") {
			return heard
		}
	}
	return ""
}

func TestSilentClientsAreDisconnected(t *testing.T) {
	w := newWorld(t, worldOptions{wire: proxy.Wire{ClientIdleTimeout: 300 * time.Millisecond, IdleTransactionTimeout: 200 * time.Millisecond}})
	silent, open := dialRaw(t, w.dsn()), dialRaw(t, w.dsn())
	open.Send(query("BEGIN"))
	must(t, open.Flush())
	open.hear(1)
	if why := open.fatal(); !strings.HasPrefix(why, "Error FATAL 25P03") {
		t.Errorf("in a transaction: %q", why)
	}
	if why := silent.fatal(); !strings.HasPrefix(why, "Error FATAL 57P05") {
		t.Errorf("outside of one: %q", why)
	}
	eventually(t, "nobody in a transaction upstream", func() bool { return w.backends("usename = 'app_proxy' AND state <> 'idle'") == 0 })
}

func TestAClientWhoseStatementRunsIsNotSilent(t *testing.T) {
	const limit = time.Second
	w := newWorld(t, worldOptions{wire: proxy.Wire{ClientIdleTimeout: limit, IdleTransactionTimeout: limit}})
	conn, err := dial(w.dsn())
	must(t, err)
	for rows, took := 1, time.Duration(0); took < 3*limit/2; rows *= 2 { // longer and longer statements, until one takes longer than the limit
		began := time.Now()
		if _, err := conn.Exec(context.Background(),
			fmt.Sprintf("SELECT count(*) FROM numbers a, numbers b, generate_series(1, %d) c WHERE a.n + b.n > 5", rows)).ReadAll(); err != nil {
			t.Fatal(err)
		}
		took = time.Since(began)
	}
}

func TestClientsAreBounded(t *testing.T) {
	w := newWorld(t, worldOptions{wire: proxy.Wire{MaxClients: 2}})
	first, err := dial(w.dsn())
	must(t, err)
	second, err := dial(w.dsn())
	must(t, err)
	if _, err := dial(w.dsn()); state(err) != "53300" {
		t.Errorf("the third client: %v", err)
	}
	must(t, second.Close(context.Background()))
	eventually(t, "a place that is free again", func() bool {
		third, err := dial(w.dsn())
		if err != nil {
			return false
		}
		return third.Close(context.Background()) == nil
	})
	must(t, first.Close(context.Background()))
}
