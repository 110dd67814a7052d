package osm

import (
	"strings"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

// restrictionKeys are the keys that may carry a restriction; profiles say which bind
// them.
var restrictionKeys = []string{
	"restriction", "restriction:vehicle", "restriction:motor_vehicle", "restriction:motorcar", "restriction:bicycle", "restriction:foot",
}

// relation keeps turn restrictions. Those that hold at some hours only are left
// out: nobody would be sent a longer way round at the others.
func (im *importer) relation(r Relation) error {
	if t := r.Tags.Get("type"); t != "restriction" && !strings.HasPrefix(t, "restriction:") {
		return nil
	}
	if r.Tags.Get("day_on") != "" || r.Tags.Get("hour_on") != "" {
		return nil
	}
	except := r.Tags.Get("except")
	for _, k := range restrictionKeys {
		value := r.Tags.Get(k)
		only := strings.HasPrefix(value, "only_")
		if !only && !strings.HasPrefix(value, "no_") || strings.HasSuffix(value, "_on_red") {
			continue
		}
		var modes road.ModeSet
		for m, rules := range im.rules {
			if rules.Profile != nil && rules.restricts(k, except) {
				modes |= road.SetOf(road.Mode(m))
			}
		}
		if modes == 0 {
			continue
		}
		raw := rawRestriction{only: only, modes: modes}
		viaNodes := 0
		for _, m := range r.Members {
			switch {
			case m.Role == "from" && m.Type == MemberWay:
				raw.from = append(raw.from, m.Ref)
			case m.Role == "to" && m.Type == MemberWay:
				raw.to = append(raw.to, m.Ref)
			case m.Role == "via" && m.Type == MemberWay:
				raw.vias = append(raw.vias, m.Ref)
			case m.Role == "via" && m.Type == MemberNode:
				raw.via, raw.viaNode = m.Ref, true
				viaNodes++
			}
		}
		if len(raw.from) == 0 || len(raw.to) == 0 || viaNodes > 1 || raw.viaNode == (len(raw.vias) > 0) {
			im.stats.RestrictionsUnclear++
			continue
		}
		im.relations = append(im.relations, raw)
	}
	return nil
}

// restrict binds the kept restrictions to the ways of the survey. A way that was
// cut in pieces contributes the piece that touches the via.
func (im *importer) restrict() {
	for _, raw := range im.relations {
		placed := false
		for _, from := range raw.from {
			for _, to := range raw.to {
				placed = im.bind(raw, from, to) || placed
			}
		}
		if placed {
			im.stats.Restrictions++
		} else {
			im.stats.RestrictionsUnclear++
		}
	}
	im.relations = nil
}

func (im *importer) bind(raw rawRestriction, from, to int64) bool {
	r := road.Restriction{Only: raw.only, Modes: raw.modes}
	if raw.viaNode {
		via, ok := im.number(raw.via)
		if !ok {
			return false
		}
		r.Via = via
		var okFrom, okTo bool
		r.From, okFrom = im.pieceAt(from, via)
		r.To, okTo = im.pieceAt(to, via)
		if !okFrom || !okTo {
			return false
		}
	} else {
		for _, id := range raw.vias {
			pieces := im.wayOf[id]
			if len(pieces) != 1 {
				return false
			}
			r.Vias = append(r.Vias, pieces[0])
		}
		var okFrom, okTo bool
		r.From, okFrom = im.pieceTouching(from, r.Vias[0])
		r.To, okTo = im.pieceTouching(to, r.Vias[len(r.Vias)-1])
		if !okFrom || !okTo {
			return false
		}
	}
	im.survey.Restrictions = append(im.survey.Restrictions, r)
	return true
}

// pieceAt is the piece of a way that begins or ends at a node.
func (im *importer) pieceAt(way int64, node uint32) (uint32, bool) {
	for _, p := range im.wayOf[way] {
		nodes := im.survey.Ways[p].Nodes
		if nodes[0] == node || nodes[len(nodes)-1] == node {
			return p, true
		}
	}
	return 0, false
}

// pieceTouching is the piece of a way that shares an end with another.
func (im *importer) pieceTouching(way int64, other uint32) (uint32, bool) {
	ends := im.survey.Ways[other].Nodes
	if p, ok := im.pieceAt(way, ends[0]); ok {
		return p, true
	}
	return im.pieceAt(way, ends[len(ends)-1])
}
