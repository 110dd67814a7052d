package pgstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const missionOf = `
SELECT m.id, m.state, m.commander, m.crews, m.rendezvous_lon, m.rendezvous_lat, m.rendezvous_name, m.meet_at, m.in_place_at,
  m.went_at, m.ended_at, m.cover, m.meeting, m.made_at
FROM missions m WHERE m.case_id = $1`

type missionRow struct {
	ID             uuid.UUID           `db:"id"`
	State          string              `db:"state"`
	Commander      *uuid.UUID          `db:"commander"`
	Crews          []dispatch.Crew     `db:"crews"`
	RendezvousLon  *float64            `db:"rendezvous_lon"`
	RendezvousLat  *float64            `db:"rendezvous_lat"`
	RendezvousName string              `db:"rendezvous_name"`
	MeetAt         *time.Time          `db:"meet_at"`
	InPlaceAt      *time.Time          `db:"in_place_at"`
	WentAt         *time.Time          `db:"went_at"`
	EndedAt        *time.Time          `db:"ended_at"`
	Cover          *dispatch.CoverMark `db:"cover"`
	Meeting        *dispatch.Meeting   `db:"meeting"`
	MadeAt         time.Time           `db:"made_at"`
}

// missionFrom answers the mission of a case, nil where it has none.
func missionFrom(rows []missionRow) *dispatch.Mission {
	if len(rows) == 0 {
		return nil
	}
	r := rows[0]
	m := &dispatch.Mission{ID: dispatch.MissionID{UUID: r.ID}, State: dispatch.MissionState(r.State), Crews: r.Crews, MeetAt: utc(r.MeetAt),
		InPlaceAt: utc(r.InPlaceAt), WentAt: utc(r.WentAt), EndedAt: utc(r.EndedAt), Cover: r.Cover, Meeting: r.Meeting, MadeAt: r.MadeAt.UTC()}
	if r.Commander != nil {
		m.Commander = &dispatch.PatrolID{UUID: *r.Commander}
	}
	if r.RendezvousLon != nil && r.RendezvousLat != nil {
		m.Rendezvous = &dispatch.Rendezvous{Lon: *r.RendezvousLon, Lat: *r.RendezvousLat, Name: r.RendezvousName}
	}
	return m
}

const keepMission = `
INSERT INTO missions (id, district_id, case_id, state, commander, crews, rendezvous_lon, rendezvous_lat, rendezvous_name, meet_at,
  in_place_at, went_at, ended_at, cover, made_at, meeting)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (case_id) DO UPDATE SET state = excluded.state, commander = excluded.commander, crews = excluded.crews,
  rendezvous_lon = excluded.rendezvous_lon, rendezvous_lat = excluded.rendezvous_lat, rendezvous_name = excluded.rendezvous_name,
  meet_at = excluded.meet_at, in_place_at = excluded.in_place_at, went_at = excluded.went_at, ended_at = excluded.ended_at,
  cover = excluded.cover, meeting = excluded.meeting`

// keepMission writes the mission with its case, whose lock it goes by.
func (s *Store) keepMission(batch *pgx.Batch, c dispatch.Case) error {
	m := c.Mission
	if m == nil {
		return nil
	}
	crews, err1 := json.Marshal(listed(m.Crews))
	var cover, meeting []byte
	var err2, err3 error
	if m.Cover != nil {
		cover, err2 = json.Marshal(m.Cover)
	}
	if m.Meeting != nil {
		meeting, err3 = json.Marshal(m.Meeting)
	}
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("write mission of case %s: %w", c.Number, err)
	}
	var commander *uuid.UUID
	if m.Commander != nil {
		commander = &m.Commander.UUID
	}
	var lon, lat *float64
	name := ""
	if m.Rendezvous != nil {
		lon, lat, name = &m.Rendezvous.Lon, &m.Rendezvous.Lat, m.Rendezvous.Name
	}
	batch.Queue(keepMission, m.ID.UUID, s.district.UUID, c.ID.UUID, m.State, commander, crews, lon, lat, name, m.MeetAt,
		m.InPlaceAt, m.WentAt, m.EndedAt, cover, m.MadeAt, meeting)
	return nil
}

// listed is a list that is never null.
func listed[T any](of []T) []T {
	if of == nil {
		return []T{}
	}
	return of
}
