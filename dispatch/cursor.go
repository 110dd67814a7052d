package dispatch

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// codeCursor opens every cursor of a list by code, so that nonsense is not taken
// for a position in it.
const codeCursor = "after:"

// CursorAfter is the cursor of the rows of a list by code that come after one.
func CursorAfter(code string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(codeCursor + code))
}

// After reads what CursorAfter wrote; no cursor is the beginning of the list.
func (a PageAsk) After() (code string, err error) {
	if a.Cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(a.Cursor)
	code, ok := strings.CutPrefix(string(text), codeCursor)
	if err != nil || !ok || code == "" || !utf8.ValidString(code) || strings.ContainsRune(code, 0) {
		return "", BadCursor()
	}
	return code, nil
}

// BadCursor is the fault of a cursor that no list has answered.
func BadCursor() error {
	const detail = "must be next_cursor as this list answered it; leave it out to begin again"
	return &Fault{Kind: Invalid, Code: "bad-cursor", Detail: "The cursor " + detail + ".",
		Fields: []FieldFault{{Pointer: "/query/cursor", Detail: detail}}}
}
