package console

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"pgcordon/proxy/pool"
)

// The columns of these views are those of PgBouncer 1.25, with its types and in its order (its manual, "Admin console"). Behind them stand
// those that older versions had and that were renamed, for programs that look for these, and what only pgcordon has.

// adminDatabase is the name under which PgBouncer lists its console among the databases.
const adminDatabase = "pgbouncer"

func bouncerViews(c *Console) []view {
	socket := columns("type", "user", "database", "replication", "state", "addr", "port:int", "local_addr", "local_port:int", "connect_time", "request_time",
		"wait:int", "wait_us:int", "close_needed:int", "ptr", "link", "remote_pid:int", "tls", "application_name", "prepared_statements:int", "id:int",
		"tenant", "pinned")
	return []view{
		{"version", columns("version"), func() []row { return []row{cells("pgcordon " + c.Version)} }},
		{"state", columns("key", "value"), c.state},
		{"pools", columns("database", "user", "cl_active:int", "cl_waiting:int", "cl_active_cancel_req:int", "cl_waiting_cancel_req:int", "sv_active:int",
			"sv_active_cancel:int", "sv_being_canceled:int", "sv_idle:int", "sv_used:int", "sv_tested:int", "sv_login:int", "maxwait:int",
			"maxwait_us:int", "pool_mode", "load_balance_hosts", "sv_limit:int"), c.pools},
		{"clients", socket, c.clients},
		{"servers", socket, c.servers},
		{"databases", columns("name", "host", "port:int", "database", "force_user", "pool_size:int", "min_pool_size:int", "reserve_pool_size:int",
			"server_lifetime:int", "pool_mode", "load_balance_hosts", "max_connections:int", "current_connections:int", "max_client_connections:int",
			"current_client_connections:int", "paused:int", "disabled:int", "reserve_pool:int"), c.databases},
		{"users", columns("name", "pool_size", "reserve_pool_size", "pool_mode", "max_user_connections:int", "current_connections:int",
			"max_user_client_connections:int", "current_client_connections:int", "tenant", "role", "admin"), c.users},
		{"config", columns("key", "value", "default", "changeable"), c.config},
		{"lists", columns("list", "items:int"), c.lists},
	}
}

func (c *Console) state() []row {
	paused := false
	for _, d := range c.Upstream.Databases() {
		paused = paused || d.Pools[0].Paused()
	}
	return []row{cells("active", yesNo(!paused)), cells("paused", yesNo(paused)), cells("suspended", "no")}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// serverStates counts the connections of a database.
type serverStates struct{ active, idle, rested, login int }

func (n *serverStates) all() int { return n.active + n.idle + n.rested + n.login }

func (c *Console) serverStates(d *Database) (n serverStates, waiting []pool.Waiter) {
	now := c.Now()
	for _, p := range d.Pools {
		n.login += p.Stats().Connecting
		waiting = append(waiting, p.Waiting()...)
		for _, conn := range p.Connections() {
			switch state(conn, d.CheckDelay, now) {
			case "active":
				n.active++
			case "used":
				n.rested++
			default:
				n.idle++
			}
		}
	}
	return n, waiting
}

// clientsOf counts the clients by a property.
func clientsOf[T comparable](c *Console, property func(*Client) T) map[T]int {
	n := map[T]int{}
	for _, client := range c.Sessions.Clients() {
		n[property(&client)]++
	}
	return n
}

func ofDatabase(c *Client) Key { return c.Key }
func ofUser(c *Client) string  { return c.User }

// state is PgBouncer's word for what a connection does. One that is "used" will be tried before it is lent.
func state(i pool.Info, checkDelay time.Duration, now time.Time) string {
	switch {
	case i.Leased:
		return "active"
	case checkDelay > 0 && now.Sub(i.Since) > checkDelay:
		return "used"
	}
	return "idle"
}

func (c *Console) pools() []row {
	clients := clientsOf(c, ofDatabase)
	var list []row
	for _, d := range c.Upstream.Databases() {
		n, waiting := c.serverStates(&d)
		seconds, micros := used(longest(waiting, c.Now()))
		list = append(list, cells(d.Name, d.Role, max(0, clients[d.Key]-len(waiting)), len(waiting), 0, 0, n.active, 0, 0, n.idle, n.rested, 0, n.login,
			seconds, micros, d.Mode, nil, d.Pools[0].Stats().Limit))
	}
	return append(list, cells(adminDatabase, adminDatabase, c.Sessions.Counts().Consoles, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "statement", nil, nil))
}

// leases are the connections that clients have, and since when others wait, by the clients' numbers.
func (c *Console) leases() (servers map[uint64]pool.Info, waits map[uint64]time.Time) {
	servers, waits = map[uint64]pool.Info{}, map[uint64]time.Time{}
	for _, d := range c.Upstream.Databases() {
		for _, p := range d.Pools {
			for _, w := range p.Waiting() {
				waits[w.Holder] = w.Since
			}
			for _, conn := range p.Connections() {
				if conn.Leased {
					servers[conn.Holder] = conn
				}
			}
		}
	}
	return servers, waits
}

func (c *Console) clients() []row {
	servers, waits := c.leases()
	now := c.Now()
	var list []row
	for _, client := range c.Sessions.Clients() {
		state, link, requested := "idle", "", time.Time{}
		var wait time.Duration
		if since, ok := waits[client.ID]; ok {
			state, wait, requested = "waiting", max(0, now.Sub(since)), since
		} else if conn, ok := servers[client.ID]; ok {
			state, link, requested = "active", serverName(conn.ID), conn.Since
		}
		seconds, micros := used(wait)
		addr, port := address(client.Remote)
		local, localPort := address(client.Local)
		list = append(list, cells("C", client.User, client.Database, "none", state, addr, port, local, localPort, client.Connected, requested, seconds, micros, 0,
			clientName(client.ID), link, 0, client.TLS, client.Application, client.Prepared, client.ID, client.Tenant, client.Pinned))
	}
	return list
}

func clientName(id uint64) string { return "C" + strconv.FormatUint(id, 10) }
func serverName(id uint64) string { return "S" + strconv.FormatUint(id, 10) }

func (c *Console) servers() []row {
	now := c.Now()
	clients := map[uint64]Client{}
	for _, client := range c.Sessions.Clients() {
		clients[client.ID] = client
	}
	var list []row
	for _, d := range c.Upstream.Databases() {
		for _, p := range d.Pools {
			for _, conn := range p.Connections() {
				list = append(list, serverRow(&d, conn, clients[conn.Holder], now))
			}
		}
	}
	return list
}

// serverRow is a connection's row; client is who has it leased, the zero value if that is not known.
func serverRow(d *Database, conn pool.Info, client Client, now time.Time) row {
	link, application, tenant := "", "", ""
	if conn.Leased {
		tenant = conn.Tenant
		if client.ID != 0 {
			link, application = clientName(client.ID), client.Application
		}
	}
	addr, port := address(conn.Remote)
	local, localPort := address(conn.Local)
	return cells("S", d.Role, d.Name, "none", state(conn, d.CheckDelay, now), addr, port, local, localPort, conn.Made, conn.Since, 0, 0,
		conn.Replaced, serverName(conn.ID), link, conn.PID, TLSText(conn.TLS), application, conn.Prepared, conn.ID, tenant, "")
}

// TLSText names a connection's protocol version and cipher; empty without TLS.
func TLSText(state *tls.ConnectionState) string {
	if state == nil || state.Version == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
}

// address cuts an address into host and port.
func address(a net.Addr) (host string, port int) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.String(), a.Port
	case *net.UnixAddr:
		return "unix", 0
	}
	return "", 0
}

