package osm

import (
	"slices"
	"strings"
)

// permission is what an access value means to a mode.
type permission uint8

const (
	unsaid   permission = iota // no tag, or a word that says nothing: the class decides
	allowed                    // said outright
	endsOnly                   // to get there, not to pass through
	closed
)

// meaning of one access value.
func (r rules) meaning(value string) permission {
	switch {
	case r.Access.Allowed.Has(value):
		return allowed
	case r.Access.EndsOnly.Has(value):
		return endsOnly
	case r.Access.Closed.Has(value):
		return closed
	}
	return unsaid
}

// permission answers what the tags say in a direction, and the key that said it.
func (r rules) permission(tags Tags, suffix string) (permission, string) {
	if r.Access.BothWays {
		suffix = ""
	}
	for _, k := range r.Access.Keys {
		for _, key := range [2]string{k + suffix, k} {
			v := tags.Get(key)
			if v == "" {
				continue
			}
			p := r.meaning(v)
			if r.Access.Kindest {
				p = r.kindest(v)
			}
			if p != unsaid || !r.Access.SkipUnknown {
				return p, k
			}
		}
	}
	return unsaid, ""
}

// said is the value that decides in a direction.
func (r rules) said(tags Tags, suffix string) string {
	if r.Access.BothWays {
		suffix = ""
	}
	return directed(tags, r.Access.Keys, suffix)
}

// kindest is the kindest of several values.
func (r rules) kindest(value string) permission {
	best := unsaid
	for part := range strings.SplitSeq(value, ";") {
		if p := r.meaning(strings.TrimSpace(part)); p != unsaid && (best == unsaid || p < best) {
			best = p
		}
	}
	return best
}

// oneway marks the direction that is against a one-way street, and says whether
// one-way is only implied.
func (r rules) oneway(tags Tags, along, against *direction) (implied bool) {
	value := first(tags, r.OneWay.Keys...)
	if value == "" && r.OneWay.Conveying && tags.Get("highway") == "steps" {
		value = map[string]string{"forward": "yes", "backward": "-1"}[tags.Get("conveying")]
	}
	implies := matches(r.OneWay.Implied, tags)
	switch value {
	case "yes", "1", "true":
		against.wrong = true
	case "-1", "reverse":
		along.wrong = true
	case "no", "0", "false":
	default:
		against.wrong = implies
	}
	return implies
}

func first(tags Tags, keys ...string) string {
	for _, k := range keys {
		if v := tags.Get(k); v != "" {
			return v
		}
	}
	return ""
}

// restricts says that a key of a turn restriction binds the mode, whom nothing in
// except releases.
func (r rules) restricts(key, except string) bool {
	if !slices.Contains(r.Restrictions.Keys, key) {
		return false
	}
	for word := range strings.SplitSeq(except, ";") {
		if r.Restrictions.Except.Has(strings.TrimSpace(word)) {
			return false
		}
	}
	return true
}
