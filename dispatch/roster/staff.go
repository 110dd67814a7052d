package roster

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Staff is a row of staff, with what follows from the role filled in.
type Staff struct {
	Line             int
	Code, Name, Role string
	Department       string
	Area             string
	Phone            string
	Grid, Part       string // both or neither
	Patrol           string
	Device           string // speaks for the patrol
}

// Patrol is what the rows of its members say of a patrol.
type Patrol struct {
	Code, Name, Department, Mode string
	Skills                       []string
	Area                         string
	// WorksIn are the codes of the areas and grids that it is sent to; none is everywhere.
	WorksIn []string
}

// mostWorksIn bounds how many areas and grids one patrol works in.
const mostWorksIn = 64

// gridDepartment is the department that grid workers form.
const gridDepartment = "grid"

var staffRoles = []string{
	string(dispatch.RoleAdmin), string(dispatch.RoleOperator), string(dispatch.RoleDutyLeader), string(dispatch.RoleTownLeader),
	string(dispatch.RoleDistrictSupervisor), string(dispatch.RoleOfficer), string(dispatch.RoleGridWorker), string(dispatch.RolePartTimer),
	string(dispatch.RoleGridChief), string(dispatch.RoleInstructor), string(dispatch.RoleAuditor),
}

// partOf is the part a role has in a grid where the table does not say.
var partOf = map[string]string{
	string(dispatch.RoleGridWorker): "worker", string(dispatch.RolePartTimer): "part_timer",
	string(dispatch.RoleGridChief): "chief", string(dispatch.RoleInstructor): "instructor",
}

// People reads code,name,role,department,area_code,grid_code,patrol_code,
// patrol_mode,skills,device_id and perhaps phone, grid_part and works_in. Rows that
// share a patrol_code are one patrol; a grid worker's department is grid unless the row
// says otherwise. works_in has the names or codes of the grids, villages and towns that
// the patrol is sent to; where no row of a patrol names any it works where it did, a new
// one everywhere, and the district's own code is everywhere again.
func People(in io.Reader, known Known) ([]Staff, []Patrol, []Refusal, error) {
	needed := []string{"code", "name", "role", "department", "area_code", "grid_code", "patrol_code", "patrol_mode", "skills", "device_id"}
	p := &people{known: known, patrols: map[string]*Patrol{}, devices: map[string]string{}, workers: map[string]int{}}
	good, refused, err := decode(in, needed, []string{"phone", "grid_part", "works_in"}, p.check)
	if err != nil {
		return nil, nil, nil, err
	}
	patrols := make([]Patrol, 0, len(p.patrols))
	for _, patrol := range p.patrols {
		slices.Sort(patrol.Skills)
		slices.Sort(patrol.WorksIn)
		if len(patrol.WorksIn) == 0 {
			patrol.WorksIn = append(patrol.WorksIn, known.Patrols[patrol.Code].WorksIn...)
		}
		patrols = append(patrols, *patrol)
	}
	slices.SortFunc(patrols, func(a, b Patrol) int { return cmp.Compare(a.Code, b.Code) })
	return good, patrols, refused, nil
}

// people is what the rows read so far say together.
type people struct {
	known   Known
	codes   map[string]bool
	patrols map[string]*Patrol
	devices map[string]string // patrol by device
	workers map[string]int    // line of a grid's full-time worker
}

func (p *people) check(r *row) (string, Staff) {
	r.required("code", "name", "role")
	s := Staff{Line: r.Line, Code: r.like("code", plainCode, wantPlainCode), Name: r.Get("name"), Role: r.oneOf("role", staffRoles...),
		Department: r.Get("department"), Area: r.Get("area_code"), Phone: r.Get("phone"), Grid: r.Get("grid_code"),
		Part:   r.oneOf("grid_part", "worker", "substitute", "part_timer", "chief", "instructor"),
		Patrol: r.like("patrol_code", plainCode, wantPlainCode), Device: r.like("device_id", plainCode, wantPlainCode)}
	if s.Department == "" && s.Role == string(dispatch.RoleGridWorker) {
		s.Department = gridDepartment
	}
	if s.Department != "" && !p.known.Departments[s.Department] {
		r.refuse("department", CodeDepartment, "there is no department %.40q; import departments first", s.Department)
	}
	if s.Area != "" && p.known.AreaLevels[s.Area] == "" {
		r.refuse("area_code", CodeArea, "there is no area %.40q; import areas first", s.Area)
	}
	p.checkGrid(r, &s)
	p.checkPatrol(r, s)
	worksIn := p.worksIn(r)
	if p.codes[s.Code] {
		return s.Code, s // a duplicate; decode says so
	}
	if r.fault == nil {
		p.take(s, r, worksIn)
	}
	return s.Code, s
}

