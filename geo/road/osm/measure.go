package osm

import (
	"strconv"
	"strings"
)

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
	n, rest := leadingNumber(strings.ReplaceAll(strings.TrimSpace(s), ",", "."))
	switch {
	case strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, "ft"):
		inches, _ := leadingNumber(strings.TrimSpace(strings.TrimLeft(rest, "'ft")))
		return n*0.3048 + inches*0.0254
	case strings.HasPrefix(rest, "cm"):
		return n / 100
	case strings.HasPrefix(rest, "kg"):
		return n / 1000
	case strings.HasPrefix(rest, "lbs"):
		return n * 0.45359237 / 1000
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
