package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// channel checks the channel of LISTEN, UNLISTEN and NOTIFY: a placeholder, which is the tenant's in what is sent.
func (s *sweeper) channel(name string) {
	if !s.in.spliced || s.in.channels[name] == "" || !strings.HasPrefix(name, "pgcordon:channel:") {
		s.fail("channel %q is nobody's", name)
	}
}

// sessionCall checks the calls of built-in functions whose arguments make them safe, and the rest of their arguments. It reports whether x is one.
func (s *sweeper) sessionCall(x *pg.FuncCall, e sweepEnv) bool {
	names := stringsOf(x.Funcname)
	if len(names) != 2 || names[0] != "pg_catalog" {
		return false
	}
	var rest []*pg.Node
	switch names[1] {
	case "pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_advisory_unlock",
		"pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared",
		"pg_advisory_unlock_shared":
		rest = s.lockKey(x)
	case "pg_advisory_unlock_all":
		if len(x.Args) > 0 {
			s.fail("arguments of %s", names[1])
		}
	case "pg_notify":
		rest = s.notifyChannel(x)
	case "current_setting", "set_config":
		if len(x.Args) > 0 && names[1] == "current_setting" && x.Args[0].GetCaseExpr() != nil {
			rest = s.listedSetting(x)
			break
		}
		if len(x.Args) > 0 && names[1] == "current_setting" && bare(x.Args[0]).GetAConst() == nil {
			return false // the name of a row of pg_settings
		}
		rest = s.settingCall(x, names[1] == "set_config")
	default:
		return false
	}
	if len(x.AggOrder) > 0 || x.AggFilter != nil || x.Over != nil || x.AggStar || x.AggDistinct || x.FuncVariadic {
		s.fail("%s with more than arguments", names[1])
	}
	for _, n := range rest {
		s.walk(n.ProtoReflect(), e)
	}
	return true
}

// lockKey returns the client's part of a lock's key.
func (s *sweeper) lockKey(x *pg.FuncCall) []*pg.Node {
	bits := s.castTo(only(x.Args), "int8", "bigint").GetTypeCast()
	if bits == nil || len(bits.TypeName.GetTypmods()) != 1 || s.castTo(&pg.Node{Node: &pg.Node_TypeCast{TypeCast: bits}}, "bit") == nil {
		s.fail("a lock's key of an unknown form")
		return nil
	}
	args := argsOf(bits.Arg, "textcat", 2)
	if args == nil || args[0].GetAConst().GetSval().GetSval() != "x" {
		s.fail("a lock's key of an unknown form")
		return nil
	}
	digits := argsOf(args[1], "substr", 3)
	if digits == nil {
		s.fail("a lock's key of an unknown form")
		return nil
	}
	key := s.tenantHash(digits[0])
	if marked := argsOf(key, "byteacat", 2); marked != nil {
		pair, mark := argsOf(marked[0], "byteacat", 2), argsOf(marked[1], "int4send", 1)
		if pair != nil && mark != nil && mark[0].GetAConst().GetIval() != nil {
			if a, b := argsOf(pair[0], "int4send", 1), argsOf(pair[1], "int4send", 1); a != nil && b != nil {
				return []*pg.Node{a[0], b[0]}
			}
		}
	}
	if one := argsOf(key, "int8send", 1); one != nil {
		return one
	}
	s.fail("a lock's key that is not the tenant's")
	return nil
}

// notifyChannel returns the client's channel and payload.
func (s *sweeper) notifyChannel(x *pg.FuncCall) []*pg.Node {
	if len(x.Args) == 2 {
		if args := argsOf(x.Args[0], "textcat", 2); args != nil && args[0].GetAConst().GetSval().GetSval() == "pgcordon:" {
			if digits := argsOf(args[1], "substr", 3); digits != nil {
				if name := argsOf(s.tenantHash(digits[0]), "convert_to", 2); name != nil {
					return []*pg.Node{name[0], x.Args[1]}
				}
			}
		}
	}
	s.fail("a channel that is not the tenant's")
	return nil
}

// tenantHash returns what is hashed behind the tenant's own hash; nil for another form.
func (s *sweeper) tenantHash(n *pg.Node) *pg.Node {
	encoded := argsOf(n, "encode", 2)
	if encoded == nil || encoded[1].GetAConst().GetSval().GetSval() != "hex" {
		return nil
	}
	both := argsOf(only(argsOf(encoded[0], "sha256", 1)), "byteacat", 2)
	if both == nil {
		return nil
	}
	tenant := argsOf(only(argsOf(both[0], "sha256", 1)), "convert_to", 2)
	if tenant == nil || tenant[0].GetParamRef() == nil || s.in.tenants[tenant[0].GetParamRef().Number] != policy.TypeText {
		return nil
	}
	return both[1]
}

