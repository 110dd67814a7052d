package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// maxJSON bounds a JSON body, in bytes; maxDepth how deep it nests.
const (
	maxJSON  = 1 << 20
	maxDepth = 16
)

// readJSON reads the body as the schema says into dst. An optional body that is
// empty leaves dst alone.
func (s *Server) readJSON(c echo.Context, schema string, optional bool, dst any) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return readError(err)
	}
	if optional && len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); err != nil || kind != echo.MIMEApplicationJSON {
		return refuse(http.StatusUnsupportedMediaType, "unsupported-media-type", "The body must be JSON; send Content-Type: application/json.")
	}
	return s.decode(body, schema, dst)
}

// errTooSlow is no answer to what the body holds: whoever keeps it sends it again.
var errTooSlow = refuse(http.StatusRequestTimeout, "too-slow", "The body did not arrive in time; send it again, with the same Idempotency-Key.")

// readError tells a body that is too large or broken off from our own trouble.
func readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTooSlow
	}
	return refuse(http.StatusBadRequest, "invalid", "The body ended too early; send it again.")
}

// decode checks bytes from outside against a schema and reads them into dst.
func (s *Server) decode(body []byte, schema string, dst any) error {
	value, err := parseJSON(body)
	if err != nil {
		return err
	}
	if fields := s.spec.check(schema, value); len(fields) > 0 {
		return invalid(fields...)
	}
	if err := json.Unmarshal(body, dst); err != nil {
		return invalid(FieldProblem{Pointer: "", Detail: err.Error()})
	}
	return nil
}

// parseJSON reads exactly one JSON value, refusing what later layers could not
// hold: bytes that are not UTF-8, U+0000 (PostgreSQL has no such text), numbers
// beyond float64, a name given twice, and nesting without end.
func parseJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, invalid(FieldProblem{Pointer: "", Detail: "must be UTF-8"})
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	value, err := parseValue(d, nil)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("holds more than one JSON value")
		}
	}
	var r *refusal
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return value, nil
	case errors.As(err, &r):
		return nil, r
	case errors.As(err, &syntax):
		return nil, invalid(FieldProblem{Pointer: "", Detail: fmt.Sprintf("is not JSON: %v at byte %d", syntax, syntax.Offset)})
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, invalid(FieldProblem{Pointer: "", Detail: "is not JSON: it ends too early"})
	default:
		return nil, invalid(FieldProblem{Pointer: "", Detail: "is not JSON: " + err.Error()})
	}
}

func parseValue(d *json.Decoder, path []string) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	wrong := func(detail string) error { return invalid(FieldProblem{Pointer: pointer(path...), Detail: detail}) }
	if len(path) > maxDepth {
		return nil, wrong(fmt.Sprintf("nests deeper than %d levels", maxDepth))
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			list := []any{}
			for i := 0; d.More(); i++ {
				v, err := parseValue(d, append(path, strconv.Itoa(i)))
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err := d.Token()
			return list, err
		}
		object := map[string]any{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the decoder lets nothing else be a key
			inner := append(path, name)
			if _, twice := object[name]; twice {
				return nil, invalid(FieldProblem{Pointer: pointer(inner...), Detail: "is given twice"})
			}
			if object[name], err = parseValue(d, inner); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return object, err
	case string:
		if strings.ContainsRune(t, 0) {
			return nil, wrong("must not hold the character U+0000")
		}
		return t, nil
	case json.Number:
		f, err := t.Float64()
		if err != nil || math.IsInf(f, 0) {
			return nil, wrong("is a number too large to hold")
		}
		return f, nil
	default:
		return t, nil // bool, nil
	}
}

// query reads query parameters and collects every fault before it answers.
type query struct {
	c      echo.Context
	faults []FieldProblem
}

func (q *query) wrong(name, detail string) {
	q.faults = append(q.faults, FieldProblem{Pointer: pointer("query", name), Detail: detail})
}

// err answers all that was wrong.
func (q *query) err() error {
	if len(q.faults) == 0 {
		return nil
	}
	return invalid(q.faults...)
}

// text answers a parameter, "" when it is not there.
func (q *query) text(name string) string {
	values := q.c.QueryParams()[name]
	if len(values) == 0 {
		return ""
	}
	switch v := values[0]; {
	case len(values) > 1:
		q.wrong(name, "is given more than once")
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		q.wrong(name, "must be UTF-8 without U+0000")
	case len(v) > 512:
		q.wrong(name, "must have 512 bytes or fewer")
	default:
		return v
	}
	return ""
}

func (q *query) number(name string, low, high float64) (v float64, given bool) {
	text := q.text(name)
	if text == "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		q.wrong(name, "must be a number")
		return 0, false
	}
	if v < low || v > high {
		q.wrong(name, fmt.Sprintf("must be %g to %g", low, high))
		return 0, false
	}
	return v, true
}

