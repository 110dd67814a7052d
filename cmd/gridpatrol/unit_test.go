package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The unit of systemd starts a command there is, gives it longer to stop than it
// takes, and, where systemd is at hand, is one that it accepts.
func TestUnitOfSystemd(t *testing.T) {
	t.Parallel()
	unit := read(t, operations+"gridpatrol.service")
	setting := func(name string) string {
		for line := range strings.Lines(unit) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
				return value
			}
		}
		t.Fatalf("the unit does not set %s", name)
		return ""
	}
	program, command, _ := strings.Cut(setting("ExecStart"), " ")
	if fault := knownCommand(command); fault != "" || program != "/usr/local/bin/gridpatrol" {
		t.Errorf("ExecStart is %s %s: %s", program, command, fault)
	}
	if stop, err := time.ParseDuration(setting("TimeoutStopSec") + "s"); err != nil || stop <= stopWithin {
		t.Errorf("TimeoutStopSec is %v (%v), and stopping may take %v", stop, err, stopWithin)
	}
	if setting("RestartPreventExitStatus") != "2" || exitUsage != 2 {
		t.Error("a configuration that cannot work would be tried again and again")
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed; the unit was only read")
		return
	}
	// It wants the program to be there.
	copied := filepath.Join(t.TempDir(), "gridpatrol.service")
	if err := os.WriteFile(copied, []byte(strings.Replace(unit, program+" ", "/bin/true ", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