func (c *Console) databases() []row {
	clients := clientsOf(c, ofDatabase)
	var list []row
	for _, d := range c.Upstream.Databases() {
		n, _ := c.serverStates(&d)
		var host any = d.Host
		if d.Host == "" {
			host = nil
		}
		list = append(list, cells(d.Name, host, d.Port, d.Upstream, d.Role, d.Size, d.MinSize, d.ReserveSize, int64(d.Lifetime/time.Second), d.Mode, nil, d.MaxConnections,
			n.all(), 0, clients[d.Key], d.Pools[0].Paused(), c.Sessions.Disabled(cmp.Or(d.Key.Name, d.Name), d.Key), d.ReserveSize))
	}
	return append(list, cells(adminDatabase, nil, 0, adminDatabase, adminDatabase, 2, 0, 0, 0, "statement", nil, 0, 0, 0, c.Sessions.Counts().Consoles, 0, 0, 0))
}

func (c *Console) users() []row {
	clients, servers := clientsOf(c, ofUser), map[string]int{}
	leased, _ := c.leases()
	for _, client := range c.Sessions.Clients() {
		if _, ok := leased[client.ID]; ok {
			servers[client.User]++
		}
	}
	var list []row
	for _, u := range c.Settings.Users() {
		list = append(list, cells(u.Name, "", "", u.Mode, 0, servers[u.Name], 0, clients[u.Name], u.Tenant, u.Role, u.Console))
	}
	return list
}

func (c *Console) config() []row {
	var list []row
	for _, s := range c.Settings.Settings() {
		list = append(list, cells(s.Key, s.Value, s.Default, yesNo(s.Changeable)))
	}
	slices.SortFunc(list, func(a, b row) int { return compareText(a[0], b[0]) })
	return list
}

func (c *Console) lists() []row {
	counts := c.Sessions.Counts()
	databases := c.Upstream.Databases()
	servers := 0
	for _, d := range databases {
		n, _ := c.serverStates(&d)
		servers += n.all()
	}
	return []row{
		cells("databases", len(databases)+1),
		cells("users", len(c.Settings.Users())),
		cells("peers", 0),
		cells("pools", len(databases)+1),
		cells("peer_pools", 0),
		cells("free_clients", 0),
		cells("used_clients", len(c.Sessions.Clients())+counts.Consoles),
		cells("login_clients", counts.Logins),
		cells("free_servers", 0),
		cells("used_servers", servers),
		cells("dns_names", 0),
		cells("dns_zones", 0),
		cells("dns_queries", 0),
		cells("dns_pending", 0),
		cells("tenants", len(c.Activity.Tenants())),
	}
}
