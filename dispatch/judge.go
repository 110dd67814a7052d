package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Owner is who has a case in hand at present.
type Owner struct {
	Kind OwnerKind `json:"kind"`
	Code string    `json:"code,omitempty"` // of a unit
}

// Flow is what the course of a case has left behind that its next moves depend on.
type Flow struct {
	Returns     int          `json:"returns,omitempty"`
	Return      *Returned    `json:"return,omitempty"` // the last one
	Ruled       string       `json:"ruled,omitempty"`  // the unit that a ruling named
	Ask         *Asked       `json:"ask,omitempty"`    // waits for approval
	Extensions  int          `json:"extensions,omitempty"`
	Until       *time.Time   `json:"until,omitempty"`   // end of the suspension
	SentAt      *time.Time   `json:"sent_at,omitempty"` // first, in this life of the case: it is given MostDays from then on
	Handlers    []string     `json:"handlers,omitempty"`
	Drawn       *bool        `json:"drawn,omitempty"` // settled on the spot: is it checked?
	Tier        string       `json:"tier,omitempty"`
	Urged       int          `json:"urged,omitempty"`
	UrgedAt     *time.Time   `json:"urged_at,omitempty"`
	Supervision *Supervision `json:"supervision,omitempty"`
	Reopened    int          `json:"reopened,omitempty"`
	Joined      *Joined      `json:"joined,omitempty"` // it ended as a part of another case
	ReopenedAt  *time.Time   `json:"reopened_at,omitempty"`
	// Filled is what was lacking before the last dispatch by hand, for whoever takes that
	// back. It names patrols, and leaves through no door.
	Filled []Shortfall `json:"filled,omitempty"`
}

// Returned is "not ours".
type Returned struct {
	From     string    `json:"from"`
	Proposed string    `json:"proposed"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// Asked is a wish for more time that waits for approval: an extension by days, or a
// suspension until a time.
type Asked struct {
	For    string     `json:"for"` // extension, suspension
	Days   int        `json:"days,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Reason string     `json:"reason"`
	At     time.Time  `json:"at"`
}

// What is asked for.
const (
	AskedExtension  = "extension"
	AskedSuspension = "suspension"
)

// The levels of supervision, and who orders them.
const (
	LevelTown     = "town"
	LevelDistrict = "district"
	LevelListed   = "listed" // 挂牌督办
)

var levels = []string{LevelTown, LevelDistrict, LevelListed}

// levelsOf are the levels at which a role orders: a town's leader the town's alone.
func levelsOf(r Role) []string {
	if r == RoleTownLeader {
		return levels[:1]
	}
	return levels
}

// orderable are the levels at which a viewer may order supervision of a case as it is:
// their own, above the order that waits.
func orderable(v Viewer, c Case) []string {
	waits := -1
	if s := c.Flow.Supervision; s != nil && s.AnsweredAt == nil {
		waits = slices.Index(levels, s.Level)
	}
	out := []string{}
	for i, level := range levels {
		if i > waits && slices.Contains(levelsOf(v.Role), level) {
			out = append(out, level)
		}
	}
	return out
}

