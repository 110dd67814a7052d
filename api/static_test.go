package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

func TestWhatIsZippedIsWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1024, 50_000, 1_100_000} {
		body := bytes.Repeat([]byte("let patrol = 7;\n"), size/16+1)[:size]
		zipped, err := zip(body, gzip.DefaultCompression)
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body) {
			t.Errorf("%d bytes come back as %d: %v", size, len(back), err)
		}
	}
}
