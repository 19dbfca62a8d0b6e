package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names are the server's messages (Postgres manual, "Message Formats") by what scripts and transcripts call them.
var names = map[string]byte{
	"Authentication": 'R', "BackendKeyData": 'K', "BindComplete": '2', "CloseComplete": '3', "CommandComplete": 'C',
	"CopyData": 'd', "CopyDone": 'c', "CopyInResponse": 'G', "CopyOutResponse": 'H', "DataRow": 'D',
	"EmptyQueryResponse": 'I', "ErrorResponse": 'E', "FunctionCallResponse": 'V', "NegotiateProtocolVersion": 'v',
	"NoData": 'n', "NoticeResponse": 'N', "NotificationResponse": 'A', "ParameterDescription": 't',
	"ParameterStatus": 'S', "ParseComplete": '1', "PortalSuspended": 's', "ReadyForQuery": 'Z', "RowDescription": 'T',
}

func nameOf(kind byte) string {
	for name, k := range names {
		if k == kind {
			return name
		}
	}
	return fmt.Sprintf("message 0x%02x", kind)
}

// render writes a server message as one line. Process ids and keys, the nonce of SCRAM and the lines of Postgres's
// source that raised an error are left out: they differ from run to run and from version to version.
func render(kind byte, body []byte) string {
	r := reader{rest: body}
	var fields string
	switch kind {
	case 'K', 'A':
	case 'R':
		fields = renderAuthentication(&r)
	case 'Z':
		fields = string(r.take(1))
	case 'C':
		fields = strconv.Quote(r.string())
	case 'S':
		fields = r.string() + "=" + r.string()
	case 'T':
		fields = renderColumns(&r)
	case 'D':
		fields = renderRow(&r)
	case 't':
		var oids []string
		for range r.int16() {
			oids = append(oids, strconv.Itoa(int(r.int32())))
		}
		fields = "(" + strings.Join(oids, " ") + ")"
	case 'E', 'N':
		fields = renderError(&r)
	case 'v':
		version := r.int32()
		fields = fmt.Sprintf("%d.%d", version>>16, version&0xffff)
		for range r.int32() {
			fields += " " + r.string()
		}
	case '1', '2', '3', 'n', 's', 'I', 'c':
	default:
		fields = hex.EncodeToString(r.take(len(r.rest)))
	}
	line := strings.TrimSpace(nameOf(kind) + " " + fields)
	if kind != 'K' && kind != 'A' && (r.short || len(r.rest) > 0) {
		line += " MALFORMED " + hex.EncodeToString(body)
	}
	return line
}

func renderAuthentication(r *reader) string {
	switch code := r.int32(); code {
	case 0:
		return "ok"
	case 10:
		text := "SASL"
		for len(r.rest) > 1 {
			text += " " + r.string()
		}
		r.take(1)
		return text
	default:
		r.take(len(r.rest))
		return strconv.Itoa(int(code))
	}
}

func renderColumns(r *reader) string {
	var columns []string
	for range r.int16() {
		name := r.string()
		table, attribute := r.int32(), r.int16()
		oid, length, modifier, format := r.int32(), r.int16(), r.int32(), r.int16()
		columns = append(columns, fmt.Sprintf("%q table=%d.%d type=%d len=%d mod=%d format=%d",
			name, table, attribute, oid, length, modifier, format))
	}
	return "[" + strings.Join(columns, "; ") + "]"
}

func renderRow(r *reader) string {
	var values []string
	for range r.int16() {
		length := r.int32()
		if length < 0 {
			values = append(values, "NULL")
			continue
		}
		value := r.take(int(length))
		if printable(value) {
			values = append(values, strconv.Quote(string(value)))
		} else {
			values = append(values, "0x"+hex.EncodeToString(value))
		}
	}
	return "(" + strings.Join(values, ", ") + ")"
}

func printable(b []byte) bool {
	for _, c := range string(b) {
		if c == utf8.RuneError || !unicode.IsPrint(c) && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// errorFields are the fields of ErrorResponse and NoticeResponse that are compared, in order of appearance.
var errorFields = map[byte]string{
	'S': "", 'C': "", 'M': "", 'V': "nonlocalized", 'D': "detail", 'H': "hint", 'P': "position", 'p': "internal-position",
	'q': "internal-query", 'W': "where", 's': "schema", 't': "table", 'c': "column", 'd': "type", 'n': "constraint",
}

func renderError(r *reader) string {
	var words []string
	for !r.short {
		field := r.take(1)
		if len(field) == 0 || field[0] == 0 {
			break
		}
		value := r.string()
		label, ok := errorFields[field[0]]
		switch {
		case field[0] == 'F' || field[0] == 'L' || field[0] == 'R':
		case !ok:
			words = append(words, fmt.Sprintf("%c=%q", field[0], value))
		case field[0] == 'M':
			words = append(words, strconv.Quote(value))
		case label == "":
			words = append(words, value)
		default:
			words = append(words, fmt.Sprintf("%s=%q", label, value))
		}
	}
	return strings.Join(words, " ")
}

// reader takes a message body apart; short says that it ended too early.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.short = true
		n = len(r.rest)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) int16() int16 {
	if b := r.take(2); len(b) == 2 {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); len(b) == 4 {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) string() string {
	for i, c := range r.rest {
		if c == 0 {
			s := string(r.rest[:i])
			r.rest = r.rest[i+1:]
			return s
		}
	}
	r.short = true
	return ""
}
