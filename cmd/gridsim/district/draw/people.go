package draw

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// person is one row of staff.csv.
type person struct {
	code, name, role, department, area, grid, patrol, mode, skills, device, phone, part string
}

// shift is one row of shifts.csv: hours from the start of the demo.
type shift struct {
	patrol     string
	fromH, toH int
}

// people are the staff and when they work.
type people struct {
	rng    *rand.Rand
	staff  []person
	shifts []shift
	phones int
}

// patrolPlans are the patrols of each department: how many walk, ride and
// drive, and what they are trained for.
var patrolPlans = []struct {
	department, short string
	foot, ebike, car  int
	skills            string
	everyNth          int // who has the skills
}{
	{"police", "公安", 3, 6, 9, "hazmat", 3},
	{"market", "市监", 2, 4, 4, "food", 1},
	{"environment", "环境", 1, 2, 5, "hazmat;sampling", 1},
	{"fire", "消防", 0, 1, 4, "hazmat;rescue", 1},
	{"emergency", "应急", 0, 1, 4, "hazmat;rescue", 1},
	{"enforcement", "执法", 2, 4, 4, "", 1},
	{"health", "卫健", 1, 1, 2, "medical", 1},
}

const (
	shiftsFromH = -30
	shiftsToH   = 15 * 24
)

func newPeople(rng *rand.Rand, l *land, r *register, special []specialGrid, roads *roadNet) *people {
	p := &people{rng: rng}
	for i, g := range l.grids {
		v := r.villages[g.village]
		code, mode := g.code(r), "foot"
		if d := urban(g.centre); d < 0.45 || i%4 == 0 {
			mode = "ebike"
		}
		patrol := fmt.Sprintf("W%03d", i+1)
		p.add(person{code: "S-" + patrol, role: "grid_worker", department: "grid", area: v.code, grid: code,
			patrol: patrol, mode: mode, device: "dev-" + strings.ToLower(patrol), part: "worker"})
		p.add(person{code: fmt.Sprintf("S-C%03d", i+1), role: "grid_chief", area: v.code, grid: code, part: "chief"})
		p.add(person{code: fmt.Sprintf("S-I%03d", i+1), role: "instructor", area: r.towns[v.town].code, grid: code, part: "instructor"})
		p.add(person{code: fmt.Sprintf("S-P%03d", i+1), role: "part_timer", area: v.code, grid: code, part: "part_timer"})
		p.workerShifts(patrol, i)
	}
	for _, plan := range patrolPlans {
		count := plan.foot + plan.ebike + plan.car
		for k := range count {
			mode := "car"
			if k < plan.foot {
				mode = "foot"
			} else if k < plan.foot+plan.ebike {
				mode = "ebike"
			}
			skills := ""
			if k%plan.everyNth == 0 {
				skills = plan.skills
			}
			patrol := fmt.Sprintf("%s%02d", plan.short, k+1) // what the radio says
			tag := fmt.Sprintf("%s%02d", strings.ToUpper(plan.department[:3]), k+1)
			for officer := range 2 {
				o := person{code: fmt.Sprintf("S-%s-%d", tag, officer+1), role: "officer", department: plan.department,
					area: districtCode, patrol: patrol, mode: mode, skills: skills}
				if officer == 0 {
					o.device = "dev-" + strings.ToLower(tag)
				}
				p.add(o)
			}
			p.patrolShifts(patrol, k*12/count)
		}
	}
	for i, role := range []string{"operator", "operator", "operator", "operator", "duty_leader", "duty_leader", "district_supervisor", "auditor", "admin"} {
		p.add(person{code: fmt.Sprintf("S-H%02d", i+1), role: role, area: districtCode})
	}
	for i, t := range r.towns {
		p.add(person{code: fmt.Sprintf("S-T%02d", i+1), role: "town_leader", area: t.code})
	}
	return p
}

func (p *people) add(x person) {
	x.name = p.personName()
	p.phones++
	x.phone = fmt.Sprintf("1380000%04d", p.phones%10000)
	p.staff = append(p.staff, x)
}

// workerShifts: twelve hours on, twelve off, one day in seven free, starts
// spread over the day. Six sevenths of half of 622 are 266.
func (p *people) workerShifts(patrol string, i int) {
	start := i * 5 % 24 // spreads neighbours over the day
	for day := -3; day*24+start < shiftsToH; day++ {
		if ((day+i/24)%7+7)%7 == 0 || day*24+start+12 <= shiftsFromH {
			continue
		}
		p.shifts = append(p.shifts, shift{patrol, day*24 + start, day*24 + start + 12})
	}
}

// patrolShifts: nine hours out, three hours in for the change of crew.
func (p *people) patrolShifts(patrol string, start int) {
	for at := start - 48; at < shiftsToH; at += 12 {
		if at+9 > shiftsFromH {
			p.shifts = append(p.shifts, shift{patrol, at, at + 9})
		}
	}
}

var (
	surnames = []rune("陈王林张李徐叶黄郑罗蔡梁金朱吴周杨胡洪阮潘许应颜管项戴卢方葛")
	given    = []rune("建国志强海波晓燕伟明丽娟小红永平文军春华国庆秀英玉兰俊杰佳怡子涵宇轩雨欣浩然慧敏灵江丹青云飞正阳立新美玲")
)

func (p *people) personName() string {
	name := string(surnames[p.rng.IntN(len(surnames))]) + string(given[p.rng.IntN(len(given))])
	if p.rng.IntN(5) > 0 {
		name += string(given[p.rng.IntN(len(given))])
	}
	return name
}

func (p *people) staffCSV() []byte {
	b := []byte("code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id,phone,grid_part\n")
	for _, x := range p.staff {
		b = append(b, strings.Join([]string{x.code, x.name, x.role, x.department, x.area, x.grid, x.patrol, x.mode, x.skills, x.device, x.phone, x.part}, ",")+"\n"...)
	}
	return b
}

func (p *people) shiftsCSV() []byte {
	b := []byte("patrol_code,from,until\n")
	for _, s := range p.shifts {
		b = fmt.Appendf(b, "%s,%+dh,%+dh\n", s.patrol, s.fromH, s.toH)
	}
	return b
}

func areasCSV(r *register) []byte {
	// The telephones of the information rooms are as invented as the people's.
	b := []byte("code,name,level,parent_code,phone\n")
	b = fmt.Appendf(b, "%s,%s,district,,0576-5550100\n", districtCode, districtName)
	for i, t := range r.towns {
		b = fmt.Appendf(b, "%s,%s,town,%s,0576-55501%02d\n", t.code, t.name, districtCode, i+1)
	}
	for _, v := range r.villages {
		b = fmt.Appendf(b, "%s,%s,village,%s,\n", v.code, v.name, r.towns[v.town].code)
	}
	return b
}
