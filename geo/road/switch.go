package road

import (
	"context"
	"sync/atomic"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Switch is the engine that serves now. A question is answered whole by the
// engine that served when it was asked, so a swap pauses nobody and mixes
// nothing. The zero value serves Straight.
type Switch struct {
	now atomic.Pointer[served]
}

// served is written once, before it is published.
type served struct {
	engine  Engine
	version int64
}

var _ Engine = (*Switch)(nil)

// Set makes e serve from the next question on. The version is the caller's name
// for it, see Version.
func (s *Switch) Set(e Engine, version int64) {
	if r, ok := e.(*Router); ok {
		r.number.Store(uint32(version))
		r.unclosed.number.Store(uint32(version))
	}
	s.now.Store(&served{engine: e, version: version})
}

// Engine is what serves now. Ask it, not the Switch, where several questions
// must be answered by the same roads.
func (s *Switch) Engine() Engine {
	if now := s.now.Load(); now != nil {
		return now.engine
	}
	return Straight{}
}

// Version is what Set was told last; 0 before any roads were loaded.
func (s *Switch) Version() int64 {
	if now := s.now.Load(); now != nil {
		return now.version
	}
	return 0
}

// Unclosed is how the roads would be with nothing closed, and whether anything is
// closed to a mode.
func (s *Switch) Unclosed(m Mode) (Engine, bool) {
	if r, ok := s.Engine().(*Router); ok {
		return r.Unclosed(m)
	}
	return s.Engine(), false
}

// ManyToOne implements Engine.
func (s *Switch) ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	return s.Engine().ManyToOne(ctx, m, from, to)
}

// Route implements Engine.
func (s *Switch) Route(ctx context.Context, m Mode, from, to geo.Point) (Route, error) {
	return s.Engine().Route(ctx, m, from, to)
}
