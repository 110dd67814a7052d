package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // docs.css
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed docs.css
var docsCSS string

// docsPage is the description for people: one plain page, made once from the
// spec, without a script and without another host.
type docsPage struct {
	html      []byte
	styleHash string
}

var docsTemplate = template.Must(template.New("docs").Funcs(template.FuncMap{
	"lower": strings.ToLower, "type": typeName,
}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>gridpatrol API</title><style>{{.CSS}}</style>
<header><h1>{{.Doc.Info.Title}} <small>API {{.Doc.Info.Version}}</small></h1>
<p>Machine-readable: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a></p>
{{range .Intro}}<p>{{.}}</p>{{end}}</header>
<main><h2>Doors</h2>
{{range .Doors}}<section id="{{.ID}}"><h3><b class="{{lower .Method}}">{{.Method}}</b> <code>{{.Path}}</code></h3>
<p>{{.Summary}}{{if .Open}} <i>(nobody need sign in)</i>{{end}}</p>{{if .Text}}<p>{{.Text}}</p>{{end}}
{{if .Parameters}}<table><tr><th>parameter<th>in<th>type<th>about</tr>
{{range .Parameters}}<tr><td><code>{{.Name}}</code>{{if .Required}} *{{end}}<td>{{.In}}<td>{{type .Schema}}<td>{{.Description}}</tr>{{end}}</table>{{end}}
{{range .Takes}}<p>takes {{.Kind}} {{.Type}}</p>{{end}}
{{range .Answers}}<p>answers {{.Status}} {{.Kind}} {{.Type}} {{.Text}}</p>{{end}}</section>
{{end}}<h2>Types</h2>
{{range .Types}}<section id="type-{{.Name}}"><h3>{{.Name}}</h3>{{if .Text}}<p>{{.Text}}</p>{{end}}{{if .Words}}<p>{{.Words}}</p>{{end}}
{{if .Fields}}<table>{{range .Fields}}<tr><td><code>{{.Name}}</code>{{if .Required}} *{{end}}<td>{{type .Schema}}<td>{{.Text}}</tr>{{end}}</table>{{end}}</section>
{{end}}</main></html>
`))

type docsDoor struct {
	ID, Method, Path, Summary, Text string
	Open                            bool
	Parameters                      []*openapi3.Parameter
	Takes, Answers                  []docsBody
}

type docsBody struct {
	Status, Kind, Text string
	Type               template.HTML
}

type docsType struct {
	Name, Text, Words string
	Fields            []docsField
}

type docsField struct {
	Name, Text string
	Required   bool
	Schema     *openapi3.SchemaRef
}

func renderDocs(doc *openapi3.T) (docsPage, error) {
	sum := sha256.Sum256([]byte(docsCSS))
	var doors []docsDoor
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Find(path)
		for _, method := range sortedKeys(item.Operations()) {
			doors = append(doors, doorOf(path, method, item, item.Operations()[method]))
		}
	}
	var types []docsType
	for _, name := range sortedKeys(doc.Components.Schemas) {
		types = append(types, typeOf(name, doc.Components.Schemas[name].Value))
	}
	var out bytes.Buffer
	err := docsTemplate.Execute(&out, map[string]any{
		"CSS": template.CSS(docsCSS), "Doc": doc, "Doors": doors, "Types": types,
		"Intro": strings.Split(strings.TrimSpace(doc.Info.Description), "\n\n"),
	})
	if err != nil {
		return docsPage{}, fmt.Errorf("render the API's page: %w", err)
	}
	return docsPage{html: out.Bytes(), styleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:])}, nil
}

func doorOf(path, method string, item *openapi3.PathItem, op *openapi3.Operation) docsDoor {
	door := docsDoor{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Text: op.Description,
		Open: op.Security != nil && len(*op.Security) == 0}
	for _, refs := range []openapi3.Parameters{item.Parameters, op.Parameters} {
		for _, p := range refs {
			door.Parameters = append(door.Parameters, p.Value)
		}
	}
	if op.RequestBody != nil {
		for _, kind := range sortedKeys(op.RequestBody.Value.Content) {
			door.Takes = append(door.Takes, docsBody{Kind: kind, Type: typeName(op.RequestBody.Value.Content[kind].Schema)})
		}
	}
	answers := op.Responses.Map()
	for _, status := range sortedKeys(answers) {
		answer := answers[status].Value
		body := docsBody{Status: status}
		if answer.Description != nil {
			body.Text = *answer.Description
		}
		for _, kind := range sortedKeys(answer.Content) {
			body.Kind, body.Type = kind, typeName(answer.Content[kind].Schema)
		}
		door.Answers = append(door.Answers, body)
	}
	return door
}

func typeOf(name string, schema *openapi3.Schema) docsType {
	t := docsType{Name: name, Text: schema.Description}
	if len(schema.Enum) > 0 {
		t.Words = joined(schema.Enum)
	}
	required := map[string]bool{}
	for _, field := range schema.Required {
		required[field] = true
	}
	for _, field := range sortedKeys(schema.Properties) {
		ref := schema.Properties[field]
		t.Fields = append(t.Fields, docsField{Name: field, Text: ref.Value.Description, Required: required[field], Schema: ref})
	}
	return t
}

// typeName names a schema, with a link where it has a name of its own.
func typeName(ref *openapi3.SchemaRef) template.HTML {
	if ref == nil {
		return ""
	}
	if name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/"); ok {
		escaped := template.HTMLEscapeString(name)
		return template.HTML(`<a href="#type-` + escaped + `">` + escaped + `</a>`)
	}
	schema := ref.Value
	suffix := ""
	if schema.Nullable {
		suffix = " or null"
	}
	switch {
	case len(schema.AllOf) == 1:
		return typeName(schema.AllOf[0]) + template.HTML(suffix)
	case schema.Items != nil:
		return "list of " + typeName(schema.Items) + template.HTML(suffix)
	case len(schema.Enum) > 0:
		return template.HTML(template.HTMLEscapeString(joined(schema.Enum)) + suffix)
	}
	text := strings.Join(schema.Type.Slice(), " or ")
	if schema.Format != "" {
		text += " (" + schema.Format + ")"
	}
	return template.HTML(template.HTMLEscapeString(text) + suffix)
}
