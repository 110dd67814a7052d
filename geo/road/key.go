package road

import "github.com/gridpatrol/gridpatrol/geo/road/cch"

// A length, while ways are compared, is one number of three parts: how often
// ends-only ground is entered, then milliseconds, then centimetres. So a trip begins
// or ends on such ground but passes through only where there is no other way; of
// equally long ways the shorter one is taken; and both figures of an answer come
// with the comparison. The parts hold 31 entries, six days and 2,600 km; what goes
// beyond is beyond the engine.
const (
	cmBits = 28
	msBits = 29

	maxCM = 1<<cmBits - 1
	maxMS = 24 * 3600 * 1000 // of one arc, see Build
)

// pass is one entry onto ends-only ground.
const pass cch.Key = 1 << (cmBits + msBits)

// lengthOf packs what is travelled.
func lengthOf(ms, cm uint32) cch.Key { return cch.Key(ms)<<cmBits | cch.Key(cm) }

// msOf and cmOf are the parts of a length that are told.
func msOf(k cch.Key) uint32 { return uint32(k>>cmBits) & (1<<msBits - 1) }
func cmOf(k cch.Key) uint32 { return uint32(k) & maxCM }
