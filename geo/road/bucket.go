package road

import (
	"fmt"
	"time"
)

// Buckets is how many stretches of the week roads are told apart by.
const Buckets = 2 * spans

// spans of a day, the first at midnight: night, rush, forenoon, noon, afternoon, rush,
// evening, late.
const spans = 8

var spanFrom = [spans + 1]int{0, 6, 9, 12, 14, 17, 19, 22, 24}

// BucketOf is the stretch of the week a moment is in, told in the district's time
// zone: working days first, then Saturday and Sunday. A public holiday counts as the
// day of the week it is.
func BucketOf(at time.Time) int {
	b := 0
	for at.Hour() >= spanFrom[b+1] {
		b++
	}
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		b += spans
	}
	return b
}

// BucketWords are the days and hours of a stretch, written as rules about speeds are.
func BucketWords(b int) (days, hours string) {
	days = "mon-fri"
	if b >= spans {
		days, b = "sat;sun", b-spans
	}
	return days, fmt.Sprintf("%02d:00-%02d:00", spanFrom[b], spanFrom[b+1])
}
