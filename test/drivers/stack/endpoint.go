package stack

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Endpoint is where and as whom a client logs in.
type Endpoint struct {
	// Name is "direct" or "pgcordon", for messages.
	Name     string
	Host     string
	Port     int
	Database string
	User     string
	Password string
}

// Address returns host:port.
func (e Endpoint) Address() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// URL returns the connection string in its URL form. Parameters are key=value pairs and override
// the default sslmode=disable.
func (e Endpoint) URL(parameters ...string) string {
	query := url.Values{"sslmode": {"disable"}}
	for _, parameter := range parameters {
		key, value, _ := strings.Cut(parameter, "=")
		query.Set(key, value)
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(e.User, e.Password),
		Host:   e.Address(),
		Path:   "/" + e.Database,
		// libpq does not read "+" as a space.
		RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20"),
	}
	return u.String()
}

// Environment returns the libpq environment variables of the endpoint.
func (e Endpoint) Environment() []string {
	return []string{
		"PGHOST=" + e.Host,
		fmt.Sprintf("PGPORT=%d", e.Port),
		"PGDATABASE=" + e.Database,
		"PGUSER=" + e.User,
		"PGPASSWORD=" + e.Password,
		"PGSSLMODE=disable",
		"PGCONNECT_TIMEOUT=20",
	}
}

// As returns the endpoint with another login.
func (e Endpoint) As(user, password string) Endpoint {
	e.User, e.Password = user, password
	return e
}

// FreePort returns a TCP port of the loopback interface that nobody listened on a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