// settingCall returns the arguments that may be expressions: all but the setting's name, and the value where only some are allowed.
func (s *sweeper) settingCall(x *pg.FuncCall, change bool) []*pg.Node {
	if len(x.Args) == 0 || change && len(x.Args) != 3 {
		s.fail("a setting's call of %d arguments", len(x.Args))
		return nil
	}
	n := x.Args[0]
	for n.GetTypeCast() != nil {
		s.typeName(n.GetTypeCast().TypeName)
		n = n.GetTypeCast().Arg
	}
	name, ok := constantText(n.GetAConst())
	name = strings.ToLower(name)
	own := slices.Contains(s.in.bound.Policy.Settings, name)
	if !ok || !changedSettings[name] && !own && (change || !shownSettings[name]) {
		s.fail("setting %q in a call", name)
		return nil
	}
	if _, single := defaultSettings[name]; change && !own && (single || onSettings[name] || name == "client_encoding" || name == "search_path" || name == "statement_timeout" || name == "client_min_messages") {
		value, ok := constantText(x.Args[1].GetAConst())
		if !ok || name == "client_encoding" && !namesUTF8(value) || name == "search_path" && strings.Contains(strings.TrimPrefix(strings.ToLower(value), "pg_catalog"), "pg_") ||
			beside(name, value) || onSettings[name] && !slices.Contains([]string{"on", "true", "yes", "1"}, strings.ToLower(strings.TrimSpace(value))) {
			s.fail("%s to %q in a call", name, value)
		}
	}
	return x.Args[1:]
}

// listedSetting checks a setting that a parameter names: only where the name is on a list of those that may be read. It returns what is left to check.
func (s *sweeper) listedSetting(x *pg.FuncCall) []*pg.Node {
	c := x.Args[0].GetCaseExpr()
	when := only(c.Args).GetCaseWhen()
	test := when.GetExpr().GetAExpr()
	of := argsOf(test.GetLexpr(), "lower", 1)
	operator := stringsOf(test.GetName())
	if of == nil || c.Arg != nil || c.Defresult != nil || test.Kind != pg.A_Expr_Kind_AEXPR_OP_ANY || operator[len(operator)-1] != "=" ||
		bare(when.Result).GetParamRef() == nil || !equalTrees(s.castTo(of[0], "text").ProtoReflect(), when.Result.ProtoReflect()) {
		s.fail("a setting of some name")
		return nil
	}
	s.operator(operator, false)
	for _, n := range test.Rexpr.GetAArrayExpr().GetElements() {
		name, ok := constantText(n.GetAConst())
		if !ok || !changedSettings[name] && !shownSettings[name] && !slices.Contains(s.in.bound.Policy.Settings, name) {
			s.fail("setting %q in a call", name)
		}
	}
	return append([]*pg.Node{when.Result}, x.Args[1:]...)
}

// bare takes casts off.
func bare(n *pg.Node) *pg.Node {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	return n
}

// castTo returns the argument of a cast to a built-in type of one of these names; nil for anything else.
func (s *sweeper) castTo(n *pg.Node, names ...string) *pg.Node {
	c := n.GetTypeCast()
	got := stringsOf(c.GetTypeName().GetNames())
	if c == nil || len(got) != 2 || got[0] != "pg_catalog" || !slices.Contains(names, got[1]) || len(c.TypeName.ArrayBounds) > 0 || c.TypeName.Setof {
		return nil
	}
	return c.Arg
}

// argsOf returns the arguments of a plain call of a built-in function; nil for anything else.
func argsOf(n *pg.Node, name string, count int) []*pg.Node {
	f := n.GetFuncCall()
	if f == nil || !slices.Equal(stringsOf(f.Funcname), []string{"pg_catalog", name}) || len(f.Args) != count ||
		len(f.AggOrder) > 0 || f.AggFilter != nil || f.Over != nil || f.AggDistinct || f.FuncVariadic {
		return nil
	}
	return f.Args
}

// only returns the one element of a list; nil when there are others.
func only(list []*pg.Node) *pg.Node {
	if len(list) != 1 {
		return nil
	}
	return list[0]
}
