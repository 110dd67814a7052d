package road

import "math"

// Turn is how a step of a route begins.
type Turn string

// The turns, from where one comes.
const (
	Depart      Turn = "depart"
	Ahead       Turn = "straight"
	SlightRight Turn = "slight_right"
	TurnRight   Turn = "right"
	SharpRight  Turn = "sharp_right"
	SlightLeft  Turn = "slight_left"
	TurnLeft    Turn = "left"
	SharpLeft   Turn = "sharp_left"
	RoundTurn   Turn = "u_turn"
	Walking     Turn = "walk" // the walk from the start to the road, or the last one from it
)

// turnWords are Chinese and English.
var turnWords = map[Turn][2]string{
	Depart: {"出发，沿", "start on"}, Ahead: {"直行，进入", "straight on to"},
	SlightRight: {"稍向右，进入", "bear right onto"}, TurnRight: {"右转，进入", "right onto"}, SharpRight: {"向右急转，进入", "sharp right onto"},
	SlightLeft: {"稍向左，进入", "bear left onto"}, TurnLeft: {"左转，进入", "left onto"}, SharpLeft: {"向左急转，进入", "sharp left onto"},
	RoundTurn: {"掉头，沿", "turn round on"}, Walking: {"步行", "walk"},
}

// Words says the turn in Chinese, or else in English.
func (t Turn) Words(chinese bool) string {
	w, ok := turnWords[t]
	switch {
	case !ok:
		return string(t)
	case chinese:
		return w[0]
	default:
		return w[1]
	}
}

// turnOf names the change of direction between two bearings, degrees.
func turnOf(in, out float64) Turn {
	angle := math.Mod(out-in+540, 360) - 180 // right is positive
	side := func(right, left Turn) Turn {
		if angle > 0 {
			return right
		}
		return left
	}
	switch size := math.Abs(angle); {
	case size < 20:
		return Ahead
	case size < 55:
		return side(SlightRight, SlightLeft)
	case size < 120:
		return side(TurnRight, TurnLeft)
	case size < 165:
		return side(SharpRight, SharpLeft)
	default:
		return RoundTurn
	}
}
