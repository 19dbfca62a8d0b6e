package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Listen opens what clients connect to. network is "tcp" with address host:port, or "unix" with the path of a directory in which the
// socket gets the name that libpq looks for, .s.PGSQL.<port>; port is used for unix alone. A socket whose server is gone is replaced.
func Listen(network, address string, port int) (net.Listener, error) {
	switch network {
	case "tcp":
		return net.Listen("tcp", address)
	case "unix":
		return listenUnix(filepath.Join(address, ".s.PGSQL."+strconv.Itoa(port)))
	}
	return nil, fmt.Errorf("listening on %s: no such network; tcp and unix are", network)
}

func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(path) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, err
	}
	// Clients of every user connect, as with Postgres; SCRAM says who they are.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// abandoned reports whether path is a socket that nobody listens on.
func abandoned(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
