package rewriter

import (
	"fmt"
)

// oidUnknown is the pseudo-type of an untyped literal, which a client may declare as well as leave a type open.
const oidUnknown = 705

// declaredTypes checks the types that Parse declares: as a type named in the text, each must be one that clients may name.
func (p *pass) declaredTypes() {
	for i, oid := range p.req.ParamTypes {
		if oid == 0 || oid == oidUnknown {
			continue
		}
		t := p.cat.TypeByOID[oid]
		if t == nil {
			p.deny(stateUndefinedObject, ruleTypeUnknown, fmt.Sprintf("type with OID %d does not exist", oid), "")
			return
		}
		if reason := p.namedTypeProblem(t); reason != "" {
			p.deny(statePrivilege, ruleTypeDenied, fmt.Sprintf("permission denied for the type of parameter $%d", i+1), reason)
			return
		}
	}
}

// paramTypes are the types that the upstream is told for the client's parameters. One that the output no longer holds has no type
// that Postgres could infer: it gets the tenant column's.
func (p *pass) paramTypes() []uint32 {
	types := append([]uint32(nil), p.req.ParamTypes...)
	for _, a := range p.arguments {
		if p.paramUses[int32(a.Number)] > 0 {
			continue
		}
		for len(types) < a.Number {
			types = append(types, 0)
		}
		if types[a.Number-1] == 0 || types[a.Number-1] == oidUnknown {
			types[a.Number-1] = a.OID
		}
	}
	return types
}
