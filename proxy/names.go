package proxy

import "unicode/utf8"

// unusable refuses a name for a new statement or portal: one of the proxy's own, and one that the upstream could tell apart from others in another
// way than the proxy does. A server of another encoding than UTF8 converts names before it cuts them at 63 bytes: two names that are
// one here can be two there, and a Bind would reach a statement with the tenant's parameters of another.
func (s *session) unusable(name string) *failure {
	if f := reserved(name); f != nil {
		return f
	}
	if !s.server.active.Load().ASCIINames {
		return nil
	}
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return &failure{state: stateFeatureNotSupported, message: "names of prepared statements and portals must be ASCII where the database's encoding is not UTF8", early: true}
		}
	}
	return nil
}
