package draw

import "math"

// bins finds points near a place.
type bins struct {
	sizeM float64
	at    map[[2]int][]int // looked up, never ranged over
}

func newBins(sizeM float64) *bins { return &bins{sizeM, map[[2]int][]int{}} }

func (b *bins) add(p vec, i int) {
	k := [2]int{int(math.Floor(p.x / b.sizeM)), int(math.Floor(p.y / b.sizeM))}
	b.at[k] = append(b.at[k], i)
}

// near lists at least what lies within radiusM.
func (b *bins) near(p vec, radiusM float64) []int {
	var out []int
	for x := int(math.Floor((p.x - radiusM) / b.sizeM)); x <= int(math.Floor((p.x+radiusM)/b.sizeM)); x++ {
		for y := int(math.Floor((p.y - radiusM) / b.sizeM)); y <= int(math.Floor((p.y+radiusM)/b.sizeM)); y++ {
			out = append(out, b.at[[2]int{x, y}]...)
		}
	}
	return out
}
