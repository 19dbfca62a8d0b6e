package rewriter

import (
	"crypto/sha256"
	"encoding/hex"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
)

// LISTEN, NOTIFY, pg_notify and advisory locks use names and keys that all sessions of a database share. Upstream each is derived from the
// tenant and from what the client wrote, by SHA-256: so two tenants never meet in one, and what a client names says nothing of what others use.
//
// In a statement the channel is an identifier, which no parameter can carry. In the plan it is a placeholder, and Plan.Splice
// writes the tenant's. In a call it is computed by functions of Postgres's own, out of the tenant's parameter.

const (
	channelPrefix = "pgcordon:"
	// placeholderPrefix begins what stands in a plan's text for a channel.
	placeholderPrefix = "pgcordon:channel:"
	channelDigits     = maxName - len(channelPrefix)
)

// Channel is what a client's channel is called upstream for a tenant. The tenant is hashed by itself, so that no tenant and name
// run together into another pair.
func Channel(t policy.TenantID, name string) string {
	tenant := sha256.Sum256([]byte(t.String()))
	sum := sha256.Sum256(append(tenant[:], name...))
	return channelPrefix + hex.EncodeToString(sum[:])[:channelDigits]
}

// channel returns the placeholder of a channel that a statement names.
func (p *pass) channel(name string) string {
	if omitted("channel of a statement") {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	holder := placeholderPrefix + hex.EncodeToString(sum[:])[:40]
	if p.channels == nil {
		p.channels = map[string]string{}
	}
	p.channels[holder] = name
	p.spliced = true
	return holder
}

func (p *pass) listen(s *pg.ListenStmt) Statement {
	st := Statement{Kind: KindListen, Name: s.Conditionname}
	s.Conditionname = p.channel(s.Conditionname)
	return st
}

func (p *pass) unlisten(s *pg.UnlistenStmt) Statement {
	st := Statement{Kind: KindUnlisten, Name: s.Conditionname}
	if s.Conditionname != "" {
		s.Conditionname = p.channel(s.Conditionname)
	}
	return st
}

func (p *pass) notify(s *pg.NotifyStmt) Statement {
	st := Statement{Kind: KindNotify, Name: s.Conditionname}
	s.Conditionname = p.channel(s.Conditionname)
	return st
}

// effects are the built-in functions that act on the session or on others besides returning a value. In a condition such a call
// must not be made for the rows of other tenants, even when it depends on none of their columns.
var effects = func() map[string]bool {
	m := map[string]bool{"pg_notify": true, "set_config": true, "pg_advisory_unlock_all": true}
	for name := range advisoryLocks {
		m[name] = true
	}
	return m
}()

// advisoryLocks are the functions that take a key of one bigint or of two integers.
var advisoryLocks = map[string]bool{
	"pg_advisory_lock": true, "pg_advisory_lock_shared": true, "pg_advisory_xact_lock": true, "pg_advisory_xact_lock_shared": true,
	"pg_try_advisory_lock": true, "pg_try_advisory_lock_shared": true, "pg_try_advisory_xact_lock": true, "pg_try_advisory_xact_lock_shared": true,
	"pg_advisory_unlock": true, "pg_advisory_unlock_shared": true,
}

// sessionFunction allows the functions of pg_catalog that are safe with the arguments that it gives them, or checks. It reports whether
// the function is one of them.
func (p *pass) sessionFunction(f *pg.FuncCall, name string) bool {
	switch {
	case advisoryLocks[name] && (len(f.Args) == 1 || len(f.Args) == 2) && plainArguments(f):
		p.advisoryLock(f)
	case name == "pg_advisory_unlock_all" && len(f.Args) == 0 && plainArguments(f):
	case name == "pg_notify" && len(f.Args) == 2 && plainArguments(f):
		p.notifyCall(f)
	case name == "current_setting" && (len(f.Args) == 1 || len(f.Args) == 2) && plainArguments(f):
		p.currentSetting(f)
	case name == "set_config" && len(f.Args) == 3 && plainArguments(f):
		p.setConfigCall(f)
	default:
		return false
	}
	f.Funcname = catalogName(name)
	return true
}

// plainArguments reports a call of nothing but positional arguments.
func plainArguments(f *pg.FuncCall) bool {
	for _, a := range f.Args {
		if a.GetNamedArgExpr() != nil {
			return false
		}
	}
	return len(f.AggOrder) == 0 && f.AggFilter == nil && f.Over == nil && !f.AggStar && !f.AggDistinct && !f.AggWithinGroup && !f.FuncVariadic
}

// advisoryLock gives the call a key of one bigint, derived from the tenant and the client's key. A key of two integers has
// four bytes more than one of a bigint, so the two kinds stay apart. NULL stays NULL: all functions of the derivation are strict.
func (p *pass) advisoryLock(f *pg.FuncCall) {
	if omitted("key of an advisory lock") {
		return
	}
	var key *pg.Node
	if len(f.Args) == 1 {
		key = call("int8send", f.Args[0])
	} else {
		pair := call("byteacat", call("int4send", f.Args[0]), call("int4send", f.Args[1]))
		key = call("byteacat", pair, call("int4send", integer(2)))
	}
	bits := typeCast(call("textcat", text("x"), call("substr", p.tenantHash(key), integer(1), integer(16))), "bit")
	bits.GetTypeCast().TypeName.Typmods = []*pg.Node{integer(64)}
	f.Args = []*pg.Node{typeCast(bits, "int8")}
}

// notifyCall gives pg_notify the tenant's channel, as Channel makes it.
func (p *pass) notifyCall(f *pg.FuncCall) {
	if c := f.Args[0].GetAConst(); c != nil && !c.Isnull {
		switch name, _ := constText(c); {
		case name == "":
			p.denyAt(c.Location, "22023", ruleFunctionDenied, "channel name cannot be empty", "")
		case len(name) > maxName:
			p.denyAt(c.Location, "22023", ruleFunctionDenied, "channel name too long", "")
		}
	}
	if omitted("channel of pg_notify") {
		return
	}
	digits := call("substr", p.tenantHash(call("convert_to", f.Args[0], text("UTF8"))), integer(1), integer(int64(channelDigits)))
	f.Args[0] = call("textcat", text(channelPrefix), digits)
}

// tenantHash is the SHA-256, in hexadecimal digits, of the tenant's own SHA-256 followed by rest.
func (p *pass) tenantHash(rest *pg.Node) *pg.Node {
	tenant := call("sha256", call("convert_to", p.tenantParam(policy.TypeText), text("UTF8")))
	return call("encode", call("sha256", call("byteacat", tenant, rest)), text("hex"))
}

func catalogName(name string) []*pg.Node {
	return []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(name)}
}

func call(name string, args ...*pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_FuncCall{FuncCall: &pg.FuncCall{
		Funcname: catalogName(name), Args: args, Funcformat: pg.CoercionForm_COERCE_EXPLICIT_CALL}}}
}

func text(s string) *pg.Node { return pg.MakeAConstStrNode(s, -1) }

func integer(n int64) *pg.Node { return pg.MakeAConstIntNode(n, -1) }

// hasEffect tells whether an expression, its sub-selects aside, calls one of effects.
func hasEffect(n *pg.Node) bool {
	found := false
	eachCall(n, func(f *pg.FuncCall) {
		found = found || len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() == "pg_catalog" && effects[f.Funcname[1].GetString_().GetSval()]
	})
	return found
}

// eachCall visits the function calls of an expression, but for those in sub-selects.
func eachCall(n *pg.Node, visit func(*pg.FuncCall)) {
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		switch v := m.Interface().(type) {
		case *pg.FuncCall:
			visit(v)
		case *pg.SelectStmt:
			return
		}
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case fd.Message() == nil:
			case fd.IsList():
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message())
				}
			default:
				walk(v.Message())
			}
			return true
		})
	}
	walk(n.ProtoReflect())
}
