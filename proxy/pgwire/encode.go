package pgwire

import (
	"encoding/binary"
)

// Append appends a message with this body.
func Append(dst []byte, typ byte, body ...byte) []byte {
	dst = append(dst, typ)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)+4))
	return append(dst, body...)
}

// AppendString appends a NUL-terminated string to a body.
func AppendString(dst []byte, s string) []byte { return append(append(dst, s...), 0) }

// AppendReady appends ReadyForQuery with a transaction status: 'I', 'T' or 'E'.
func AppendReady(dst []byte, status byte) []byte { return Append(dst, MsgReady, status) }

// AppendParameterStatus appends ParameterStatus.
func AppendParameterStatus(dst []byte, name, value string) []byte {
	return Append(dst, MsgParameterStatus, AppendString(AppendString(nil, name), value)...)
}

// AppendBackendKeyData appends BackendKeyData.
func AppendBackendKeyData(dst []byte, key CancelKey) []byte {
	body := binary.BigEndian.AppendUint32(nil, key.Process)
	return Append(dst, MsgBackendKeyData, binary.BigEndian.AppendUint32(body, key.Secret)...)
}

// AppendNegotiateVersion appends NegotiateProtocolVersion: 3.0 is the newest, and these options are not known.
func AppendNegotiateVersion(dst []byte, options []string) []byte {
	body := binary.BigEndian.AppendUint32(nil, Version3)
	body = binary.BigEndian.AppendUint32(body, uint32(len(options)))
	for _, o := range options {
		body = AppendString(body, o)
	}
	return Append(dst, MsgNegotiateVersion, body...)
}

// The kinds of Authentication messages that are sent here (Postgres manual, "Message Formats").
const (
	authOK           = 0
	authSASL         = 10
	authSASLContinue = 11
	authSASLFinal    = 12
)

// AppendAuthOK appends AuthenticationOk.
func AppendAuthOK(dst []byte) []byte { return appendAuth(dst, authOK, nil) }

// AppendAuthSASL appends AuthenticationSASL.
func AppendAuthSASL(dst []byte, mechanisms []string) []byte {
	var body []byte
	for _, m := range mechanisms {
		body = AppendString(body, m)
	}
	return appendAuth(dst, authSASL, append(body, 0))
}

// AppendAuthSASLContinue appends AuthenticationSASLContinue.
func AppendAuthSASLContinue(dst, data []byte) []byte { return appendAuth(dst, authSASLContinue, data) }

// AppendAuthSASLFinal appends AuthenticationSASLFinal.
func AppendAuthSASLFinal(dst, data []byte) []byte { return appendAuth(dst, authSASLFinal, data) }

func appendAuth(dst []byte, kind uint32, data []byte) []byte {
	return Append(dst, MsgAuthentication, append(binary.BigEndian.AppendUint32(nil, kind), data...)...)
}

// AppendQuery appends Query.
func AppendQuery(dst []byte, sql string) []byte {
	return Append(dst, MsgQuery, AppendString(nil, sql)...)
}

// AppendParse appends Parse.
func AppendParse(dst []byte, name, sql string, types []uint32) []byte {
	body := make([]byte, 0, len(name)+len(sql)+4+4*len(types))
	body = AppendString(AppendString(body, name), sql)
	body = binary.BigEndian.AppendUint16(body, uint16(len(types)))
	for _, oid := range types {
		body = binary.BigEndian.AppendUint32(body, oid)
	}
	return Append(dst, MsgParse, body...)
}

// The things that Describe and Close name.
const (
	Statement = 'S'
	Portal    = 'P'
)

// AppendDescribe appends Describe of a statement or portal.
func AppendDescribe(dst []byte, kind byte, name string) []byte {
	return appendTarget(dst, MsgDescribe, kind, name)
}

// AppendClose appends Close of a statement or portal.
func AppendClose(dst []byte, kind byte, name string) []byte {
	return appendTarget(dst, MsgClose, kind, name)
}

func appendTarget(dst []byte, typ, kind byte, name string) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, typ), uint32(4+1+len(name)+1))
	return AppendString(append(dst, kind), name)
}

// AppendBind appends Bind without parameters, results in text.
func AppendBind(dst []byte, portal, statement string) []byte {
	body := AppendString(AppendString(nil, portal), statement)
	return Append(dst, MsgBind, append(body, 0, 0, 0, 0, 0, 0)...)
}

// AppendExecute appends Execute; rows 0 means all.
func AppendExecute(dst []byte, portal string, rows uint32) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, MsgExecute), uint32(4+len(portal)+1+4))
	return binary.BigEndian.AppendUint32(AppendString(dst, portal), rows)
}

// AppendSync appends Sync.
func AppendSync(dst []byte) []byte { return Append(dst, MsgSync) }

// AppendFlush appends Flush.
func AppendFlush(dst []byte) []byte { return Append(dst, MsgFlush) }

// Field is one field of an ErrorResponse.
type Field struct {
	Code  byte
	Value string
}

// AppendError appends ErrorResponse; empty fields are left out.
func AppendError(dst []byte, fields ...Field) []byte {
	var body []byte
	for _, f := range fields {
		if f.Value != "" {
			body = AppendString(append(body, f.Code), f.Value)
		}
	}
	return Append(dst, MsgError, append(body, 0)...)
}

// TrimParameters shortens the body of a ParameterDescription to its first n parameters.
func TrimParameters(body []byte, n int) ([]byte, error) {
	if len(body) < 2 {
		return nil, ErrInsufficient
	}
	count := int(binary.BigEndian.Uint16(body))
	if len(body) != 2+4*count || count < n {
		return nil, ErrFormat
	}
	trimmed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+4*n), uint16(n))
	return append(trimmed, body[2:2+4*n]...), nil
}
