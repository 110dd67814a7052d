package api

import (
	"io"
	"net/http"
	"sync/atomic"
)

// maxUploads is what the photos of all reports under way may take in memory. Eight
// reports of the largest kind fit, or two hundred of the common kind.
const maxUploads = 512 << 20

// uploads counts the bytes of photos that are held while their reports are read
// and filed, over all requests. Whoever comes when it is full tries again later;
// a slow sender holds only what has arrived.
type uploads struct {
	most  int64
	taken atomic.Int64
	way   crossing
}

// holding is one request's share.
type holding struct {
	of    *uploads
	bytes int64 // only its request's goroutine touches it
}

func (u *uploads) hold() *holding { return &holding{of: u} }

func (h *holding) release() {
	h.of.taken.Add(-h.bytes)
	h.bytes = 0
}

// reader counts what is read against the share.
func (h *holding) reader(r io.Reader) io.Reader { return heldReader{h, r} }

type heldReader struct {
	h *holding
	r io.Reader
}

func (r heldReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.h.bytes += int64(n)
	if r.h.of.taken.Add(int64(n)) > r.h.of.most {
		return n, refuse(http.StatusServiceUnavailable, "busy",
			"Too many photos are arriving at once; try again in a moment, with the same Idempotency-Key.").with("Retry-After", "5")
	}
	return n, err
}
