package api

import (
	"bytes"
	_ "embed" // openapi.yaml
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

//go:embed openapi.yaml
var openapiYAML []byte

// spec is the description, read once: what bodies are checked against, and what
// /openapi.json and /docs show.
type spec struct {
	doc  *openapi3.T
	json []byte
}

// Description is openapi.yaml.
func Description() []byte { return bytes.Clone(openapiYAML) }

var described = sync.OnceValues(loadSpec)

// CheckSchema answers what is wrong with a JSON value, held against a schema of
// the description.
func CheckSchema(schema string, body []byte) error {
	s, err := described()
	if err != nil {
		return err
	}
	if s.doc.Components.Schemas[schema] == nil {
		return fmt.Errorf("there is no schema %q", schema)
	}
	value, err := parseJSON(body)
	if err != nil {
		return err
	}
	if fields := s.check(schema, value); len(fields) > 0 {
		return invalid(fields...)
	}
	return nil
}

func loadSpec() (*spec, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(openapiYAML)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("check openapi.yaml: %w", err)
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write openapi.json: %w", err)
	}
	return &spec{doc: doc, json: text}, nil
}

// words are the values of an enumeration.
func (s *spec) words(schema string) []string {
	values := s.doc.Components.Schemas[schema].Value.Enum
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

func (s *spec) isWord(schema, word string) bool { return slices.Contains(s.words(schema), word) }

// formats are the string formats a body is held to; the schemas name them.
var formats = map[string]openapi3.StringFormatValidator{
	"uuid": openapi3.NewCallbackValidator(func(s string) error {
		if len(s) != 36 {
			return errors.New("must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
		}
		if _, err := uuid.Parse(s); err != nil {
			return errors.New("must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
		}
		return nil
	}),
	"date-time": openapi3.NewCallbackValidator(func(s string) error {
		_, err := parseTime(s)
		return err
	}),
}

// parseTime reads RFC 3339 and refuses years a database would choke on.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, errors.New("must be a time with a zone such as 2026-05-03T21:40:00+08:00")
	}
	return t, nil
}

// check holds a decoded JSON value against a schema of the description.
func (s *spec) check(schema string, value any) []FieldProblem {
	ref := s.doc.Components.Schemas[schema]
	err := ref.Value.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsRequest(),
		openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidators(formats))
	return fieldProblems(err, nil)
}

func fieldProblems(err error, out []FieldProblem) []FieldProblem {
	var many openapi3.MultiError
	var one *openapi3.SchemaError
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, e := range many {
			out = fieldProblems(e, out)
		}
	case errors.As(err, &one):
		out = append(out, fieldProblem(one))
	default:
		out = append(out, FieldProblem{Pointer: "", Detail: err.Error()})
	}
	return out
}

// fieldProblem says what a person should do about a field.
func fieldProblem(e *openapi3.SchemaError) FieldProblem {
	path, detail := e.JSONPointer(), e.Reason
	schema := e.Schema
	switch e.SchemaField {
	case "properties":
		if name, ok := quoted(e.Reason); ok {
			path, detail = append(path, name), "unknown field; remove it"
			if known := knownFields(schema); known != "" {
				detail = "unknown field; this takes " + known
			}
		}
	case "required":
		detail = "is missing"
	case "type":
		detail = "must be " + article(schema.Type.Slice())
	case "enum":
		detail = "must be one of " + joined(schema.Enum)
	case "pattern":
		detail = "must match " + schema.Pattern
	case "minimum":
		detail = fmt.Sprintf("must be %g or more", *schema.Min)
	case "maximum":
		detail = fmt.Sprintf("must be %g or less", *schema.Max)
	case "minLength":
		detail = fmt.Sprintf("must have %d characters or more", schema.MinLength)
	case "maxLength":
		detail = fmt.Sprintf("must have %d characters or fewer", *schema.MaxLength)
	case "maxItems":
		detail = fmt.Sprintf("must have %d items or fewer", *schema.MaxItems)
	case "format":
		if v, ok := formats[schema.Format]; ok {
			if text, ok := e.Value.(string); ok {
				if err := v.Validate(text); err != nil {
					detail = err.Error()
				}
			}
		}
	case "nullable":
		detail = "must not be null"
	}
	return FieldProblem{Pointer: pointer(path...), Detail: detail}
}

// pointer writes RFC 6901.
func pointer(path ...string) string {
	var b strings.Builder
	for _, part := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return b.String()
}

// quoted takes the name out of `property "x" is unsupported`.
func quoted(reason string) (string, bool) {
	_, rest, ok := strings.Cut(reason, `"`)
	end := strings.LastIndexByte(rest, '"')
	if !ok || end < 0 {
		return "", false
	}
	var name string
	if err := json.Unmarshal([]byte(`"`+rest[:end]+`"`), &name); err != nil {
		name = rest[:end]
	}
	return name, true
}

func knownFields(schema *openapi3.Schema) string {
	names := make([]any, 0, len(schema.Properties))
	for _, name := range sortedKeys(schema.Properties) {
		names = append(names, name)
	}
	return joined(names)
}

func article(types []string) string {
	switch t := strings.Join(types, " or "); t {
	case "array", "integer", "object":
		return "an " + t
	default:
		return "a " + t
	}
}

func joined(values []any) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}
