package rewriter

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"pgcordon/policy"
)

// CheckConstants returns a denial when a constant that the client gave for a tenant column is not the tenant's id.
func (p *Plan) CheckConstants(t policy.TenantID) *Denial {
	for i := range p.Constants {
		c := &p.Constants[i]
		if !sameID(c.Type, c.Text, t.String()) {
			return p.mismatch(c.Table, c.Position)
		}
	}
	return nil
}

// CheckArgument returns a denial when the value that a Bind message gives to the parameter is not the tenant's id.
// format is 0 for text and 1 for binary; a nil value is NULL.
func (p *Plan) CheckArgument(a TenantArgument, value []byte, format int16, t policy.TenantID) *Denial {
	if value == nil {
		return p.mismatch(a.Table, a.Position)
	}
	text := string(value)
	if format == 1 {
		var ok bool
		if text, ok = binaryText(a.Type, value); !ok {
			return p.mismatch(a.Table, a.Position)
		}
	}
	if !sameID(a.Type, text, t.String()) {
		return p.mismatch(a.Table, a.Position)
	}
	return nil
}

// mismatch says no more than that the value is not the session's tenant.
func (p *Plan) mismatch(table string, position int) *Denial {
	return &Denial{SQLState: statePrivilege, Rule: ruleTenantMismatch, Position: position, Fingerprint: p.Fingerprint,
		Message: "the tenant column of " + table + " may only be given the session's own tenant",
		Hint:    "Leave the column out: it is filled in."}
}

// sameID compares a value of the client's with a tenant's id as the column's type does. A text that is no value of the type is not equal.
func sameID(t policy.ColumnType, value, id string) bool {
	switch t {
	case policy.TypeText, policy.TypeVarchar:
		return value == id
	case policy.TypeUUID:
		v, okV := uuidDigits(value)
		i, okI := uuidDigits(id)
		return okV && okI && v == i
	case policy.TypeInt4, policy.TypeInt8:
		v, errV := strconv.ParseInt(strings.Trim(value, inputSpace), 10, 64)
		i, errI := strconv.ParseInt(id, 10, 64)
		return errV == nil && errI == nil && v == i
	case policy.TypeNumeric:
		v, okV := decimal(value)
		i, okI := decimal(id)
		return okV && okI && v.Cmp(i) == 0
	}
	return false
}

// inputSpace is what the input functions of numbers skip around them (isspace).
const inputSpace = " \t\n\v\f\r"

// decimal reads a plain decimal number; exponents and the special values of numeric are no tenant ids.
func decimal(s string) (*big.Rat, bool) {
	s = strings.Trim(s, inputSpace)
	if s == "" || len(s) > 64 || strings.Trim(s, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// uuidDigits reduces the forms of uuid that Postgres accepts to 32 lower-case digits (Postgres manual, "UUID Type").
func uuidDigits(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
	s = strings.ToLower(strings.ReplaceAll(s, "-", ""))
	raw, err := hex.DecodeString(s)
	return s, err == nil && len(raw) == 16
}

// binaryText reads the binary form of a value of a tenant column's type.
func binaryText(t policy.ColumnType, v []byte) (string, bool) {
	switch t {
	case policy.TypeText, policy.TypeVarchar:
		return string(v), true
	case policy.TypeUUID:
		return hex.EncodeToString(v), len(v) == 16
	case policy.TypeInt4, policy.TypeInt8:
		switch len(v) { // a parameter declared as another integer type is as long as that type
		case 2:
			return fmt.Sprint(int16(binary.BigEndian.Uint16(v))), true
		case 4:
			return fmt.Sprint(int32(binary.BigEndian.Uint32(v))), true
		case 8:
			return fmt.Sprint(int64(binary.BigEndian.Uint64(v))), true
		}
	case policy.TypeNumeric:
		return numericText(v)
	}
	return "", false
}

// numericText reads numeric's binary form: digits in base 10000, weight of the first, sign, display scale (numeric_send).
func numericText(v []byte) (string, bool) {
	if len(v) < 8 {
		return "", false
	}
	n := int(binary.BigEndian.Uint16(v))
	weight := int(int16(binary.BigEndian.Uint16(v[2:])))
	sign := binary.BigEndian.Uint16(v[4:])
	if len(v) != 8+2*n || n > 16 || weight > 16 || weight < -16 || sign != 0 && sign != 0x4000 {
		return "", false
	}
	sum := new(big.Rat)
	base := big.NewRat(10000, 1)
	for i := range n {
		d := binary.BigEndian.Uint16(v[8+2*i:])
		if d > 9999 {
			return "", false
		}
		term := big.NewRat(int64(d), 1)
		for range max(weight-i, 0) {
			term.Mul(term, base)
		}
		for range max(i-weight, 0) {
			term.Quo(term, base)
		}
		sum.Add(sum, term)
	}
	if sign == 0x4000 {
		sum.Neg(sum)
	}
	return strings.TrimSuffix(strings.TrimRight(sum.FloatString(48), "0"), "."), true
}
