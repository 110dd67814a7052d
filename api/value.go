package api

import (
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// idOrNil turns the zero identifier into null.
func idOrNil[K any](id dispatch.ID[K]) *uuid.UUID {
	if id.UUID == uuid.Nil {
		return nil
	}
	return &id.UUID
}

// textOrNil turns no text into null.
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// utc is a time as it leaves: UTC, so that every answer reads alike.
func utc(t time.Time) time.Time { return t.UTC() }
