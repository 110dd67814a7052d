package draw

import "strings"

// departments that have patrols of their own.
var departments = [][3]string{
	{"grid", "全科网格", "Grid workers"},
	{"police", "公安", "Police"},
	{"market", "市场监管", "Market supervision"},
	{"environment", "生态环境", "Environment"},
	{"fire", "消防", "Fire"},
	{"emergency", "应急管理", "Emergency (work safety)"},
	{"enforcement", "综合行政执法", "Comprehensive enforcement"},
	{"health", "卫生健康", "Health"},
}

func departmentsCSV() []byte {
	b := []byte("code,name_zh,name_en\n")
	for _, d := range departments {
		b = append(b, strings.Join(d[:], ",")+"\n"...)
	}
	return b
}

// categories is the published list. Lead village or town: settled locally.
// Departments without patrols here (transport, water, ...) are named all the same: the
// shortfall is then said by name. Where a matter tends to come back (a workshop, a vat, a
// dump) the place is looked at again 3, 7 and 30 days after its end; to the food workshop and
// the chemicals store the police bring two. Trees go by themselves though they are
// ordinary: a storm fells many at once, and those reports wait for one another (docs/batch.md).
const categories = `code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode,skill,revisit_days,crews
A01,出租房未登记,Rental house unregistered,police,,fire,ordinary,confirm,,,
A02,三合一场所住人,People living in a workshop,fire,police,,ordinary,confirm,,,
A03,赌博,Gambling,police,,,ordinary,confirm,,,
A04,涉毒,Drugs,police,,,ordinary,confirm,,,
A05,盗窃,Theft,police,,,ordinary,confirm,,,
A06,矛盾纠纷,Dispute,village,,judicial_office,ordinary,manual,,,
A07,欠薪,Unpaid wages,human_resources,,police,hard,confirm,,,
A08,传销,Pyramid selling,market,police,,ordinary,confirm,,,
A09,困难群众,Person in need,village,,civil_affairs,ordinary,manual,,,
A10,群体性事件,Mass incident,police,,,urgent,auto,,,
B01,食品黑作坊,Illegal food workshop,market,police,,urgent,auto,,3;7;30,police:2
B02,无证经营,Unlicensed trade,market,,enforcement,ordinary,confirm,,,
B03,过期或掺假食品,Expired or adulterated food,market,,police,ordinary,confirm,,,
B04,制售假冒伪劣,Counterfeits,market,police,,ordinary,confirm,,,
B05,无证行医,Unlicensed clinic,health,market;police,,ordinary,confirm,,,
B06,违法燃气瓶,Illegal gas cylinders,enforcement,market;fire;police,,ordinary,confirm,,,
B07,电梯和锅炉,Lifts and boilers,market,,emergency,ordinary,confirm,,,
B08,市场秩序,Market disorder,market_brigade,,traffic_police,ordinary,confirm,,,
B09,私屠滥宰,Illegal slaughter,agriculture,market;police,,ordinary,confirm,,,
C01,酸洗电镀,"Metal treatment, pickling or plating vat",environment,police,,urgent,auto,,3;7;30,
C02,偷排,Covert discharge,environment,police,,urgent,auto,,3;7;30,
C03,危险废物倾倒,Hazardous waste dumping,environment,police;transport,,urgent,auto,,3;7;30,
C04,烟尘异味,Smoke and odour,environment,,,ordinary,confirm,,,
C05,夜间施工噪声,Night construction noise,enforcement,,,ordinary,confirm,,,
C06,社会生活噪声,Social noise,police,,environment,ordinary,confirm,,,
C07,露天焚烧,Open burning,enforcement,,agriculture,ordinary,confirm,,,
C08,河道污染,River pollution,water,,environment,ordinary,confirm,,,
C09,违法建筑,Illegal building,enforcement,,natural_resources,hard,confirm,,,
C10,占道经营,Street stalls,enforcement,,,ordinary,confirm,,,
C11,垃圾,Rubbish,town,,,ordinary,manual,,,
C12,违法存放化学品,Illegal chemicals store,emergency,police;environment;fire,,urgent,auto,hazmat,3;7;30,police:2
C13,作坊安全,Workshop safety,emergency,,,ordinary,confirm,,,
C14,堵塞消防通道,Blocked fire exit,fire,,enforcement,ordinary,confirm,,,
C15,非法采砂用地,Illegal sand or land use,natural_resources,police,,hard,confirm,,,
D01,路灯,Street light,enforcement,,,ordinary,confirm,,,
D02,井盖道路,Manhole or road,enforcement,,,urgent,auto,,,
D03,供排水,Water or drainage,water,,enforcement,ordinary,confirm,,,
D04,树木,Trees,enforcement,,,ordinary,confirm,,,
D05,台风洪涝隐患,Typhoon or flood hazard,emergency,,,urgent,auto,,,
D06,山体滑坡隐患,Landslide risk,natural_resources,,emergency,ordinary,confirm,,,
D07,老人残疾人,Elderly or disabled person,village,,civil_affairs,ordinary,manual,,,
D08,代办,Errand for a resident,village,,,ordinary,manual,,,
D09,危旧房,Dangerous old house,housing,,,hard,confirm,,,
D10,交通设施,Traffic facility,traffic_police,,,ordinary,confirm,,,
`

func categoriesCSV() []byte { return []byte(categories) }
