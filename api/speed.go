package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pace"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// newSpeeds is NewSpeeds with each rule as it came, so that a bad one loses itself only.
type newSpeeds struct {
	Rules []map[string]json.RawMessage `json:"rules"`
}

// speed is a rule about speeds as it leaves.
type speed struct {
	ID        uuid.UUID   `json:"id"`
	Way       *int64      `json:"way"`
	Class     *string     `json:"class"`
	Direction string      `json:"direction"`
	Modes     []string    `json:"modes"`
	Days      string      `json:"days"`
	Hours     string      `json:"hours"`
	KMH       *float64    `json:"kmh"`
	Factor    *float64    `json:"factor"`
	Note      string      `json:"note"`
	MadeBy    *uuid.UUID  `json:"made_by"`
	MadeAt    time.Time   `json:"made_at"`
	EndedAt   *time.Time  `json:"ended_at"`
	InForce   bool        `json:"in_force"`
	Roads     road.Extent `json:"roads"`
}

type speedsSet struct {
	Accepted int                `json:"accepted"`
	Refused  []*feature.Refusal `json:"refused"`
	Items    []speed            `json:"items"`
}

func (s *Server) setSpeeds(c echo.Context) error {
	var in newSpeeds
	if err := s.readJSON(c, "NewSpeeds", false, &in); err != nil {
		return err
	}
	var rules []pace.Rule
	refused := []*feature.Refusal{}
	for i, fields := range in.Rules {
		text := make(map[string]string, len(fields))
		var faults []*feature.Refusal
		for _, name := range slices.Sorted(maps.Keys(fields)) { // the same refusals in the same order each time
			word, err := fieldText(fields[name])
			if err != nil {
				faults = append(faults, &feature.Refusal{Line: i + 1, Column: name, Code: pace.CodeBad, Detail: err.Error()})
			}
			text[name] = word
		}
		rule, wrong := pace.Read(i+1, text)
		if faults = append(faults, wrong...); len(faults) == 0 {
			if _, none := s.works.SpeedRoads(rule); none != "" {
				faults = append(faults, &feature.Refusal{Line: i + 1, Column: "way", Code: pace.CodeUnknown, Detail: none})
			}
		}
		if len(faults) > 0 {
			refused = append(refused, faults...)
			continue
		}
		rules = append(rules, rule)
	}
	if len(rules) == 0 {
		var fields []FieldProblem
		for _, r := range refused {
			fields = append(fields, FieldProblem{Pointer: pointer("rules", strconv.Itoa(r.Line-1), r.Column), Detail: r.Detail})
		}
		return invalid(fields...)
	}
	made, err := s.works.SetSpeeds(c.Request().Context(), rules, viewer(c).Account.UUID, dispatch.ActorOf(viewer(c)))
	if errors.Is(err, pgroad.ErrManySpeeds) {
		return invalid(FieldProblem{Pointer: "/rules", Detail: pgroad.ErrManySpeeds.Error()})
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, speedsSet{Accepted: len(made), Refused: refused, Items: s.speedsOut(made)})
}

// fieldText is a field of a rule as a table would have it: a word, a number, or a list
// of words.
func fieldText(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	var text string
	var list []string
	switch {
	case bytes.Equal(raw, []byte("null")):
		return "", nil
	case json.Unmarshal(raw, &text) == nil:
		return strings.TrimSpace(text), nil
	case json.Unmarshal(raw, &list) == nil:
		return strings.Join(list, ";"), nil
	case json.Unmarshal(raw, new(float64)) == nil:
		return string(raw), nil
	}
	return "", errors.New("must be a text, a number, or a list of texts")
}

func (s *Server) listSpeeds(c echo.Context) error {
	q := query{c: c}
	ended := q.flag("ended")
	limit, before := q.older(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	found, err := s.works.Speeds(c.Request().Context(), ended != nil && *ended, before, limit+1)
	if err != nil {
		return err
	}
	found, next := pageOf(found, limit, func(l pgroad.Speed) uuid.UUID { return l.ID })
	return answer(c, http.StatusOK, dispatch.Page[speed]{Items: s.speedsOut(found), NextCursor: next})
}

func (s *Server) endSpeed(c echo.Context) error {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return errNotFound
	}
	err = s.works.EndSpeed(c.Request().Context(), id, viewer(c).Account.UUID, dispatch.ActorOf(viewer(c)))
	if errors.Is(err, pgroad.ErrNoSpeed) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) speedsOut(list []pgroad.Speed) []speed {
	in := s.works.SpeedsInForce()
	out := make([]speed, 0, len(list))
	for _, l := range list {
		roads, _ := s.works.SpeedRoads(l.Rule)
		o := speed{ID: l.ID, Direction: l.Direction, Modes: l.Modes.Strings(), Days: l.Days.String(), Hours: l.Hours(), Note: l.Note,
			MadeBy: l.MadeBy, MadeAt: utc(l.MadeAt), InForce: in[l.ID], Roads: roads}
		if l.Way != 0 {
			o.Way = &l.Way
		} else {
			class := l.Class.String()
			o.Class = &class
		}
		if l.KMH > 0 {
			o.KMH = &l.KMH
		} else {
			o.Factor = &l.Factor
		}
		if l.EndedAt != nil {
			at := utc(*l.EndedAt)
			o.EndedAt = &at
		}
		out = append(out, o)
	}
	return out
}
