package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "demo.json")
	for name, row := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":            {[]string{"--help"}, 0, ""},
		"no demo file":    {nil, 2, "--demo"},
		"unknown flag":    {[]string{"--demo", missing, "--nonsense"}, 2, "nonsense"},
		"missing file":    {[]string{"--demo", missing}, 2, "demo.json"},
		"not a number":    {[]string{"--demo", missing, "--devices", "many"}, 2, "devices"},
		"broken duration": {[]string{"--demo", missing, "--duration", "soon"}, 2, "duration"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), row.args, &stdout, &stderr); code != row.code || !strings.Contains(stderr.String(), row.says) {
			t.Errorf("%s: exit %d, says %q; want %d and %q", name, code, stderr.String(), row.code, row.says)
		}
	}
}
