package dispatch

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

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
	// Reporter is who saw it, where that is not the caller.
	Reporter Contact
	// SelfHandled says that the reporter has settled it on the spot: nobody is sent.
	SelfHandled bool
	// Revisit is the look at an old case's place that found it again.
	Revisit RevisitID
	// Covert asks for a covert case.
	Covert *CoverOrder
}

// The channels by which a report comes in. Of those of a resident the caller is not
// the reporter: the answers go by the follow-up code.
const (
	ChannelWorker   = "worker"
	ChannelResident = "resident"
	ChannelHotline  = "hotline"
	ChannelSensor   = "sensor"
)

// Contact is who reported, by which channel (empty: the caller, for themselves), and
// whom to call back. Name and Phone are kept apart from the report.
type Contact struct {
	Channel string `json:"channel,omitempty"`
	Name    string `json:"name,omitempty"`
	Phone   string `json:"phone,omitempty"`
}

const (
	maxContactName  = 100
	maxContactPhone = 32
)

// faults answers what is wrong with a contact.
func (c Contact) faults() []FieldFault {
	var out []FieldFault
	bad := func(pointer, detail string) { out = append(out, FieldFault{pointer, detail}) }
	switch c.Channel {
	case "":
		if c.Name != "" || c.Phone != "" {
			bad("/reporter/channel", "is missing; say how the report came in: hotline, resident, worker or sensor")
		}
	case ChannelWorker, ChannelResident, ChannelHotline, ChannelSensor:
	default:
		bad("/reporter/channel", "must be hotline, resident, worker or sensor")
	}
	if utf8.RuneCountInString(c.Name) > maxContactName {
		bad("/reporter/name", fmt.Sprintf("may have %d characters at most", maxContactName))
	}
	if len(c.Phone) > maxContactPhone || strings.Trim(c.Phone, "+0123456789- ()") != "" {
		bad("/reporter/phone", fmt.Sprintf("must be a telephone number of %d characters at most", maxContactPhone))
	}
	return out
}

// onBehalf says whether the caller files for somebody else.
func (c Contact) onBehalf() bool { return c.Channel == ChannelResident || c.Channel == ChannelHotline }

// Filed is the answer to a report. Replayed says that it was answered before, and
// that this is the same answer.
type Filed struct {
	ReportID ReportID  `json:"report_id"`
	Case     Case      `json:"case"`
	FollowUp *FollowUp `json:"follow_up,omitempty"`
	Replayed bool      `json:"-"`
}

// Report is what somebody saw.
type Report struct {
	ID          ReportID  `json:"id"`
	CaseID      CaseID    `json:"case_id"`
	CaseNumber  string    `json:"case_number"`
	Stage       Stage     `json:"stage"`
	StageText   Words     `json:"stage_text"`
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
	// Evaluation is what the reporter said when it was settled, nil where they did not.
	Evaluation *Evaluation `json:"evaluation"`
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
