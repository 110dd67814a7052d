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

// openCases answers a viewer's open cases, newest first.
func openCases(desk *dispatch.Service, auth *pgauth.Store) realtime.CaseSource {
	open := true
	return func(ctx context.Context, v dispatch.Viewer) ([]dispatch.Case, error) {
		var all []dispatch.Case
		ask := dispatch.CaseFilter{Open: &open, PageAsk: dispatch.PageAsk{Limit: 200}}
		for {
			page, err := desk.Cases(ctx, v, ask)
			if err != nil {
				return nil, err
			}
			all = append(all, page.Items...)
			if page.NextCursor == nil || len(all) >= maxOpenCases {
				return all, auth.RecordCaseViews(ctx, v, pgauth.ViewedOnMap, pgauth.CovertOf(all))
			}
			ask.Cursor = *page.NextCursor
		}
	}
}
