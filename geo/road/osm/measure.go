package osm

import (
	"strconv"
	"strings"
)

const mphKMH = 1.609344

// zones are the limits behind words, km/h. Country exceptions first by their full
// code, then by the word.
var zones = map[string]float64{
	"urban": 50, "rural": 90, "trunk": 110, "motorway": 130, "expressway": 120, "living_street": 10,
	"pedestrian_zone": 10, "walk": 6, "none": 140, "nsl_single": 60 * mphKMH, "nsl_dual": 70 * mphKMH,
	"at:rural": 100, "at:trunk": 100, "be:motorway": 120, "be-vlg:rural": 70, "be-bru:urban": 30, "bg:motorway": 140,
	"ch:rural": 80, "ch:trunk": 100, "ch:motorway": 120, "cn:rural": 70, "cn:trunk": 80, "cn:motorway": 120,
	"de:rural": 100, "de:living_street": 7, "de:motorway": 140, "dk:rural": 80, "es:trunk": 90, "fr:rural": 80,
	"gb:motorway": 70 * mphKMH, "uk:motorway": 70 * mphKMH, "nl:rural": 80, "nl:trunk": 100, "no:rural": 80,
	"no:motorway": 110, "pl:rural": 100, "pl:motorway": 140, "ro:trunk": 100, "ru:urban": 60, "ru:motorway": 110,
	"ru:living_street": 20,
}

// speedKMH reads a maxspeed: a number, one in miles an hour, or the code of a
// zone ("CN:urban", "DE:zone30"). 0 means that nothing can be made of it.
func speedKMH(s string) float64 {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return 0
	}
	if n, rest := leadingNumber(s); rest != s {
		if n <= 0 || n > 400 {
			return 0
		}
		if strings.Contains(rest, "mph") || strings.Contains(rest, "mp/h") {
			return n * mphKMH
		}
		return n
	}
	if v, ok := zones[s]; ok {
		return v
	}
	word := s
	if _, after, ok := strings.Cut(s, ":"); ok {
		word = after
	}
	if v, ok := zones[word]; ok {
		return v
	}
	if zone, ok := strings.CutPrefix(word, "zone"); ok {
		n, _ := leadingNumber(strings.TrimLeft(zone, ":"))
		if n > 0 && n <= 400 {
			return n
		}
	}
	return 0
}

// leadingNumber answers the number s starts with and the rest; s itself where it
// starts with none.
func leadingNumber(s string) (float64, string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	if err != nil {
		return 0, s
	}
	return n, strings.TrimSpace(s[i:])
}

// metres reads a length or height: "2.5", "2.5 m", "6'7\"", "250 cm".
// Tonnes are read the same way. 0 means that nothing can be made of it.
func metres(s string) float64 {
	n, rest := leadingNumber(strings.TrimSpace(s))
	switch {
	case strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, "ft"):
		inches, _ := leadingNumber(strings.TrimSpace(strings.TrimLeft(rest, "'ft")))
		return n*0.3048 + inches*0.0254
	case strings.HasPrefix(rest, "cm"):
		return n / 100
	case strings.HasPrefix(rest, "kg"):
		return n / 1000
	}
	return n
}

// durationS reads the duration of a ferry: "MM", "HH:MM", "HH:MM:SS" or ISO
// 8601 ("PT1H30M"). 0 means that nothing can be made of it.
func durationS(s string) float64 {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(strings.ToUpper(s), "P"); ok {
		return isoDurationS(rest)
	}
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0
	}
	total := 0.0
	for _, p := range parts {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n >= 0 && n < 1e4) {
			return 0
		}
		total = total*60 + n
	}
	if len(parts) < 3 {
		total *= 60
	}
	return capDay(total)
}

func isoDurationS(s string) float64 {
	total, inTime := 0.0, false
	for len(s) > 0 {
		if s[0] == 'T' {
			inTime, s = true, s[1:]
			continue
		}
		n, rest := leadingNumber(s)
		if rest == s || rest == "" {
			return 0
		}
		switch {
		case rest[0] == 'D':
			total += n * 86400
		case rest[0] == 'H' && inTime:
			total += n * 3600
		case rest[0] == 'M' && inTime:
			total += n * 60
		case rest[0] == 'S' && inTime:
			total += n
		default:
			return 0
		}
		s = rest[1:]
	}
	return capDay(total)
}

// capDay refuses a crossing of more than a day: it is a slip of the pen.
func capDay(s float64) float64 {
	if !(s > 0 && s <= 86400) {
		return 0
	}
	return s
}
