package pgdb

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Viewer is who a read is answered for, as the policies of the tables know them
// (migration 20). The zero value of an id names nobody; an empty Area or Department
// is all of them. Wide sees more than their own work; Phones may have telephones,
// Covert sees covert cases of the scope.
type Viewer struct {
	District   uuid.UUID
	Account    uuid.UUID
	Device     uuid.UUID
	Patrol     uuid.UUID
	Staff      uuid.UUID
	Wide       bool
	Phones     bool
	Covert     bool
	Area       string
	Department string
}

// setting is the value of gp.viewer. What names nobody is null, so that it equals
// nothing.
func (v Viewer) setting() (string, error) {
	id := func(id uuid.UUID) *uuid.UUID {
		if id == uuid.Nil {
			return nil
		}
		return &id
	}
	text, err := json.Marshal(map[string]any{"district": id(v.District), "account": id(v.Account), "device": id(v.Device),
		"patrol": id(v.Patrol), "staff": id(v.Staff), "wide": v.Wide, "phones": v.Phones, "covert": v.Covert, "area": v.Area, "department": v.Department})
	return string(text), err
}

// As runs reads on behalf of a viewer: in a transaction that writes nothing, in the
// role gp_viewer, which sees the viewer's rows whatever the query asks for. It begins
// in one round trip.
func (db *DB) As(ctx context.Context, v Viewer, fn func(pgx.Tx) error) error {
	setting, err := v.setting()
	if err != nil {
		return fmt.Errorf("name the viewer: %w", err)
	}
	// No parameters: these go out as one message of the simple protocol.
	begin := "BEGIN READ ONLY; SET LOCAL ROLE gp_viewer; SELECT set_config('gp.viewer', " + literal(setting) + ", true)"
	return pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{BeginQuery: begin}, fn)
}

// literal is a string constant, whatever standard_conforming_strings says.
func literal(s string) string {
	return " E'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", "").Replace(s) + "'"
}
