// Package policy says what belongs to a tenant: pure values, no I/O but reading the policy file.
//
// ParsePolicy makes a Policy of a policy.yaml. Bind joins it with a catalog.Snapshot into a Bound: what the policy means
// for every relation and function that exists. A Bound is immutable and shared by all sessions; a reload or a changed
// catalog makes a new one with another Epoch.
//
// Everything fails closed:
//   - a relation that no rule matches is denied, and so is one whose rule cannot be carried out (its tenant column is
//     missing or of a type that cannot hold a tenant); BoundTable.Problem says why;
//   - the schemas of Postgres itself are out of reach of every rule;
//   - the zero values of Scope and TenantID are "denied" and "invalid";
//   - a rule that could never decide, a key without effect, a repeated name: each is an error of the file, because it
//     means that its writer expects something else than what would happen.
//
// Whether a view may be read is decided twice: the rule of the view lets it be expanded, and the relations in its
// definition are decided by their own rules.
package policy