func (p *people) checkGrid(r *row, s *Staff) {
	if s.Grid == "" {
		if s.Part != "" {
			r.refuse("grid_part", CodeGrid, "a part in a grid needs grid_code")
		}
		return
	}
	if len(p.known.Grids) > 0 && !p.known.Grids[s.Grid] {
		r.refuse("grid_code", CodeGrid, "there is no grid %.40q in any version of the map", s.Grid)
	}
	if s.Part == "" {
		s.Part = partOf[s.Role]
	}
	if s.Part == "" {
		r.refuse("grid_part", CodeGrid, "what part has a %s in a grid? worker, substitute, part_timer, chief or instructor", s.Role)
	}
	if first := p.workers[s.Grid]; s.Part == "worker" && first != 0 && !p.codes[s.Code] {
		r.refuse("grid_code", CodeSecondPost, "grid %q has its full-time worker in line %d; others are substitutes", s.Grid, first)
	}
}

func (p *people) checkPatrol(r *row, s Staff) {
	mode := r.oneOf("patrol_mode", string(dispatch.Foot), string(dispatch.EBike), string(dispatch.Car))
	if s.Patrol == "" {
		for _, column := range []string{"patrol_mode", "skills", "device_id", "works_in"} {
			if r.Get(column) != "" {
				r.refuse(column, CodePatrol, "%s belongs to a patrol; patrol_code is empty", column)
			}
		}
		return
	}
	before, told := p.patrols[s.Patrol]
	switch {
	case s.Department == "":
		r.refuse("department", CodeRequired, "a patrol needs its department")
	case told && before.Department != s.Department:
		r.refuse("department", CodePatrol, "patrol %q is of %s in an earlier row", s.Patrol, before.Department)
	case told && mode != "" && before.Mode != mode:
		r.refuse("patrol_mode", CodePatrol, "patrol %q goes by %s in an earlier row", s.Patrol, before.Mode)
	case !told && mode == "" && p.known.Patrols[s.Patrol].Mode == "":
		r.refuse("patrol_mode", CodeRequired, "a new patrol needs its mode: foot, ebike or car")
	}
	if of, taken := p.devices[s.Device]; s.Device != "" && taken && of != s.Patrol {
		r.refuse("device_id", CodeDevice, "device %q speaks for patrol %q in an earlier row", s.Device, of)
	}
}

// worksIn answers the codes of what a row's works_in names by code or name.
func (p *people) worksIn(r *row) []string {
	codes := []string{}
	for _, named := range r.list("works_in") {
		found := p.known.Named[named]
		if p.known.AreaLevels[named] != "" || p.known.Grids[named] {
			found = []string{named}
		}
		switch {
		case len(found) == 0:
			r.refuse("works_in", CodeArea, "there is no grid, village or town %.40q; write the code or the name of one that is imported, several with ; between them", named)
		case len(found) > 1:
			r.refuse("works_in", CodeArea, "%d places are called %.40q; write the code of the one that is meant: %s", len(found), named, strings.Join(found[:min(len(found), 5)], ", "))
		case !slices.Contains(codes, found[0]):
			codes = append(codes, found[0])
		}
	}
	if len(codes) > mostWorksIn {
		r.refuse("works_in", CodeValue, "%d places; %d at most, name the town instead of its grids", len(codes), mostWorksIn)
	}
	return codes
}

// take counts a good row in.
func (p *people) take(s Staff, r *row, worksIn []string) {
	if p.codes == nil {
		p.codes = map[string]bool{}
	}
	p.codes[s.Code] = true
	if s.Part == "worker" {
		p.workers[s.Grid] = s.Line
	}
	if s.Patrol == "" {
		return
	}
	if s.Device != "" {
		p.devices[s.Device] = s.Patrol
	}
	patrol, told := p.patrols[s.Patrol]
	if !told {
		patrol = &Patrol{Code: s.Patrol, Name: s.Name, Department: s.Department, Mode: cmp.Or(r.Get("patrol_mode"), p.known.Patrols[s.Patrol].Mode),
			Skills: []string{}, Area: s.Area, WorksIn: []string{}}
		p.patrols[s.Patrol] = patrol
	} else {
		patrol.Name = s.Patrol // a patrol of several is called by its code, one of one by its member
	}
	for _, skill := range r.list("skills") {
		if !slices.Contains(patrol.Skills, skill) {
			patrol.Skills = append(patrol.Skills, skill)
		}
	}
	for _, code := range worksIn {
		if !slices.Contains(patrol.WorksIn, code) {
			patrol.WorksIn = append(patrol.WorksIn, code)
		}
	}
}