func (q *query) whole(name string, low, high, otherwise int) int {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < low || v > high {
		q.wrong(name, fmt.Sprintf("must be a whole number %d to %d", low, high))
		return otherwise
	}
	return v
}

// flag answers nil when the parameter is not there.
func (q *query) flag(name string) *bool {
	switch text := q.text(name); text {
	case "":
		return nil
	case "true", "false":
		yes := text == "true"
		return &yes
	}
	q.wrong(name, "must be true or false")
	return nil
}

// moment answers nil when the parameter is not there.
func (q *query) moment(name string) *time.Time {
	text := q.text(name)
	if text == "" {
		return nil
	}
	// A plus sign of a zone, sent unescaped, arrives as a space.
	t, err := parseTime(strings.ReplaceAll(text, " ", "+"))
	if err != nil {
		q.wrong(name, err.Error())
		return nil
	}
	return &t
}

// oneOf answers a word of a list, "" when the parameter is not there.
func (q *query) oneOf(name string, words ...string) string {
	text := q.text(name)
	if text != "" && !slices.Contains(words, text) {
		q.wrong(name, "must be one of "+strings.Join(words, ", "))
		return ""
	}
	return text
}

func (q *query) crs() geo.CRS {
	crs, err := geo.ParseCRS(q.text("crs"))
	if err != nil {
		q.wrong("crs", "must be one of wgs84, gcj02, bd09, cgcs2000")
	}
	return crs
}

// point reads lon and lat as they were sent; whoever takes them converts them.
func (q *query) point() geo.Point {
	lon, hasLon := q.degrees("lon")
	lat, hasLat := q.degrees("lat")
	if !hasLon || !hasLat {
		return geo.Point{}
	}
	return q.checked("lat", geo.Point{Lon: lon, Lat: lat})
}

func (q *query) degrees(name string) (float64, bool) {
	if q.text(name) == "" {
		q.wrong(name, "is missing")
		return 0, false
	}
	return q.number(name, -360, 360)
}

// pair reads "lon,lat" and converts it.
func (q *query) pair(name string, crs geo.CRS) geo.Point {
	text := q.text(name)
	if text == "" {
		q.wrong(name, "is missing; give lon,lat such as 121.38,28.58")
		return geo.Point{}
	}
	west, east, ok := strings.Cut(text, ",")
	lon, err1 := strconv.ParseFloat(strings.TrimSpace(west), 64)
	lat, err2 := strconv.ParseFloat(strings.TrimSpace(east), 64)
	if !ok || err1 != nil || err2 != nil {
		q.wrong(name, "must be lon,lat such as 121.38,28.58")
		return geo.Point{}
	}
	return geo.ToWGS84(q.checked(name, geo.Point{Lon: lon, Lat: lat}), crs)
}

func (q *query) checked(name string, p geo.Point) geo.Point {
	if err := p.Check(); err != nil {
		q.wrong(name, err.Error())
		return geo.Point{}
	}
	return p
}

var categoryCode = regexp.MustCompile(`^[A-Z][0-9]{2}$`)

func (q *query) category(name string) string {
	text := q.text(name)
	if text != "" && !categoryCode.MatchString(text) {
		q.wrong(name, "must be a category's code such as B01")
		return ""
	}
	return text
}

// page reads limit and cursor.
func (q *query) page(most, otherwise int) (limit int, cursor string) {
	return q.whole("limit", 1, most, otherwise), q.text("cursor")
}

// older reads limit and the cursor of a list that begins with the newest identifier:
// what comes must be before it.
func (q *query) older(most, otherwise int) (limit int, before uuid.UUID) {
	limit, cursor := q.page(most, otherwise)
	if cursor == "" {
		return limit, uuid.Max
	}
	before, err := uuid.Parse(cursor)
	if err != nil {
		q.wrong("cursor", "is no cursor that this list answered")
	}
	return limit, before
}

// pageOf cuts such a list, of which one more than limit was asked for, to a page and
// the cursor of the next.
func pageOf[T any](found []T, limit int, id func(T) uuid.UUID) (page []T, next *string) {
	if len(found) <= limit {
		return found, nil
	}
	cursor := id(found[limit-1]).String()
	return found[:limit], &cursor
}

// pathID reads an identifier from the path. One that is no UUID names nothing, so
// it is not found.
func pathID[K any](c echo.Context, name string, id *dispatch.ID[K]) error {
	text := c.Param(name)
	u, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return errNotFound
	}
	id.UUID = u
	return nil
}

// answer writes a value as JSON. Answers are about people and places, so nothing
// on the way keeps a copy.
func answer(c echo.Context, status int, value any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(status, value)
}

// list is a whole list in one answer.
type list[T any] struct {
	Items []T `json:"items"`
}

// some makes an empty list of none, so that it is [] and not null.
func some[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
