// Package apitest holds every answer of the service against its description, so
// that no test can pass on an answer that the description does not allow.
package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/gridpatrol/gridpatrol/api"
)

// description is the router over openapi.yaml, made once.
var description = sync.OnceValues(func() (routers.Router, error) {
	for _, kind := range []string{"application/vnd.mapbox-vector-tile", "image/jpeg", "image/png", "image/webp", "text/html"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.PlainBodyDecoder)
	}
	doc, err := openapi3.NewLoader().LoadFromData(api.Description())
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// Check answers what is wrong with an answer: an undescribed address that is not
// refused, a status, header, type or body that the description does not have.
// The response's body is read and put back.
func Check(r *http.Request, response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	router, err := description()
	if err != nil {
		return fmt.Errorf("read the description: %w", err)
	}
	asked := r.Clone(context.Background())
	asked.Body = http.NoBody
	asked.URL.Scheme, asked.URL.Host = "http", "localhost"
	asked.Host = "localhost"
	route, params, err := router.FindRoute(asked)
	if err != nil {
		return checkUndescribed(asked, response, body)
	}
	if response.StatusCode >= 400 && !strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
		return fmt.Errorf("a refusal is %q, want application/problem+json", response.Header.Get("Content-Type"))
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 response.StatusCode,
		Header:                 response.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
}

// checkUndescribed lets pages pass, and problems that read like any other.
func checkUndescribed(r *http.Request, response *http.Response, body []byte) error {
	if response.StatusCode < 400 {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			return fmt.Errorf("%s %s is answered %d and not described", r.Method, r.URL.Path, response.StatusCode)
		}
		return nil
	}
	if r.Method == http.MethodHead {
		return nil
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" {
		return fmt.Errorf("a refusal is %q: %.100s", kind, body)
	}
	return api.CheckSchema("Problem", body)
}

// Transport checks every answer that passes through it and fails the test where
// one is wrong.
func Transport(t testing.TB, base http.RoundTripper) http.RoundTripper {
	return transport{t, base}
}

type transport struct {
	t    testing.TB
	base http.RoundTripper
}

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := tr.base.RoundTrip(r)
	if err != nil || response.StatusCode == http.StatusSwitchingProtocols {
		return response, err
	}
	if err := Check(r, response); err != nil {
		tr.t.Errorf("%s %s: the answer is not as described: %v", r.Method, r.URL.Path, err)
	}
	return response, nil
}