// Supervision is a formal order with a level, and an answer due.
type Supervision struct {
	Level      string     `json:"level"`
	Reason     string     `json:"reason"`
	By         string     `json:"by"` // system, or who ordered it
	At         time.Time  `json:"at"`
	DueAt      time.Time  `json:"due_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	Answer     string     `json:"answer,omitempty"`
}

// OwnerOf is who has a case in hand: by its stage, and of units the lead.
func (c Case) OwnerOf() Owner {
	o := Owner{Kind: ownerIn(c.Stage, c.Flow)}
	if o.Kind == OwnerUnit {
		o.Code = c.lead()
	}
	return o
}

func (c Case) lead() string {
	for _, d := range c.Departments {
		if d.Part == PartLead {
			return d.Code
		}
	}
	return GridDepartment
}

// Waitings are the lists of what waits for somebody: late, nearly late, for a ruling, an
// approval, a check, the answer to an order.
var Waitings = []string{"overdue", "warned", "ruling", "approval", "verification", "supervised"}

// urgeEvery is how long a case stays quiet after it was urged.
const urgeEvery = 10 * time.Minute

// speaksFor says whether a viewer belongs to the unit that has the case: its officers,
// its patrols that were sent, the people of the grid where it is settled locally, and
// the duty room on its behalf.
func speaksFor(v Viewer, c Case) bool {
	o := c.OwnerOf()
	if o.Kind != OwnerUnit {
		return false
	}
	switch v.Role {
	case RoleSystem, RoleOperator, RoleDutyLeader, RoleAdmin:
		return true
	case RoleOfficer:
		return v.Department == o.Code || ownPatrol(v, c, o.Code)
	case RoleTownLeader, RoleGridChief:
		return local(o.Code)
	}
	return ownPatrol(v, c, o.Code)
}

func ownPatrol(v Viewer, c Case, unit string) bool {
	return !v.Patrol.IsZero() && slices.ContainsFunc(c.Assignments, func(a Assignment) bool {
		return a.PatrolID == v.Patrol && (a.State.Active() || a.State == Done) && (a.Department == unit || local(unit) && a.Kind == KindFirstLook)
	})
}

// names answers what an actor may be known by among those who handled a case.
func (v Viewer) names() []string {
	out := []string{}
	if !v.Account.IsZero() || !v.Device.IsZero() {
		out = append(out, actorName(v))
	}
	if !v.Patrol.IsZero() {
		out = append(out, "patrol:"+v.Patrol.String())
	}
	if !v.Staff.IsZero() {
		out = append(out, "staff:"+v.Staff.String())
	}
	return out
}

func (c Case) handledBy(v Viewer) bool {
	return slices.ContainsFunc(v.names(), func(n string) bool { return slices.Contains(c.Flow.Handlers, n) })
}

// holds says whether a guard lets a viewer through, and else why not.
func (g Guard) holds(v Viewer, c Case, now time.Time, o MoveOrder) bool {
	f := c.Flow
	returns := f.Returns
	if c.Stage == StageDispatched {
		returns++ // the one that would come now
	}
	switch g {
	case GuardOwner:
		return speaksFor(v, c)
	case GuardNotHandler:
		return !c.handledBy(v)
	case GuardPlanned:
		return c.Dispatch != DispatchPending
	case GuardNobodySent:
		return !slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.Kind == KindDepartment && a.State.Active() })
	case GuardFirstReturn:
		return returns <= 1
	case GuardSecond:
		return returns > 1
	case GuardNotRuled:
		return f.Ruled == ""
	case GuardExtension:
		return f.Ask != nil && f.Ask.For == AskedExtension
	case GuardSuspension:
		return f.Ask != nil && f.Ask.For == AskedSuspension
	case GuardAsked:
		return f.Ask != nil
	case GuardNotAsked:
		return f.Ask == nil
	case GuardExtendable:
		return c.Urgency != "ordinary" && f.Extensions < 2
	case GuardWritten:
		return f.Extensions == 0 || o.Move == "" || strings.TrimSpace(o.Document) != ""
	case GuardUndoable:
		return c.UndoUntil != nil && now.Before(*c.UndoUntil)
	case GuardNotDrawn:
		return f.Drawn != nil && !*f.Drawn
	case GuardUnit:
		return c.OwnerOf().Kind == OwnerUnit
	case GuardQuiet:
		return f.UrgedAt == nil || !now.Before(f.UrgedAt.Add(urgeEvery))
	case GuardSupervised:
		return f.Supervision != nil && f.Supervision.AnsweredAt == nil
	case GuardNobodyThere:
		return !slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.Kind == KindDepartment && a.ArrivedAt != nil })
	case GuardJoined:
		return f.Joined != nil
	case GuardOwnLevel: // what is no level at all, check says
		return !slices.Contains(levels, o.Level) || slices.Contains(levelsOf(v.Role), o.Level)
	case GuardHigher:
		can := orderable(v, c)
		return slices.Contains(can, o.Level) || len(can) > 0 && !slices.Contains(levels, o.Level)
	}
	return false
}

// guardWords say why a guard does not let somebody through.
var guardWords = map[Guard]Words{
	GuardOwner:       {"只有承办单位可以办理", "Only the unit that has the case may do this"},
	GuardNotHandler:  {"您参与过处置，须由他人办理", "You took part in handling it; somebody else must do this"},
	GuardPlanned:     {"正在安排派遣，请稍候", "It is being planned at the moment; try again"},
	GuardNobodySent:  {"已有部门力量在途，先召回", "A department's patrol is on its way; recall it first"},
	GuardFirstReturn: {"第二次退单须经裁定", "It came back twice; it needs a ruling"},
	GuardSecond:      {"首次退单由指挥中心改派，无需裁定", "It came back once; the command centre sends it on without a ruling"},
	GuardNotRuled:    {"已经裁定，不能再退", "It was ruled whose it is; it cannot be returned"},
	GuardExtension:   {"没有待批的延期申请", "No extension was asked for"},
	GuardSuspension:  {"没有待批的挂账申请", "No suspension was asked for"},
	GuardAsked:       {"没有待批的申请", "Nothing was asked for"},
	GuardNotAsked:    {"已有申请待批", "Something waits for approval already"},
	GuardExtendable:  {"一般事项不予延期；其他事项最多延期两次", "Ordinary cases are not extended, others twice at most"},
	GuardWritten:     {"第二次延期须有书面批准文号", "A second extension needs the number of a written approval"},
	GuardUndoable:    {"派单已经发出，不能撤销", "The offers have left"},
	GuardNotDrawn:    {"抽中核查，须有人核查", "The lot fell on it: somebody must check"},
	GuardUnit:        {"尚未派到承办单位", "No unit has it"},
	GuardQuiet:       {"刚刚催办过，十分钟后可再催", "It was urged less than ten minutes ago"},
	GuardSupervised:  {"没有待答复的督办", "No supervision order waits for an answer"},
	GuardOwnLevel:    {"镇街领导只能下达镇街督办", "A town's leader orders at the level of the town alone"},
	GuardNobodyThere: {"已有部门到场，不能自动并案", "A department has arrived; only a person joins it now"},
	GuardJoined:      {"未并入其他事件", "It is joined to no other case"},
	GuardHigher:      {"已有同级或更高级督办", "An order of this level or above waits for its answer"},
}

// moveWords are the names of the moves.
var moveWords = map[Move]Words{
	MoveAccept: {"受理", "Accept"}, MoveVoid: {"注销", "Cancel"}, MoveSelfHandle: {"自行处置", "Settled on the spot"}, MoveDraw: {"抽查", "Draw for checking"},
	MoveFile: {"立案", "File"}, MoveDispatch: {"派遣", "Hand to the unit"}, MoveUndo: {"撤销派单", "Undo"}, MoveSign: {"签收", "Sign in"},
	MoveReturn: {"退单", "Return"}, MoveRule: {"裁定", "Rule"}, MoveStart: {"开始处置", "Begin"}, MoveAskExtension: {"申请延期", "Ask for more time"},
	MoveAskSuspension: {"申请挂账", "Ask to suspend"}, MoveGrant: {"批准", "Approve"}, MoveRefuse: {"不批准", "Refuse"}, MoveResume: {"继续处置", "Go on"},
	MoveFeedback: {"反馈", "Feed back"}, MoveCheck: {"转核查", "To checking"}, MovePass: {"核查通过", "Passed"}, MoveFail: {"返工", "Rework"},
	MoveClose: {"直接结案", "Close"}, MoveReopen: {"重新立案", "Reopen"}, MoveUrge: {"催办", "Urge"}, MoveSupervise: {"督办", "Supervise"}, MoveAnswer: {"答复督办", "Answer the order"},
	MoveJoin: {"并案", "Join"}, MoveSplit: {"拆案", "Split"}, MoveCombine: {"综合查一次", "Combine visits"},
}

var roleWords = map[Role]Words{
	RoleSystem: {"系统", "the system"}, RoleAdmin: {"管理员", "administrator"}, RoleOperator: {"值班员", "operator"}, RoleDutyLeader: {"值班长", "duty leader"},
	RoleTownLeader: {"镇街领导", "town leader"}, RoleDistrictSupervisor: {"区级督查", "district supervisor"}, RoleOfficer: {"部门人员", "officer"},
	RoleGridWorker: {"网格员", "grid worker"}, RolePartTimer: {"兼职网格员", "part-timer"}, RoleGridChief: {"网格长", "grid chief"},
	RoleInstructor: {"网格指导员", "instructor"}, RoleDevice: {"终端", "device"}, RoleAuditor: {"审计", "auditor"},
}

// NextMove is a move that the case could take from where it is, and whether the
// viewer may take it.
type NextMove struct {
	Move    Move   `json:"move"`
	Name    Words  `json:"name"`
	To      Stage  `json:"to"` // the stage itself where it stays
	Allowed bool   `json:"allowed"`
	WhyNot  *Words `json:"why_not"`
	Needs   []Form `json:"needs"`
	// Levels are those at which the viewer may order supervision now.
	Levels []string `json:"levels,omitempty"`
}

// judge finds the row by which a viewer takes a move, or says why they may not.
func judge(v Viewer, c Case, o MoveOrder, now time.Time) (Rule, *Fault) {
	var why *Fault
	for _, r := range rules {
		if r.Move != o.Move || r.From != c.Stage {
			continue
		}
		w, ok := r.lets(v, c, o, now)
		if ok {
			return r, nil
		}
		if why == nil || why.Kind == Forbidden {
			why = w
		}
	}
	if why == nil {
		detail := fmt.Sprintf("Case %s is %s; %s is not possible from there.", c.Number, c.Stage, o.Move)
		why = &Fault{Kind: Conflict, Code: "no-such-move", Detail: detail}
	}
	return Rule{}, why
}

// lets says whether one row lets a viewer through.
func (r Rule) lets(v Viewer, c Case, o MoveOrder, now time.Time) (*Fault, bool) {
	if !slices.Contains(r.By, v.Role) {
		return &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Your role may not do this; it is for: " + r.whose().EN + "."}, false
	}
	for _, g := range r.When {
		if !g.holds(v, c, now, o) {
			kind := Conflict
			if g == GuardOwner || g == GuardNotHandler || g == GuardOwnLevel {
				kind = Forbidden
			}
			return &Fault{Kind: kind, Code: "move-not-possible", Detail: guardWords[g].EN + ".", Err: &guardError{g}}, false
		}
	}
	return nil, true
}

// guardError keeps which guard it was, for the words of the page.
type guardError struct{ guard Guard }

func (e *guardError) Error() string { return string(e.guard) }

func (r Rule) whose() Words {
	var zh, en []string
	for _, role := range r.By {
		zh, en = append(zh, roleWords[role].ZH), append(en, roleWords[role].EN)
	}
	return Words{strings.Join(zh, "、"), strings.Join(en, ", ")}
}

// NextMoves answers what can become of a case from where it is, and for what the
// viewer may not do why not; what only rules and clocks do is left out.
func NextMoves(v Viewer, c Case, now time.Time) []NextMove {
	out := []NextMove{}
	for _, r := range rules {
		if r.From != c.Stage || slices.Equal(r.By, system1) {
			continue
		}
		n := NextMove{Move: r.Move, Name: moveWords[r.Move], To: r.To, Needs: slices.Clone(r.Needs)}
		if n.To == "" {
			n.To = c.Stage
		}
		if n.Needs == nil {
			n.Needs = []Form{}
		}
		if r.Move == MoveGrant && c.Flow.Extensions > 0 && r.To == StageExtended {
			n.Needs = append(n.Needs, FormDocument)
		}
		if slices.Contains(r.Needs, FormLevel) {
			n.Levels = orderable(v, c)
		}
		fault, ok := r.lets(v, c, MoveOrder{}, now)
		n.Allowed = ok
		if !ok {
			w := Words{"由" + r.whose().ZH + "办理", "For: " + r.whose().EN}
			if g, is := fault.Err.(*guardError); is {
				w = guardWords[g.guard]
			}
			n.WhyNot = &w
		}
		if i := slices.IndexFunc(out, func(x NextMove) bool { return x.Move == n.Move }); i >= 0 {
			if n.Allowed && !out[i].Allowed {
				out[i] = n
			}
			continue
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b NextMove) int {
		switch {
		case a.Allowed == b.Allowed:
			return 0
		case a.Allowed:
			return -1
		}
		return 1
	})
	return out
}

const maxMoveText = 1000 // runes

// check says what is missing of a move's evidence, and what is wrong with what came.
func (o MoveOrder) check(r Rule, c Case, now time.Time) error {
	var fields []FieldFault
	bad := func(pointer, detail string) { fields = append(fields, FieldFault{pointer, detail}) }
	for pointer, text := range map[string]string{"/reason": o.Reason, "/result": o.Result, "/document": o.Document} {
		if utf8.RuneCountInString(text) > maxMoveText {
			bad(pointer, "may have 1000 characters at most")
		}
	}
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	for _, form := range r.Needs {
		switch form {
		case FormReason:
			if blank(o.Reason) {
				bad("/reason", "is missing; say why")
			}
		case FormResult:
			if blank(o.Result) {
				bad("/result", "is missing; say what was done and found")
			}
		case FormOwner:
			if blank(o.Owner) {
				bad("/owner", "is missing; name the department, village or town that should have it")
			}
		case FormDays:
			if o.Days < 1 || o.Days > MostDays {
				bad("/days", "must be 1 to 15 working days")
			}
		case FormUntil:
			if o.Until == nil || !o.Until.After(now) || o.Until.After(now.Add(MostAhead)) {
				bad("/until", "must be a time within the coming year")
			}
		case FormCase:
			switch {
			case o.Case.IsZero():
				bad("/case", "is missing; name the case that goes on")
			case o.Case == c.ID:
				bad("/case", "is the case itself; name another")
			}
		case FormLevel:
			if !slices.Contains(levels, o.Level) {
				bad("/level", "must be town, district or listed")
			}
		}
	}
	if r.Move == MoveReturn && o.Owner == c.lead() {
		bad("/owner", "is the unit that returns it; name another")
	}
	if o.Hours < 0 || o.Hours > 15*24 {
		bad("/hours", "must be 1 to 360")
	}
	if len(fields) > 0 {
		slices.SortFunc(fields, func(a, b FieldFault) int { return strings.Compare(a.Pointer, b.Pointer) })
		return &Fault{Kind: Invalid, Code: "invalid-move", Detail: "The move lacks something: " + fields[0].Pointer + " " + fields[0].Detail + ".", Fields: fields}
	}
	return nil
}
