package realtime

import "slices"

// together is how many places are taken over under one hold of the lock: enough that
// they wait for memory at the same time, few enough that nobody waits for them.
const together = 32

// MoveAll is Move for places that come together, late or from elsewhere: whoever went
// off duty meanwhile does not come back onto the map by them. In their order it shows
// those that were the newest.
func (x *Index) MoveAll(places []Place, show func(Standing)) {
	moved := make([]Standing, min(together, len(places)))
	for part := range slices.Chunk(places, together) {
		n := x.moveTogether(part, moved)
		for i := range moved[:n] {
			show(moved[i])
		}
	}
}

// moveTogether goes over the places step by step, so that what the next step reads is
// on its way from memory for all of them before the first waits for it.
func (x *Index) moveTogether(places []Place, moved []Standing) (n int) {
	var at [together]Found
	now := nanos(x.now())
	x.mu.Lock()
	defer x.mu.Unlock()
	var hashes [together]uint64
	for i := range places {
		hashes[i] = hashOf(&places[i].Patrol.UUID)
		x.touched += x.numbers.touch(hashes[i])
	}
	for i := range places {
		at[i].number = x.numbers.guess(hashes[i])
		x.touched += uint32(x.bodies[at[i].number].t) + x.touch(at[i], places[i].Point)
	}
	for i := range places {
		if at[i].crowd = x.bodies[at[i].number].crowd; at[i].crowd != 0 {
			x.touched += x.touch(at[i], places[i].Point)
		}
	}
	for i := range places {
		// What is left over from the round before is not to be seen in this one.
		moved[n] = Standing{}
		if x.move(&places[i], x.look(&at[i], &places[i]), true, now, &moved[n]) {
			n++
		}
	}
	return n
}
