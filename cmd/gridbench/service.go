package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
)

// service is a running demo, reached as anybody reaches it.
type service struct {
	city.Demo
	client *http.Client
	dir    string // of a demo that this program started
}

// startDemo starts the demo district on a disk of its own, without its city, and
// answers it with the function that ends it. program is bin/gridpatrol.
func startDemo(ctx context.Context, program string) (*service, func() error, error) {
	if err := os.MkdirAll("var", 0o755); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("var", "bench-")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the database's own user must reach it
		return nil, nil, err
	}
	demo := exec.CommandContext(ctx, program, "demo", "--port=0", "--no-sim", "--data-dir="+dir)
	demo.Env = append(os.Environ(), "DATABASE_URL=")
	log, err := os.Create(filepath.Join(dir, "service.log"))
	if err != nil {
		return nil, nil, err
	}
	demo.Stdout, demo.Stderr = log, log
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	demo.Cancel = func() error { return demo.Process.Signal(syscall.SIGTERM) }
	demo.WaitDelay = time.Minute
	if err := demo.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the demo (make build makes it): %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- demo.Wait() }()
	stop := func() error {
		err := demo.Process.Signal(syscall.SIGTERM)
		if err == nil {
			err = <-ended
		}
		return errors.Join(err, log.Close(), os.RemoveAll(dir))
	}
	file := filepath.Join(dir, "demo.json")
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, nil, errors.Join(ctx.Err(), stop())
		case err := <-ended:
			text, _ := os.ReadFile(log.Name())
			return nil, nil, fmt.Errorf("the demo ended before it was up: %w\n%s", err, text)
		case <-tick.C:
			if _, err := os.Stat(file); err != nil {
				continue
			}
			s, err := openDemo(file)
			if err != nil {
				return nil, nil, errors.Join(err, stop())
			}
			s.dir = dir
			return s, stop, nil
		}
	}
}

// openDemo reaches a demo that runs already.
func openDemo(file string) (*service, error) {
	demo, err := city.ReadDemo(file)
	if err != nil {
		return nil, err
	}
	return &service{Demo: demo, client: &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}}}, nil
}

// call sends a JSON body, reads a JSON answer, and says which status came back.
func (s *service) call(ctx context.Context, token, method, path string, body, into any) (int, error) {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, in)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, err
	}
	if response.StatusCode/100 != 2 {
		return response.StatusCode, fmt.Errorf("%s %s: %d %.200s", method, path, response.StatusCode, text)
	}
	if into == nil {
		return response.StatusCode, nil
	}
	return response.StatusCode, json.Unmarshal(text, into)
}

// list reads all pages of a list.
func list[T any](ctx context.Context, s *service, path string) ([]T, error) {
	var out []T
	for cursor := ""; ; {
		var page struct {
			Items      []T     `json:"items"`
			NextCursor *string `json:"next_cursor"`
		}
		if _, err := s.call(ctx, s.AdminToken, http.MethodGet, path+"?limit=200&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.NextCursor == nil {
			return out, nil
		}
		cursor = *page.NextCursor
	}
}
