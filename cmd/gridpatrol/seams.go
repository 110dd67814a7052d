package main

import (
	"context"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// The seams between packages that do not know each other.

// socketFunc is an api.Socket by a plain function.
type socketFunc func(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer)

func (f socketFunc) Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer) {
	f(ctx, conn, who)
}

// beaconSocket is an api.Socket and an api.Holder of devices.
type beaconSocket struct{ beacons *realtime.BeaconServer }

var _ api.Holder = beaconSocket{}

func (b beaconSocket) Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer) {
	_ = b.beacons.Serve(ctx, conn, deviceOf(who)) // it has told the peer why
}

func (b beaconSocket) Hold(conn *websocket.Conn, who dispatch.Viewer, ended func()) api.Line {
	return b.beacons.Hold(conn, deviceOf(who), func(error) { ended() }) // it has told the peer why
}

func deviceOf(who dispatch.Viewer) realtime.Device {
	return realtime.Device{ID: who.Device, District: who.District}
}

func liveSocket(l *realtime.LiveServer) api.Socket {
	return socketFunc(func(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer) {
		_ = l.Serve(ctx, conn, who) // it has told the peer why
	})
}

// maxOpenCases bounds the cases of one snapshot; the lists of the API have no bound.
const maxOpenCases = 1000

// openCases answers a viewer's open cases for a snapshot.
func openCases(desk *dispatch.Service, auth *pgauth.Store) realtime.CaseSource {
	return func(ctx context.Context, v dispatch.Viewer) ([]dispatch.Case, error) {
		all, err := newestAndOverdue(func(ask dispatch.CaseFilter) (dispatch.Page[dispatch.Case], error) { return desk.Cases(ctx, v, ask) })
		if err != nil {
			return nil, err
		}
		return all, auth.RecordCaseViews(ctx, v, pgauth.ViewedOnMap, pgauth.CovertOf(all))
	}
}

type casePages func(dispatch.CaseFilter) (dispatch.Page[dispatch.Case], error)

// newestAndOverdue are the open cases, newest first. Where they are more than a snapshot
// holds, the overdue ones among the others follow: of those that are not shown none has run
// out of time, unless as many have.
func newestAndOverdue(pages casePages) ([]dispatch.Case, error) {
	open := true
	all, more, err := pages.upTo(maxOpenCases, dispatch.CaseFilter{Open: &open})
	if err != nil || !more {
		return all, err
	}
	overdue, _, err := pages.upTo(maxOpenCases, dispatch.CaseFilter{Open: &open, Waiting: "overdue"})
	if err != nil {
		return nil, err
	}
	there := make(map[dispatch.CaseID]bool, len(all))
	for i := range all {
		there[all[i].ID] = true
	}
	for i := range overdue {
		if !there[overdue[i].ID] {
			all = append(all, overdue[i])
		}
	}
	return all, nil
}

// upTo reads pages until there are as many cases, and says whether there were more.
func (pages casePages) upTo(most int, ask dispatch.CaseFilter) (all []dispatch.Case, more bool, err error) {
	ask.Limit = 200
	for {
		page, err := pages(ask)
		if err != nil {
			return nil, false, err
		}
		all = append(all, page.Items...)
		if page.NextCursor == nil || len(all) >= most {
			return all, page.NextCursor != nil, nil
		}
		ask.Cursor = *page.NextCursor
	}
}
