package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// systemTypes are the types that the grammar spells with words of its own. Others in pg_catalog are written as qualified names.
var systemTypes = map[string]string{
	"bool": "boolean", "int2": "smallint", "int4": "int", "int8": "bigint", "float4": "real", "float8": "double precision",
	"numeric": "numeric", "varchar": "varchar", "time": "time", "timestamp": "timestamp",
	"timetz": "time with time zone", "timestamptz": "timestamp with time zone",
}

// sizedTypes are those whose words take one number and nothing else.
var sizedTypes = map[string]string{"bpchar": "char", "varchar": "varchar", "time": "time", "timetz": "time", "timestamp": "timestamp", "timestamptz": "timestamp"}

// typeName writes a type as a cast has it.
func (p *printer) typeName(t *pg.TypeName) {
	if t == nil || t.PctType || t.TypeOid != 0 || t.Typemod != -1 {
		p.fail("such a type")
		return
	}
	if t.Setof {
		p.str("SETOF ")
	}
	p.at(t.Location)
	name, system := lastName(t.Names)
	switch {
	case !system:
		p.names(t.Names)
		p.typmods(t.Typmods)
	case name == "interval":
		p.interval(t)
	case len(t.Typmods) == 0 && systemTypes[name] != "":
		p.str(systemTypes[name])
	case name == "numeric":
		p.str("numeric")
		p.typmods(t.Typmods)
	case sizedTypes[name] != "" && len(t.Typmods) == 1 && natural(t.Typmods[0]):
		p.str(sizedTypes[name])
		p.typmods(t.Typmods)
		if name == "timetz" || name == "timestamptz" {
			p.str(" with time zone")
		}
	default:
		p.names(t.Names)
		p.typmods(t.Typmods)
	}
	for _, b := range t.ArrayBounds {
		i := b.GetInteger()
		if i == nil {
			p.unknown(b)
			return
		}
		p.str("[")
		if i.Ival != -1 {
			p.int(int64(i.Ival))
		}
		p.str("]")
	}
}

func (p *printer) typmods(list []*pg.Node) {
	if len(list) == 0 {
		return
	}
	p.str("(")
	p.exprs(list)
	p.str(")")
}

// natural reports a constant that the grammar takes where it wants a plain number.
func natural(n *pg.Node) bool {
	c, ok := n.GetAConst().GetVal().(*pg.A_Const_Ival)
	return ok && c.Ival.Ival >= 0
}

// The bits of an interval's fields (utils/timestamp.h, INTERVAL_MASK).
const (
	monthBit     = 1 << 1
	yearBit      = 1 << 2
	dayBit       = 1 << 3
	hourBit      = 1 << 10
	minuteBit    = 1 << 11
	secondBit    = 1 << 12
	anyFieldBits = 0x7fff
)

var intervalFields = map[int32]string{
	yearBit: "year", monthBit: "month", dayBit: "day", hourBit: "hour", minuteBit: "minute", secondBit: "second",
	yearBit | monthBit:                       "year to month",
	dayBit | hourBit:                         "day to hour",
	dayBit | hourBit | minuteBit:             "day to minute",
	dayBit | hourBit | minuteBit | secondBit: "day to second",
	hourBit | minuteBit:                      "hour to minute",
	hourBit | minuteBit | secondBit:          "hour to second",
	minuteBit | secondBit:                    "minute to second",
}

// intervalParts reads an interval's modifiers: its fields in words, and its precision or -1.
func intervalParts(t *pg.TypeName) (fields string, precision int32, ok bool) {
	if len(t.Typmods) == 0 {
		return "", -1, true
	}
	c, isInt := t.Typmods[0].GetAConst().GetVal().(*pg.A_Const_Ival)
	if !isInt || len(t.Typmods) > 2 {
		return "", 0, false
	}
	if c.Ival.Ival != anyFieldBits {
		if fields, ok = intervalFields[c.Ival.Ival]; !ok {
			return "", 0, false
		}
	}
	if len(t.Typmods) == 1 {
		return fields, -1, fields != ""
	}
	d, isInt := t.Typmods[1].GetAConst().GetVal().(*pg.A_Const_Ival)
	if !isInt || d.Ival.Ival < 0 || fields != "" && c.Ival.Ival&secondBit == 0 {
		return "", 0, false
	}
	return fields, d.Ival.Ival, true
}

func (p *printer) interval(t *pg.TypeName) {
	fields, precision, ok := intervalParts(t)
	if !ok {
		p.names(t.Names)
		p.typmods(t.Typmods)
		return
	}
	p.str("interval")
	p.intervalTail(t.Typmods, fields, precision)
}

func (p *printer) intervalTail(typmods []*pg.Node, fields string, precision int32) {
	if fields != "" {
		p.str(" ")
		p.at(typmods[0].GetAConst().Location)
		p.str(fields)
	}
	if precision >= 0 {
		p.str("(")
		p.at(typmods[1].GetAConst().Location)
		p.int(int64(precision))
		p.str(")")
	}
}
