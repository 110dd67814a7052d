package api_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// desk is a duty desk whose every answer a test can set; left alone it answers
// one case, one patrol and one report.
type desk struct {
	fail   error // what every method answers
	panics bool
	blocks bool

	draft    dispatch.ReportDraft // the last that was filed
	replay   bool
	filing   func(dispatch.ReportDraft)
	size     dispatch.PhotoSize
	order    dispatch.Order
	cover    dispatch.CoverOrder
	verb     dispatch.Verb
	move     dispatch.MoveOrder
	version  int64
	meetAt   *geo.Point
	reason   string
	answer   string
	upTo     int64
	ids      []int64
	filter   dispatch.CaseFilter
	span     [2]time.Time
	locate   dispatch.LocateAsk
	reachAsk dispatch.ReachAsk
	status   dispatch.Status
	fixes    []api.TrackPoint
	moments  []realtime.PresenceMoment
}

var (
	t0       = time.Date(2026, 5, 3, 13, 40, 0, 123e6, time.UTC)
	caseID   = dispatch.CaseID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")}
	patrolID = dispatch.PatrolID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")}
	place    = geo.Point{Lon: 121.38, Lat: 28.58}
)

func ptr[T any](v T) *T { return &v }

func aCase() dispatch.Case {
	return dispatch.Case{
		ID: caseID, Number: "20260503-0001", Stage: dispatch.StageDispatched, Dispatch: dispatch.DispatchDone, Cell: cell.At(place, 9),
		Category: "B01", Urgency: "urgent", Lon: place.Lon, Lat: place.Lat, MadeAt: t0, Version: 3,
		Responsible: dispatch.Responsible{GridID: ptr(dispatch.GridID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8059")}),
			Code: ptr("G-1"), Name: ptr("网格一"), Kind: ptr("general"), Share: 0.8, Basis: "inside"},
		RunnerUp:    nil,
		Owner:       dispatch.Owner{Kind: dispatch.OwnerUnit, Code: "market"},
		Clocks:      []dispatch.Clock{{Name: dispatch.ClockSettle, Rung: dispatch.RungRunning, Unit: dispatch.UnitAlways, Since: t0, WarnAt: t0.Add(18 * time.Hour), DueAt: t0.Add(24 * time.Hour)}},
		Departments: []dispatch.CaseDepartment{{Code: "market", Part: "lead", Because: "category B01"}},
		Assignments: []dispatch.Assignment{{
			ID: dispatch.AssignmentID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a805a")}, Kind: "department", Department: "market",
			PatrolID: patrolID, State: dispatch.Offered, EtaS: ptr(120.5), RoadM: ptr(900.0), Mode: dispatch.Car, EtaKind: ptr("road"),
			OfferedAt: ptr(t0),
			Candidates: []dispatch.Candidate{{PatrolID: patrolID, Rank: ptr(1), Mode: dispatch.Car, EtaS: ptr(120.5)},
				{PatrolID: patrolID, Mode: dispatch.Foot, RejectedBecause: ptr("stale")}},
		}},
		Shortfalls: []dispatch.Shortfall{{Department: "police", Reason: dispatch.AllBusy, Considered: 4}},
	}
}

func aReport() dispatch.Report {
	return dispatch.Report{CaseNumber: "20260503-0001", Stage: dispatch.StageDispatched, ID: dispatch.ReportID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a805b")}, CaseID: caseID, Category: "B01",
		Lon: place.Lon, Lat: place.Lat, Sent: dispatch.Sent{Lon: 121.385, Lat: 28.577, CRS: geo.GCJ02}, Cell: cell.At(place, 9),
		ObservedAt: t0, ReceivedAt: t0,
		Photos: []dispatch.Photo{{SHA256: "ab", MediaType: "image/png", Width: 1, Height: 1, Bytes: 67, State: dispatch.PhotoReady,
			Exif: &dispatch.PhotoExif{Lon: ptr(121.39), Lat: ptr(28.58), DistanceM: ptr(976.0), Doubts: []dispatch.PhotoDoubt{}}},
			{SHA256: "cd", MediaType: "image/png", Width: 1, Height: 1, Bytes: 67, State: dispatch.PhotoWaiting}}}
}

// goodCode is the one follow-up code that the desk knows.
const goodCode = "7QK2M-9XD4T"

func aFollowed() dispatch.Followed {
	return dispatch.Followed{Number: "20260503-0001", ReceivedAt: t0, Stage: dispatch.StageDispatched, Open: true,
		Goes:     []dispatch.FollowedDepartment{{Code: "market", State: "coming"}},
		Messages: []dispatch.Message{{Why: "received", At: t0}}}
}

func aPatrol() dispatch.Patrol {
	at := cell.At(place, 9)
	return dispatch.Patrol{ID: patrolID, Code: "P-1", Name: "巡一", Department: "police", Mode: dispatch.Car, Skills: []string{},
		Status: dispatch.Free, Presence: "online", Lon: &place.Lon, Lat: &place.Lat, T: &t0, Cell: &at, Version: 7}
}

func (d *desk) act(ctx context.Context) error {
	if d.panics {
		panic("the desk fell over")
	}
	if d.blocks {
		<-ctx.Done()
		return ctx.Err()
	}
	return d.fail
}

func (d *desk) detail(ctx context.Context) (dispatch.CaseDetail, error) {
	return dispatch.CaseDetail{Case: aCase(), Reports: []dispatch.Report{aReport()},
		Events: []dispatch.CaseEvent{{ID: "1", Kind: "stage", At: t0, Actor: "system", Detail: json.RawMessage(`{"to":"filed"}`)}}}, d.act(ctx)
}

func (d *desk) FileReport(ctx context.Context, _ dispatch.Viewer, draft dispatch.ReportDraft) (dispatch.Filed, error) {
	d.draft = draft
	if d.filing != nil {
		d.filing(draft)
	}
	return dispatch.Filed{ReportID: aReport().ID, Case: aCase(), Replayed: d.replay}, d.act(ctx)
}

func (d *desk) Reports(ctx context.Context, _ dispatch.Viewer, _ bool, _ dispatch.PageAsk) (dispatch.Page[dispatch.Report], error) {
	return dispatch.Page[dispatch.Report]{Items: []dispatch.Report{aReport()}, NextCursor: ptr("x")}, d.act(ctx)
}

func (d *desk) Photo(ctx context.Context, _ dispatch.Viewer, _ [32]byte, size dispatch.PhotoSize) (dispatch.PhotoContent, error) {
	d.size = size
	return dispatch.PhotoContent{MediaType: "image/png", SHA256: [32]byte{1}, Content: []byte("png")}, d.act(ctx)
}

func (d *desk) Cases(ctx context.Context, _ dispatch.Viewer, f dispatch.CaseFilter) (dispatch.Page[dispatch.Case], error) {
	d.filter = f
	return dispatch.Page[dispatch.Case]{Items: []dispatch.Case{aCase()}}, d.act(ctx)
}

func (d *desk) Case(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID) (dispatch.CaseDetail, error) {
	return d.detail(ctx)
}

func (d *desk) Dispatch(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, o dispatch.Order) (dispatch.CaseDetail, error) {
	d.version, d.order = version, o
	return d.detail(ctx)
}

func (d *desk) Undo(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64) (dispatch.CaseDetail, error) {
	d.version = version
	return d.detail(ctx)
}

func (d *desk) Calendar(ctx context.Context) (dispatch.CalendarBook, error) {
	return dispatch.CalendarBook{Version: 1}, d.act(ctx)
}

func (d *desk) SetDays(ctx context.Context, v dispatch.Viewer, days []dispatch.CalendarDay) (dispatch.CalendarBook, error) {
	return d.SetDay(ctx, v, days[0])
}

func (d *desk) SetDay(ctx context.Context, _ dispatch.Viewer, day dispatch.CalendarDay) (dispatch.CalendarBook, error) {
	return dispatch.CalendarBook{Version: 2, Days: []dispatch.CalendarDay{day}}, d.act(ctx)
}

func (d *desk) SetHours(ctx context.Context, _ dispatch.Viewer, hours []dispatch.WorkSpan) (dispatch.CalendarBook, error) {
	return dispatch.CalendarBook{Version: 2, Hours: hours}, d.act(ctx)
}

func (d *desk) CategoryRules(ctx context.Context) ([]dispatch.CategoryRules, error) {
	return []dispatch.CategoryRules{{Code: "B01", Mode: dispatch.Auto, Urgency: "urgent", CheckPercent: 20, Listed: true, RevisitDays: []int{3}, Crews: []dispatch.Crew{}}}, d.act(ctx)
}

func (d *desk) Revisits(ctx context.Context, _ dispatch.Viewer) ([]dispatch.Revisit, error) {
	return []dispatch.Revisit{{State: dispatch.RevisitOpen}}, d.act(ctx)
}

func (d *desk) ClearRevisit(ctx context.Context, _ dispatch.Viewer, id dispatch.RevisitID, note string, photos []dispatch.NewPhoto) (dispatch.Revisit, error) {
	return dispatch.Revisit{ID: id, Note: note, State: dispatch.RevisitClear}, d.act(ctx)
}

func (d *desk) Tiers(ctx context.Context, _ dispatch.Viewer, from, to time.Time) (dispatch.Tiers, error) {
	return dispatch.Tiers{From: from, To: to, Items: []dispatch.TierShare{}}, d.act(ctx)
}

func (d *desk) DispatchRules(ctx context.Context) (dispatch.DispatchRules, error) {
	return dispatch.UsualDispatchRules, d.act(ctx)
}

func (d *desk) SetDispatchRules(ctx context.Context, _ dispatch.Viewer, want dispatch.DispatchRules, _ string) (dispatch.DispatchRules, error) {
	return want, d.act(ctx)
}

func (d *desk) SetCategoryRules(ctx context.Context, _ dispatch.Viewer, _ dispatch.CategoryRules) error {
	return d.act(ctx)
}

func (d *desk) Move(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, o dispatch.MoveOrder) (dispatch.CaseDetail, error) {
	d.version, d.move = version, o
	return d.detail(ctx)
}

func (d *desk) FinishShowing(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, _ dispatch.AssignmentID, version int64, result string, shown dispatch.Shown) (dispatch.CaseDetail, error) {
	d.version, d.move = version, dispatch.MoveOrder{Move: dispatch.StepDone, Result: result, Shown: shown}
	return d.detail(ctx)
}

func (d *desk) CloseCase(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, o dispatch.Closing) (dispatch.CaseDetail, error) {
	d.version, d.reason, d.answer = version, o.Reason, o.Answer
	return d.detail(ctx)
}

func (d *desk) Report(ctx context.Context, _ dispatch.Viewer, _ dispatch.ReportID) (dispatch.Followed, error) {
	found := aFollowed()
	found.Report = ptr(aReport())
	return found, d.act(ctx)
}

func (d *desk) Evaluate(ctx context.Context, ref, code, _ string, e dispatch.Evaluation) (dispatch.Followed, error) {
	out, err := d.FollowUp(ctx, ref, code)
	out.Evaluation = &e
	return out, err
}

func (d *desk) FollowUp(ctx context.Context, _, code string) (dispatch.Followed, error) {
	if err := d.act(ctx); err != nil {
		return dispatch.Followed{}, err
	}
	if code != goodCode {
		return dispatch.Followed{}, &dispatch.Fault{Kind: dispatch.NotFound, Code: "not-found", Detail: "x"}
	}
	return aFollowed(), nil
}

func (d *desk) Notices(ctx context.Context, _ dispatch.Viewer, unseen bool, ask dispatch.PageAsk) (dispatch.NoticePage, error) {
	page := dispatch.NoticePage{Unseen: 1}
	page.Items = []dispatch.ToldNotice{{ID: 7, CaseID: caseID, Number: "1", ReportID: ptr(aReport().ID), Why: "received", At: t0}}
	return page, d.act(ctx)
}

func (d *desk) SeeNotices(ctx context.Context, _ dispatch.Viewer, upTo int64, ids []int64) (int, error) {
	d.upTo, d.ids = upTo, ids
	return 3, d.act(ctx)
}

func anItem() dispatch.OperatorItem {
	return dispatch.OperatorItem{ID: 4, CaseID: caseID, Number: "1", Category: "B01", Urgency: "urgent", Department: "police", Reason: dispatch.AllBusy, MadeAt: t0}
}

func (d *desk) OperatorItems(ctx context.Context, _ dispatch.Viewer, _ *bool, _ dispatch.PageAsk) (dispatch.Page[dispatch.OperatorItem], error) {
	return dispatch.Page[dispatch.OperatorItem]{Items: []dispatch.OperatorItem{anItem()}}, d.act(ctx)
}

func (d *desk) SettleItem(ctx context.Context, _ dispatch.Viewer, _ int64, note string) (dispatch.OperatorItem, error) {
	d.reason = note
	return anItem(), d.act(ctx)
}

func (d *desk) Command(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, o dispatch.MissionOrder) (dispatch.CaseDetail, error) {
	d.version, d.reason = version, o.Reason
	return d.detail(ctx)
}

func (d *desk) Answer(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, _ dispatch.AssignmentID, verb dispatch.Verb, version int64, reason string) (dispatch.CaseDetail, error) {
	d.verb, d.version, d.reason = verb, version, reason
	return d.detail(ctx)
}

func (d *desk) MeetThere(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, at *geo.Point) (dispatch.CaseDetail, error) {
	d.version, d.meetAt = version, at
	c, err := d.detail(ctx)
	c.Mission = &dispatch.MissionView{Mission: dispatch.Mission{State: dispatch.Gathering, Crews: []dispatch.Crew{}, MadeAt: t0}, Members: []dispatch.MissionMember{}}
	if at != nil {
		c.Mission.Rendezvous = &dispatch.Rendezvous{Lon: at.Lon, Lat: at.Lat, Name: "横街", Members: []dispatch.Meets{{Eta: &t0}},
			MeetingFacts: dispatch.MeetingFacts{EtaKind: "road", ByHand: true, Breaks: []string{"near_road"}}}
	}
	return c, err
}

func (d *desk) Patrols(ctx context.Context, _ dispatch.Viewer, _ dispatch.PatrolFilter) (dispatch.Page[dispatch.Patrol], error) {
	return dispatch.Page[dispatch.Patrol]{Items: []dispatch.Patrol{aPatrol()}}, d.act(ctx)
}

func (d *desk) Patrol(ctx context.Context, _ dispatch.Viewer, _ dispatch.PatrolID) (dispatch.PatrolDetail, error) {
	return dispatch.PatrolDetail{Patrol: aPatrol(), Members: []dispatch.Member{}}, d.act(ctx)
}

func (d *desk) SetStatus(ctx context.Context, _ dispatch.Viewer, _ dispatch.PatrolID, to dispatch.Status, version int64) (dispatch.Patrol, error) {
	d.status, d.version = to, version
	return aPatrol(), d.act(ctx)
}

func (d *desk) SetDuty(ctx context.Context, _ dispatch.Viewer, _ bool) (dispatch.Patrol, error) {
	return aPatrol(), d.act(ctx)
}

func (d *desk) Locate(ctx context.Context, _ dispatch.Viewer, ask dispatch.LocateAsk) (dispatch.Located, error) {
	d.locate = ask
	return dispatch.Located{Responsible: dispatch.Responsible{Basis: "none"}, Shares: []dispatch.GridShare{}, Lon: ask.Point.Lon, Lat: ask.Point.Lat,
		Cell: cell.At(ask.Point, 9), AccuracyM: 20, AccuracyAssumed: true}, d.act(ctx)
}

func (d *desk) Nearest(ctx context.Context, _ dispatch.Viewer, _ dispatch.NearestAsk) ([]dispatch.Nearest, error) {
	return []dispatch.Nearest{{PatrolID: patrolID, Mode: dispatch.Car, Status: dispatch.Free, EtaKind: "straight", EtaBasis: "free_flow"}}, d.act(ctx)
}

func (d *desk) Inside(ctx context.Context, _ dispatch.Viewer, _ dispatch.InsideAsk) (dispatch.Inside, error) {
	return dispatch.Inside{Total: 1, Departments: []dispatch.Headcount{{Department: "police", Count: 1, Free: 1}},
		Items: []dispatch.InsidePatrol{{PatrolID: patrolID, Mode: dispatch.Car, Status: dispatch.Free, Presence: dispatch.Online}}}, d.act(ctx)
}

func (d *desk) Reach(ctx context.Context, _ dispatch.Viewer, ask dispatch.ReachAsk) (dispatch.Reached, error) {
	d.reachAsk = ask
	eta := 61.5
	return dispatch.Reached{At: place, Mode: dispatch.Car, Res: 9, EtaKind: "road", Cells: []dispatch.CellTime{{Cell: cell.At(place, 9), EtaS: &eta}}}, d.act(ctx)
}

func (d *desk) Coverage(ctx context.Context, _ dispatch.Viewer, ask dispatch.CoverageAsk) (dispatch.Covered, error) {
	return dispatch.Covered{Res: 9, EtaKind: "road", Cells: []dispatch.CellTime{{Cell: cell.At(place, 9)}}, Patrols: []dispatch.PatrolID{patrolID}}, d.act(ctx)
}

func (d *desk) ReportCells(ctx context.Context, _ dispatch.Viewer, res int, _, _ time.Time) ([]dispatch.CellCount, error) {
	return []dispatch.CellCount{{Cell: cell.At(place, res), Count: 4}}, d.act(ctx)
}

func (d *desk) PatrolCells(ctx context.Context, _ dispatch.Viewer, res int, from, to time.Time) ([]dispatch.CellCount, []dispatch.PatrolID, error) {
	d.span = [2]time.Time{from, to}
	return []dispatch.CellCount{{Cell: cell.At(place, res), Count: 1}}, []dispatch.PatrolID{patrolID}, d.act(ctx)
}

func (d *desk) Moments(context.Context, dispatch.Viewer, dispatch.PatrolID, time.Time, time.Time, realtime.MomentCursor, int) (string, []realtime.PresenceMoment, error) {
	return "online", d.moments, nil
}

func (d *desk) Track(ctx context.Context, _ dispatch.Viewer, _ dispatch.PatrolID, _, _ time.Time, limit int, visit func(*realtime.TrackPlace)) error {
	for _, p := range d.fixes[:min(limit, len(d.fixes))] {
		visit(ptr(placeOf(p)))
	}
	return d.act(ctx)
}

func (d *desk) Cover(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, o dispatch.CoverOrder) (dispatch.CaseDetail, error) {
	d.version, d.cover = version, o
	return d.detail(ctx)
}

func (d *desk) Release(ctx context.Context, _ dispatch.Viewer, _ dispatch.CaseID, version int64, reason string) (dispatch.CaseDetail, error) {
	d.version, d.reason = version, reason
	return d.detail(ctx)
}

func (d *desk) Veil(context.Context, dispatch.Viewer) (dispatch.Veil, error) {
	return dispatch.Veil{}, nil
}
