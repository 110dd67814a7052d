//go:build !race

// The race detector needs more memory than a copying process may have, so what
// measures its bounds runs without; scripts/test does that.

package copier

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The largest that Inspect takes can be opened within the process's bounds.
func TestTheLargestFits(t *testing.T) {
	t.Parallel()
	deep := image.NewNRGBA64(image.Rect(0, 0, 8000, 6250)) // 400 MB opened
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, deep); err != nil {
		t.Fatal(err)
	}
	copies, err := New(Config{}).Copies(t.Context(), b.Bytes(), true)
	if err != nil || copies[0].Width != 2048 {
		t.Errorf("50 megapixels of 16 bits: %v", err)
	}
}

// The bounds hold whatever a decoder does: this test is its own process.
func TestTheProcessIsConfined(t *testing.T) {
	t.Parallel()
	const asked = "GRIDPATROL_TEST_CONFINED"
	arg := os.Getenv(asked)
	if arg == "" {
		for _, arg := range []string{watchedArg, unwatchedArg} {
			process := exec.Command("/proc/self/exe", "-test.run=^TestTheProcessIsConfined$")
			process.Env = append(os.Environ(), asked+"="+arg)
			out, err := process.CombinedOutput()
			// How the runtime dies of it is chance; that it did not get what it asked for is not.
			_, after, confined := bytes.Cut(out, []byte("confined\n"))
			if err == nil || !confined || bytes.HasPrefix(after, []byte("greedy")) {
				t.Errorf("%s: %v: %.300s", arg, err, out)
			}
		}
		return
	}
	if err := confine(arg == watchedArg); err != nil {
		t.Fatal(err)
	}
	got, err := unix.SchedGetAttr(0, 0)
	switch {
	case err != nil:
		t.Fatal(err)
	case arg == watchedArg && (got.Policy != unix.SCHED_NORMAL || got.Nice != niceness),
		arg != watchedArg && got.Policy != unix.SCHED_IDLE: // where how nice the test itself is counts for nothing
		t.Fatalf("priority %+v", got)
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), "file"), []byte("x"), 0o600); err == nil {
		t.Fatal("it may write files")
	}
	fmt.Println("confined")
	greed := make([]byte, maxData+1)
	fmt.Println("greedy", len(greed))
}
