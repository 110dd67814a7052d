package dispatch

import "slices"

// Viewer is who asks: a person by account or a program by device, with the area
// and the department that bound what they see. An empty AreaCode is the whole
// district; an empty Department is every department.
type Viewer struct {
	District   DistrictID
	Account    AccountID
	Device     DeviceID
	Patrol     PatrolID
	Staff      StaffID
	Role       Role
	AreaCode   string
	Department string
	// Simulated viewers are played by a program, or act for a patrol that is; what they
	// do carries the mark and is no proof.
	Simulated bool
	// Resident is whoever brings the code of a report, and nobody who is signed in.
	Resident bool
	// From is the address that the request came from, or FromCommand; events commit to it.
	From string
}

// ReadsWhy says whether the viewer reads why who was chosen. To a phone that is told to go
// it is most of the bytes of a case, over the worst of networks, and its page shows none.
func (v Viewer) ReadsWhy() bool { return v.Device.IsZero() }

// FromCommand stands for a command, whose user has the database in hand.
const FromCommand = "command"

// Action is one thing a viewer may be allowed to do.
type Action string

// The actions that the policy table grants.
const (
	ActReport        Action = "report"         // file a report
	ActSeeCases      Action = "see_cases"      // read cases within scope
	ActSeeOriginals  Action = "see_originals"  // read photos as they were sent, with all their metadata
	ActSeePatrols    Action = "see_patrols"    // read live positions within scope
	ActSeeTracks     Action = "see_tracks"     // read where a patrol has been
	ActDispatch      Action = "dispatch"       // send, reassign, recall
	ActCloseCase     Action = "close_case"     // close a case
	ActAnswer        Action = "answer"         // accept, decline, en route, on scene, done: for one's own patrol
	ActSetStatus     Action = "set_status"     // of one's own patrol
	ActCommandPatrol Action = "command_patrol" // status and members of any patrol within scope
	ActSeeContacts   Action = "see_contacts"   // read whom a resident's report names to call back
	ActSendBeacon    Action = "send_beacon"
	ActWatchLive     Action = "watch_live"
	ActMapData       Action = "map_data"   // grids, roads, locate, route, cells, tiles
	ActDutySheet     Action = "duty_sheet" // print who is on duty, with their telephones
	ActCloseRoads    Action = "close_roads"
	ActAdminister    Action = "administer"
	ActEditCalendar  Action = "edit_calendar" // holidays, make-up days, working hours
	ActDossier       Action = "dossier"       // read the dossier of a case, and who was responsible when

	// Covert cases; covertness grants these.
	ActCover     Action = "cover"      // make a case covert, release it, name its commanders
	ActSeeCovert Action = "see_covert" // see covert cases within scope without taking part

	// People and devices; staffing grants these.
	ActManagePeople Action = "manage_people" // members, posts, shifts, bindings within scope
	ActEnrolDevice  Action = "enrol_device"  // make a one-time code for a patrol within scope
	ActRevokeDevice Action = "revoke_device" // report a device lost
	ActSeePhones    Action = "see_phones"    // telephone numbers of people within scope
)

// policy is the one table of who may do what. Scope (area, department, one's own
// patrol) narrows it further in Visible.
var policy = map[Role][]Action{
	RoleAdmin: {ActReport, ActSeeContacts, ActSeeCases, ActSeeOriginals, ActSeePatrols, ActSeeTracks, ActDispatch, ActCloseCase, ActAnswer,
		ActSetStatus, ActCommandPatrol, ActWatchLive, ActMapData, ActAdminister, ActDutySheet, ActCloseRoads},
	RoleOperator: {ActReport, ActSeeContacts, ActSeeCases, ActSeeOriginals, ActSeePatrols, ActSeeTracks, ActDispatch, ActCloseCase, ActAnswer,
		ActSetStatus, ActCommandPatrol, ActWatchLive, ActMapData, ActDutySheet, ActCloseRoads},
	RoleDutyLeader: {ActReport, ActSeeContacts, ActSeeCases, ActSeeOriginals, ActSeePatrols, ActSeeTracks, ActDispatch, ActCloseCase, ActAnswer,
		ActSetStatus, ActCommandPatrol, ActWatchLive, ActMapData, ActDutySheet, ActCloseRoads},
	RoleDistrictSupervisor: {ActSeeCases, ActSeeOriginals, ActSeePatrols, ActSeeTracks, ActCloseCase, ActWatchLive, ActMapData, ActDutySheet},
	RoleTownLeader:         {ActReport, ActSeeCases, ActSeePatrols, ActWatchLive, ActMapData, ActDutySheet},
	RoleOfficer:            {ActReport, ActSeeCases, ActSeePatrols, ActAnswer, ActSetStatus, ActWatchLive, ActMapData},
	RoleGridWorker:         {ActReport, ActSeeCases, ActAnswer, ActSetStatus, ActMapData},
	RolePartTimer:          {ActReport, ActSeeCases, ActAnswer, ActSetStatus, ActMapData},
	RoleGridChief:          {ActReport, ActSeeCases, ActMapData},
	RoleInstructor:         {ActReport, ActSeeCases, ActMapData},
	RoleAuditor:            {ActSeeCases, ActSeeOriginals, ActSeeTracks, ActMapData},
	RoleDevice:             {ActReport, ActSeeCases, ActAnswer, ActSetStatus, ActSendBeacon, ActMapData},
}

