package realtime

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// linkFrame says whether places from other nodes come late. A viewer that was told
// nothing takes it that they do not.
func linkFrame(l LinkState) frame {
	return frame{kind: "link", rest: strconv.AppendBool([]byte(`,"cut":`), l.Cut)}
}

// delta gathers one frame of changes.
type delta struct{ moved, gone []byte }

func (d *delta) empty() bool { return len(d.moved) == 0 && len(d.gone) == 0 }

func (d *delta) move(patrol []byte) {
	if len(d.moved) > 0 {
		d.moved = append(d.moved, ',')
	}
	d.moved = append(d.moved, patrol...)
}

func (d *delta) leave(id dispatch.PatrolID) {
	if len(d.gone) > 0 {
		d.gone = append(d.gone, ',')
	}
	d.gone = append(append(append(d.gone, '"'), id.String()...), '"')
}

func (d *delta) frame() frame {
	b := make([]byte, 0, len(d.moved)+len(d.gone)+32)
	b = append(append(b, `,"moved":[`...), d.moved...)
	b = append(append(b, `],"gone":[`...), d.gone...)
	return frame{kind: "delta", rest: append(b, ']')}
}

func encodePatrol(s *Standing) []byte { return appendPatrol(make([]byte, 0, 256), s) }

// appendPatrol writes a patrol as the contract has it.
func appendPatrol(b []byte, s *Standing) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, s.Patrol.String()...)
	b = append(b, `","lon":`...)
	b = strconv.AppendFloat(b, s.Point.Lon, 'f', 7, 64)
	b = append(b, `,"lat":`...)
	b = strconv.AppendFloat(b, s.Point.Lat, 'f', 7, 64)
	b = append(b, `,"heading_deg":`...)
	if math.IsNaN(s.HeadingDeg) {
		b = append(b, `null`...)
	} else {
		b = strconv.AppendFloat(b, s.HeadingDeg, 'f', 1, 64)
	}
	b = append(b, `,"status":"`...)
	b = append(b, s.Status...)
	b = append(b, `","presence":"`...)
	b = append(b, s.Presence...)
	b = append(b, `","t":"`...)
	b = s.T.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","department":"`...)
	b = append(b, s.Department...) // a code: letters, digits and underscores
	b = append(b, `","version":`...)
	b = strconv.AppendInt(b, s.Version, 10)
	if s.Simulated {
		b = append(b, `,"simulated":true`...)
	}
	return append(b, '}')
}

// caseFrame is a case as it changed, without who may see it.
func caseFrame(c *dispatch.CaseChanged) (frame, bool) {
	body, err := json.Marshal(struct {
		*dispatch.CaseChanged
		Scope  *struct{} `json:"scope,omitempty"` // these stand before those that stay inside
		Hidden *struct{} `json:"hidden,omitempty"`
	}{CaseChanged: c})
	if err != nil {
		return frame{}, false
	}
	return frame{kind: "case", rest: append([]byte(`,"case":`), body...)}, true
}
