package dispatch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"
)

// FollowUp is how a reporter without an account hears what becomes of a report: a
// code that is told once, fit to be read out and written down, and the page that
// takes it. The code stands behind the # of the address, which no browser sends.
type FollowUp struct {
	Code string `json:"code"`
	URL  string `json:"url"`
}

// The digits of Crockford's base 32: no I, L, O or U to be taken for another.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeDigits of 5 bits each: 50 bits, which a throttled guesser does not find.
const codeDigits = 10

// newFollowUpCode makes a code such as 7QK2M-9XD4T.
func newFollowUpCode() string {
	b := make([]byte, codeDigits)
	_, _ = rand.Read(b) // never fails (crypto/rand aborts the program instead)
	for i := range b {
		b[i] = crockford[b[i]%32]
	}
	return string(b[:5]) + "-" + string(b[5:])
}

// plainCode reads a code as people write it: any case, groups as they like, and O, I,
// L for the digits they look like. What cannot be one is "".
func plainCode(s string) string {
	if len(s) > 64 {
		return ""
	}
	s = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(s))
	if len(s) != codeDigits || strings.Trim(s, crockford) != "" {
		return ""
	}
	return s
}

func followUpOf(id ReportID, code string) *FollowUp {
	return &FollowUp{Code: code, URL: "/follow#" + id.String() + "." + code}
}

// hashFollowUp is what is kept of a code. The report's own id goes in, so that one
// table of hashes does not serve for all.
func hashFollowUp(id ReportID, code string) [32]byte {
	return sha256.Sum256([]byte(id.String() + "." + plainCode(code)))
}

// CodeHash is a kept follow-up code of a report.
type CodeHash struct {
	Report ReportID
	Hash   [32]byte
}

// Message is one thing that a reporter was told.
type Message struct {
	Why  string    `json:"why"`
	At   time.Time `json:"at"`
	Text Words     `json:"text"`
}

// ReportFile is a report with its case and what its reporter was told, as the store
// has it.
type ReportFile struct {
	Report   Report
	Case     Case
	Names    Names
	Messages []Message // oldest first
	Contact  *Contact
	Reporter Reporter
	// FiledAs and ToldNumber are the case that the reporter knows of, which is another
	// where theirs was joined to one; FiledCategory is what they took it for.
	FiledAs       CaseID
	ToldNumber    string
	FiledCategory Words
}

// Followed is what a reporter hears of a report. The public view has no place, no
// people, no description, and no identifier but the number it was asked by; what
// follows Messages is for those who are signed in.
type Followed struct {
	Number     string               `json:"number"`
	ReceivedAt time.Time            `json:"received_at"`
	Category   Words                `json:"category"`
	Stage      Stage                `json:"stage"`
	StageText  Words                `json:"stage_text"`
	Open       bool                 `json:"open"`
	Goes       []FollowedDepartment `json:"departments"`
	Arrived    bool                 `json:"arrived"`
	Result     *Words               `json:"result"`
	Messages   []Message            `json:"messages"`
	// Evaluation is what the reporter said of it, nil where they did not.
	Evaluation *Evaluation `json:"evaluation"`

	Report  *Report  `json:"report,omitempty"`
	Contact *Contact `json:"contact,omitempty"`
	// Covert says that it was a covert case that was looked into.
	Covert bool `json:"-"`
}

// FollowedDepartment is a department that deals with it, and how far it is.
type FollowedDepartment struct {
	Code  string `json:"code"`
	Name  Words  `json:"name"`
	State string `json:"state"` // waiting, coming, arrived, done
}

// FollowUp answers the public view of a report to whoever has its code. ref is the
// report's id, or the number of its case, which is what a person can type. An unknown
// report and a wrong code are one answer.
func (s *Service) FollowUp(ctx context.Context, ref, code string) (Followed, error) {
	file, err := s.fileOfCode(ctx, ref, code)
	if err != nil {
		return Followed{}, err
	}
	return s.toldOf(file), nil
}

