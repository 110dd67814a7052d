package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

// roadMemoryCmd serves a network file and says how much more memory the process holds
// than before. It runs in a process of its own, so that nothing else counts.
type roadMemoryCmd struct {
	File string `arg:"" type:"existingfile" help:"A network file, of one mode or of several."`
}

// Run prints megabytes.
func (c roadMemoryCmd) Run(ctx context.Context) error {
	bare := residentMB()
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	net, err := road.Read(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	b := &roadBench{ctx: ctx, rounds: 20, random: random(1), net: net}
	if b.router, err = road.Prepare(ctx, net); err != nil {
		return err
	}
	// What serving grows is counted too.
	p := b.places(tableSide)
	if _, err := b.router.Route(ctx, road.Car, p[0], p[1]); err != nil {
		return err
	}
	stands, err := b.stands(p)
	if err != nil {
		return err
	}
	if _, err := b.router.StandsToOne(ctx, nil, stands, p[0]); err != nil {
		return err
	}
	if err := b.router.Matrix(ctx, road.Car, p, p, func(int, []road.Time) error { return nil }); err != nil {
		return err
	}
	fmt.Printf("%.1f\n", residentMB()-bare)
	runtime.KeepAlive(b)
	return nil
}

// memory measures what serving the roads of cars alone takes.
func (b *roadBench) memory(carOnly *road.Network) error {
	dir, err := os.MkdirTemp("", "gridbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var file bytes.Buffer
	if _, err := carOnly.WriteTo(&file); err != nil {
		return err
	}
	path := filepath.Join(dir, "roads")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	said, err := exec.CommandContext(b.ctx, self, "road-memory", path).Output()
	if err != nil {
		return fmt.Errorf("measure memory in a process of its own: %w", err)
	}
	mb, err := strconv.ParseFloat(string(bytes.TrimSpace(said)), 64)
	if err != nil {
		return err
	}
	peer, source := recorded(81)
	b.add(figure{Name: "resident memory above the bare program, car only", Value: mb, Unit: "MB", Bar: bar(80), Peer: peer, PeerSource: source})
	return nil
}
