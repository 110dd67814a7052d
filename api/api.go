// Package api is the door: it decodes and checks what comes in over HTTP, calls
// one method of the core, and encodes the answer.
//
// openapi.yaml is the whole description; the types in openapi.gen.go are
// generated from it, and every JSON body is checked against it before a handler
// sees it. Nothing here decides: who may do what is dispatch/policy, who goes is
// dispatch.
package api

//go:generate go tool oapi-codegen -config oapi-codegen.yaml openapi.yaml