// staffing is the part of the table about people and devices, which reads better by
// action. Whoever is tracked manages nobody, themselves included.
var staffing = map[Action][]Role{
	ActManagePeople: {RoleAdmin, RoleOperator, RoleDutyLeader, RoleTownLeader, RoleOfficer},
	ActEnrolDevice:  {RoleAdmin, RoleOperator, RoleDutyLeader, RoleTownLeader},
	ActRevokeDevice: {RoleAdmin, RoleOperator, RoleDutyLeader},
	ActEditCalendar: {RoleAdmin, RoleDutyLeader, RoleDistrictSupervisor},
	ActSeePhones: {RoleAdmin, RoleOperator, RoleDutyLeader, RoleDistrictSupervisor, RoleTownLeader, RoleOfficer,
		RoleGridChief, RoleInstructor},
}

// accounting is the part of it about answering for what was done.
var accounting = map[Action][]Role{
	ActDossier: {RoleAdmin, RoleOperator, RoleDutyLeader, RoleDistrictSupervisor, RoleTownLeader, RoleAuditor},
}

// covertness is the part of it about covert cases. An operator makes a case covert and
// becomes its commander by that; of the covert cases of others they see nothing.
var covertness = map[Action][]Role{
	ActCover:     {RoleAdmin, RoleOperator, RoleDutyLeader},
	ActSeeCovert: {RoleAdmin, RoleDutyLeader},
}

// May says whether the viewer's role grants the action at all.
func May(v Viewer, a Action) bool {
	return slices.Contains(policy[v.Role], a) || slices.Contains(staffing[a], v.Role) || slices.Contains(accounting[a], v.Role) ||
		slices.Contains(covertness[a], v.Role)
}

// Manages says whether the viewer may do this to people, shifts and devices that
// belong to a thing: within their area and department, and never only because it is
// their own patrol. A town leader without a town and an officer without a department
// have nobody to manage.
func Manages(v Viewer, a Action, t Thing) bool {
	if !May(v, a) || v.District != t.District {
		return false
	}
	if v.Role == RoleTownLeader && v.AreaCode == "" || v.Role == RoleOfficer && v.Department == "" {
		return false
	}
	return (v.AreaCode == "" || slices.Contains(t.Areas, v.AreaCode)) &&
		(v.Department == "" || slices.Contains(t.Departments, v.Department))
}

// Thing is what Visible needs to know of a case, a patrol, a grid or a photo:
// where it belongs and whose it is. Areas lists the area it lies in and every
// area above that one.
type Thing struct {
	District    DistrictID
	Areas       []string
	Departments []string
	Patrols     []PatrolID
	Reporter    AccountID
	ReportedBy  DeviceID
	// Secrets are what must be known to see it: a covert case that it is, or that a
	// place would give away.
	Secrets []Secret `json:",omitempty"`
}

// OwnWorkOnly says whether the viewer's role sees nothing but what was given to
// their patrol and what they reported.
func (v Viewer) OwnWorkOnly() bool {
	return v.Role == RoleDevice || v.Role == RoleGridWorker || v.Role == RolePartTimer
}

// Visible is the one rule of who sees what; every door asks it: lists, live
// frames, tiles, heat, nearest, photos. A viewer sees what lies in their area
// and concerns their department, and always what their own patrol is assigned to
// or what they reported themselves. What is secret is seen by those who know of it
// alone, and by its commanders whatever their scope.
func Visible(v Viewer, t Thing) bool {
	if v.District != t.District {
		return false
	}
	commands := false
	for i := range t.Secrets {
		// Where they are themselves is no secret to anybody.
		if !t.Secrets[i].Known(v) && (v.Patrol.IsZero() || !slices.Contains(t.Patrols, v.Patrol)) {
			return false
		}
		commands = commands || t.Secrets[i].CommandedBy(v)
	}
	if commands {
		return true
	}
	if (v.Account != AccountID{} && v.Account == t.Reporter) || (v.Device != DeviceID{} && v.Device == t.ReportedBy) {
		return true
	}
	if (v.Patrol != PatrolID{}) && slices.Contains(t.Patrols, v.Patrol) {
		return true
	}
	if v.OwnWorkOnly() {
		return false
	}
	inArea := v.AreaCode == "" || slices.Contains(t.Areas, v.AreaCode)
	inDepartment := v.Department == "" || slices.Contains(t.Departments, v.Department)
	return inArea && inDepartment
}

// VisibleOnMap is the rule for what stands still and moves nobody: outlines of
// grids, places. The area bounds it; neither the department nor one's own work
// does, since everybody finds their way by the same map.
func VisibleOnMap(v Viewer, t Thing) bool {
	return v.District == t.District && (v.AreaCode == "" || slices.Contains(t.Areas, v.AreaCode))
}
