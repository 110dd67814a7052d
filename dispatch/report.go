package dispatch

import (
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// ReportDraft is a report as it came in at the door, decoded and bounded but not
// yet judged. Sent is the position as the reporter sent it, in CRS. An AccuracyM
// of 0 was not sent. An empty Key files without idempotency; BodySHA256 is the
// hash of the request's body.
type ReportDraft struct {
	Category    string
	Sent        geo.Point
	CRS         geo.CRS
	AccuracyM   float64
	Description string
	ObservedAt  time.Time // zero: the present
	Photos      []NewPhoto
	Key         string
	BodySHA256  [32]byte
}

// NewPhoto is a checked photo that comes with a report.
type NewPhoto struct {
	SHA256        [32]byte
	MediaType     string
	Width, Height int
	Content       []byte
}

// Filed is the answer to a report. Replayed says that it was answered before, and
// that this is the same answer.
type Filed struct {
	ReportID ReportID `json:"report_id"`
	Case     Case     `json:"case"`
	Replayed bool     `json:"-"`
}

// Report is what somebody saw.
type Report struct {
	ID          ReportID  `json:"id"`
	CaseID      CaseID    `json:"case_id"`
	Category    string    `json:"category"`
	Lon         float64   `json:"lon"`
	Lat         float64   `json:"lat"`
	AccuracyM   *float64  `json:"accuracy_m"`
	Sent        Sent      `json:"sent"`
	Cell        cell.Cell `json:"cell"`
	Description string    `json:"description"`
	ObservedAt  time.Time `json:"observed_at"`
	ReceivedAt  time.Time `json:"received_at"`
	Photos      []Photo   `json:"photos"`
	// Simulated says that a program reported this, or somebody of a patrol that a
	// program plays.
	Simulated bool `json:"simulated"`
}

// Sent is a position as the reporter sent it.
type Sent struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
	CRS geo.CRS `json:"crs"`
}

// Photo names a photo of a report; the door adds where it can be read.
type Photo struct {
	SHA256    string `json:"sha256"` // hexadecimal
	MediaType string `json:"media_type"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Bytes     int64  `json:"bytes"`
}

// PhotoContent is a photo with its bytes.
type PhotoContent struct {
	Photo
	Content []byte
}
