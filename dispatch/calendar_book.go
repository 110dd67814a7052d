package dispatch

// CalendarBook is the calendar as it is kept and edited.
type CalendarBook struct {
	Version int64         `json:"version"`
	Hours   []WorkSpan    `json:"hours"`
	Days    []CalendarDay `json:"days"`
}
