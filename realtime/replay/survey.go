package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"iter"
	"math"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/track"
)

var nan = math.NaN()

// Survey is what one recorder left in one file. Refused and Fault are the file's and
// stand with its first track.
type Survey struct {
	File     string
	Recorder string // the device that the file names; empty where it names none
	Points   int64
	Refused  map[string]int64 // lines that are no point, by code
	Examples []Example        // the first of them
	Fault    string           // what ended the file before its end

	First, Earliest, Last time.Time // of the first point, the least, the greatest
	Placed                bool      // there is a place that can be
	FirstPoint, LastPoint geo.Point
	OutOfOrder            int64 // points older than one before them
	LengthM               float64
	Moving                time.Duration
	Hash                  [sha256.Size]byte
}

// Example names one point of a kind.
type Example struct {
	What   string `json:"what"`
	Line   int    `json:"line"`
	Detail string `json:"detail,omitempty"`
}

// Bounds of what is remembered of one file.
const (
	maxExamples  = 3 // of one kind
	maxRecorders = 1000
)

// A stretch counts as moving when it was covered at this speed, and its time is no
// gap in the recording.
const (
	movingMS = 0.5
	gapAfter = 2 * time.Minute
)

// OpenFile reads a file point by point; track.Open is one.
type OpenFile func(path string) iter.Seq2[track.Point, error]

// LookAt reads a file to its end and says what is in it, one survey for each
// recorder, at least one.
func LookAt(open OpenFile, file string) []Survey {
	refused := map[string]int64{}
	var examples []Example
	fault := ""
	var order []*looker
	byRecorder := map[string]*looker{}
	for p, err := range open(file) {
		var refusal *feature.Refusal
		switch {
		case errors.As(err, &refusal):
			if refused[refusal.Code]++; refused[refusal.Code] <= maxExamples {
				examples = append(examples, Example{What: refusal.Code, Line: refusal.Line, Detail: refusal.Detail})
			}
			continue
		case err != nil:
			fault = err.Error()
			continue
		}
		l := byRecorder[p.Device]
		if l == nil {
			if len(order) == maxRecorders {
				fault = fmt.Sprintf("line %d: more than %d devices in one file; split it", p.Line, maxRecorders)
				break
			}
			l = &looker{Survey: Survey{File: file, Recorder: p.Device}, sum: sha256.New()}
			byRecorder[p.Device] = l
			order = append(order, l)
		}
		l.add(p)
	}
	if len(order) == 0 {
		order = append(order, &looker{Survey: Survey{File: file}, sum: sha256.New()})
	}
	surveys := make([]Survey, len(order))
	for i, l := range order {
		l.sum.Sum(l.Hash[:0])
		surveys[i] = l.Survey
	}
	surveys[0].Refused, surveys[0].Examples, surveys[0].Fault = refused, examples, fault
	return surveys
}

// looker gathers one recorder's survey.
type looker struct {
	Survey
	sum   hash.Hash
	lastT time.Time // of LastPoint
}

func (l *looker) add(p track.Point) {
	l.Points++
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], math.Float64bits(p.Lon))
	binary.BigEndian.PutUint64(b[8:], math.Float64bits(p.Lat))
	binary.BigEndian.PutUint64(b[16:], uint64(p.T.UnixMicro()))
	l.sum.Write(b[:])
	if l.Points == 1 {
		l.First, l.Earliest, l.Last = p.T, p.T, p.T
	}
	if p.T.Before(l.Last) {
		l.OutOfOrder++
	}
	if p.T.After(l.Last) {
		l.Last = p.T
	}
	if p.T.Before(l.Earliest) {
		l.Earliest = p.T
	}
	if p.Check() != nil {
		return
	}
	if !l.Placed {
		l.Placed, l.FirstPoint = true, p.Point
	} else {
		m, took := geo.DistanceM(l.LastPoint, p.Point), p.T.Sub(l.lastT)
		l.LengthM += m
		if took > 0 && took <= gapAfter && m/took.Seconds() >= movingMS {
			l.Moving += took
		}
	}
	l.LastPoint, l.lastT = p.Point, p.T
}