// toldOf is what whoever has the code of a report is told of it.
func (s *Service) toldOf(file ReportFile) Followed {
	out := file.followed()
	if file.hidden(Viewer{District: s.District}) { // a code is nobody who takes part
		file.receipt(&out)
	}
	return out
}

func (s *Service) fileOfCode(ctx context.Context, ref, code string) (ReportFile, error) {
	id, err := ParseID[reportKind](ref)
	number := ""
	if err != nil {
		id, number = ReportID{}, ref
	}
	kept, err := s.Store.FollowUpCodes(ctx, id, number)
	if err != nil {
		return ReportFile{}, err
	}
	var found ReportID
	code = plainCode(code)
	if len(kept) == 0 {
		kept = append(kept, CodeHash{}) // as much work as for a report that exists
	}
	for _, k := range kept {
		hash := hashFollowUp(k.Report, code)
		if subtle.ConstantTimeCompare(hash[:], k.Hash[:]) == 1 {
			found = k.Report
		}
	}
	if found.IsZero() || code == "" {
		return ReportFile{}, &Fault{Kind: NotFound, Code: "not-found", Detail: "The number and the code do not belong together; check both."}
	}
	return s.Store.ReportFile(ctx, found)
}

// Report answers a report and what its reporter was told, to whoever may see its
// case. Whom to call back is for those who deal with residents.
func (s *Service) Report(ctx context.Context, v Viewer, id ReportID) (Followed, error) {
	if err := allow(v, ActSeeCases); err != nil {
		return Followed{}, err
	}
	file, err := s.Store.ReportFile(ctx, id)
	if KindOf(err) == NotFound || (err == nil && !Visible(v, file.Case.Scope) && !file.Reporter.is(v)) {
		return Followed{}, hidden("report")
	}
	if err != nil {
		return Followed{}, err
	}
	out := file.followed()
	out.Report = &file.Report
	if file.hidden(v) {
		file.receipt(&out)
	} else {
		out.Covert = file.Case.Covert != nil
	}
	if May(v, ActSeeContacts) {
		out.Contact = file.Contact
	}
	return out, nil
}

func (f ReportFile) followed() Followed {
	c := f.Case
	out := Followed{Number: f.ToldNumber, ReceivedAt: f.Report.ReceivedAt, Category: f.Names.category(c.Category), Stage: c.Stage,
		StageText: PlainStage(c.Stage), Open: c.Stage.Open(), Goes: []FollowedDepartment{}, Messages: f.Messages, Evaluation: f.Report.Evaluation}
	if out.Messages == nil {
		out.Messages = []Message{}
	}
	add := func(code string) {
		state := departmentState(c, code)
		if state == "waiting" && !out.Open {
			return // nobody came, and nobody will
		}
		out.Goes = append(out.Goes, FollowedDepartment{code, f.Names.Department(code), state})
		out.Arrived = out.Arrived || state == "arrived" || state == "done"
	}
	for _, d := range c.Departments {
		if !local(d.Code) {
			add(d.Code)
		}
	}
	if departmentState(c, GridDepartment) != "waiting" || (len(out.Goes) == 0 && out.Open) {
		add(GridDepartment)
	}
	for i := range f.Messages {
		if m := f.Messages[i]; m.Why == WhyClosed || m.Why == WhyVoid {
			out.Result = &m.Text
		}
	}
	if c.Stage.Open() {
		out.Result = nil // opened again
	}
	return out
}

// departmentState is how far the furthest of a department's people are.
func departmentState(c Case, department string) string {
	state := "waiting"
	for _, a := range c.Assignments {
		switch {
		case a.Department != department:
		case a.State == Done, a.ArrivedAt != nil && !c.Stage.Open():
			return "done"
		case a.State == There:
			state = "arrived"
		case a.State.Active() && a.LeavesAt == nil && state == "waiting":
			state = "coming"
		}
	}
	return state
}
