package policy

import "pgcordon/policy/catalog"

// OpensSequence reports whether a rule of scope global names the sequence itself, without a `*`: then tenants draw from it, whatever table it belongs to,
// and its position tells each of them how much the others draw.
func (b *Bound) OpensSequence(r *catalog.Relation) bool {
	if r.Kind != catalog.Sequence {
		return false
	}
	i := b.Policy.RuleFor(r.Schema, r.Name)
	if i < 0 {
		return false
	}
	rule := &b.Policy.Tables[i]
	return rule.Scope == ScopeGlobal && rule.Match == Pattern{Schema: r.Schema, Name: r.Name}
}
