// Package dispatch is the duty: what was reported becomes a case, somebody is
// responsible for it, and for each department it calls for the patrol that gets
// there first is sent, claimed together with the others, and replaced when it
// does not answer.
//
// # What it is not
//
// There is no SQL, HTTP, socket or goroutine here. The rules are functions of
// what they are given; what they need to know and what they decide passes through
// the ports in ports.go. dispatch/pgstore keeps, dispatch/timers ticks.
//
// # Model
//
// A decision about a case is one Change: the case is locked, then the patrols
// that the decision touches, in the order of their ids; the rules look at what is
// there and answer a Turn, everything that is to be written; it is committed whole
// or not at all, and only then does anybody hear of it. Whoever takes locks takes
// them in this order:
//
//	idempotency key -> case -> patrols by id
//
// Nothing is computed from roads while a transaction is open: a plan is made
// first, from what was known then, and a patrol that somebody else claimed in
// between makes the Change fail with LostRace, after which a new plan is made.
//
// # A case's life
//
//	reported -> accepted -> filed -> dispatched -> signed -> handling -> feedback -> verifying -> closed
//
// and the side ways of the table in stage.go.
//
// An assignment's life:
//
//	         +--> declined | expired | recalled
//	         |
//	offered -+-> accepted --> en_route --> on_scene --> done
//
// A patrol is held (assigned, en_route, on_scene) exactly while an assignment of
// it is active, and by that assignment only.
package dispatch
