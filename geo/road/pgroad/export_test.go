package pgroad

import "time"

// SetShelfClock moves the clock by which networks nobody asks for are forgotten.
func (w *Works) SetShelfClock(now func() time.Time) { w.beside.now = now }

// LoadedBeside is how many networks of further profiles are in memory.
func (w *Works) LoadedBeside() int {
	w.beside.mu.Lock()
	defer w.beside.mu.Unlock()
	count := 0
	for _, b := range w.beside.books {
		if b.router != nil {
			count++
		}
	}
	return count
}
