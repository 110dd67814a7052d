package realtime

import (
	"encoding/json"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// tellNotice tells a person something. Who has had no snapshot yet reads it in the
// list that their page opens with.
func (h *hub) tellNotice(n *dispatch.Notice) {
	var f frame
	for v := range h.viewers {
		mine := (!n.Account.IsZero() && v.who.Account == n.Account) || (!n.StaffID.IsZero() && v.who.Staff == n.StaffID)
		if !mine || !v.ready {
			continue
		}
		if f.rest == nil {
			body, err := json.Marshal(noticeOf(n))
			if err != nil {
				return
			}
			f = frame{kind: "notice", rest: append([]byte(`,"notice":`), body...)}
		}
		v.push(f)
	}
}

// commanders moves those who have begun or ceased to command a covert case to the
// audience that sees as much as they do.
func (h *hub) commanders(c *dispatch.CaseChanged) {
	if _, was := h.covert[c.ID]; !was && !c.Covert {
		return
	}
	if c.Covert {
		h.covert[c.ID] = struct{}{}
	} else {
		delete(h.covert, c.ID)
	}
	for v, a := range h.viewers {
		if a != nil {
			h.look(v, a.key.view)
		}
	}
	for v, w := range h.land.windows {
		if w.right != h.rightOf(v.who) {
			v.close(closeDrain, "what you may see has changed; come back")
		}
	}
}

// rightOf is rightOf for a viewer who may command a covert case: then what they see is
// theirs alone.
func (h *hub) rightOf(who dispatch.Viewer) right {
	r := rightOf(who)
	if h.index.Commands(who) {
		r.who.Account = who.Account
	}
	return r
}

// tellCase sends a case to all who may see it, encoded once. What a viewer hears
// before its first snapshot waits for it. To whom a case becomes covert it is gone.
func (h *hub) tellCase(c *dispatch.CaseChanged) {
	f, ok := caseFrame(c)
	if !ok {
		return
	}
	open := c.Scope
	open.Secrets = nil
	for v := range h.viewers {
		sees := dispatch.Visible(v.who, c.Scope)
		switch {
		case !sees && !c.Hidden, !dispatch.Visible(v.who, open) && !sees:
		case !sees && v.ready:
			v.push(frame{kind: "case_gone", rest: []byte(`,"id":"` + c.ID.String() + `"`)})
		case v.ready:
			v.push(f)
		case len(v.pending) == maxFramesWaiting:
			v.close(closeSlow, "the viewer does not keep up")
		default:
			v.pending = append(v.pending, *c)
		}
	}
}
