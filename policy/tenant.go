package policy

import (
	"errors"
	"unicode/utf8"
)

// MaxTenantIDBytes bounds a tenant's id, in bytes of UTF-8.
const MaxTenantIDBytes = 255

// TenantID names one tenant, in the text form that Postgres accepts as input for the tenant column's type.
// The zero value is invalid, so that a forgotten assignment cannot pass for a tenant.
type TenantID struct{ text string }

// ErrTenantID is returned for a text that cannot be a tenant's id.
var ErrTenantID = errors.New("a tenant id is 1 to 255 bytes of UTF-8 without NUL")

// NewTenantID checks that s can be a tenant's id. Whether it fits the type of every tenant column
// is decided by Bound.CheckTenant.
func NewTenantID(s string) (TenantID, error) {
	if s == "" || len(s) > MaxTenantIDBytes || !utf8.ValidString(s) {
		return TenantID{}, ErrTenantID
	}
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			return TenantID{}, ErrTenantID
		}
	}
	return TenantID{text: s}, nil
}

// IsValid reports whether t was made by NewTenantID.
func (t TenantID) IsValid() bool { return t.text != "" }

// String returns the id's text; empty for the zero value.
func (t TenantID) String() string { return t.text }

// Identity is what authentication yields: who the client is and which tenant it acts for.
// It comes from the credential alone and never changes during a session.
type Identity struct {
	// User is the name the client logged in with.
	User string
	// Tenant is the tenant whose rows the session sees. Always valid in an authenticated session.
	Tenant TenantID
	// Role is the policy role that widens or narrows what the session may do; empty for none.
	Role string
}
