package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/proof"
)

// verifyCmd measures what an auditor waits for.
type verifyCmd struct {
	Events int `default:"1000000" help:"Events in the chain."`
	Runs   int `default:"3" help:"Times it is verified."`
}

// Run writes an export with a head every 40,000 events, as an hour of a busy district
// has them, and verifies it.
func (c verifyCmd) Run(all *commands) error {
	file, err := os.CreateTemp("", "events-*.jsonl")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := c.write(file); err != nil {
		return err
	}
	var took []float64
	for range c.Runs {
		if _, err := file.Seek(0, 0); err != nil {
			return err
		}
		began := time.Now()
		r, err := proof.Verify(file)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began).Seconds())
		if r.Fault != nil || r.Events != int64(c.Events) {
			return fmt.Errorf("the chain was not found whole: %+v", r)
		}
	}
	best, worst := took[0], took[0]
	for _, t := range took {
		best, worst = min(best, t), max(worst, t)
	}
	return keep(os.Stdout, all.Out, "verify", []figure{
		{Name: fmt.Sprintf("verify %d events, worst of %d", c.Events, c.Runs), Value: worst, Unit: "s", Bar: bar(3 * float64(c.Events) / 1e6),
			Runs: c.Runs, Spread: (worst - best) / worst},
	})
}

func (c verifyCmd) write(file *os.File) error {
	district := uuid.MustParse("00000000-0000-7000-8000-000000000001")
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	at := time.Date(2026, 5, 3, 13, 40, 0, 0, time.UTC)
	prev := proof.Genesis(district)
	out, err := proof.NewExporter(file, proof.Header{District: district, From: 1, Prev: proof.HexHash(prev), At: at})
	if err != nil {
		return err
	}
	if err := out.Key(proof.NewKey(private.Public().(ed25519.PublicKey), at, nil)); err != nil {
		return err
	}
	for i := int64(1); i <= int64(c.Events); i++ {
		id := uuid.UUID{6: 0x70, 8: 0x80, 12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
		event, err := proof.Write(proof.Entry{Kind: "assignment.accepted", At: at.Add(time.Duration(i) * time.Millisecond), District: district, Case: id, Patrol: id,
			Actor:  proof.Actor{Name: "account:" + id.String(), Role: "officer", OnBehalf: "patrol:" + id.String(), Address: "10.0.0.1"},
			Detail: map[string]any{"assignment": id, "department": "police", "kind": "department", "eta_s": 421.5, "road_m": 3120.25},
			Before: map[string]any{"assignments": map[string]any{id.String(): "offered"}}, After: map[string]any{"assignments": map[string]any{id.String(): "accepted"}}})
		if err != nil {
			return err
		}
		hash := proof.Link(prev, i, event.Canonical)
		if err := out.Event(i, prev, hash, event.Canonical); err != nil {
			return err
		}
		prev = hash
		if i%40_000 == 0 || i == int64(c.Events) {
			h, err := proof.Head{District: district, Position: i, Hash: proof.HexHash(hash), At: at}.Sign(private)
			if err != nil {
				return err
			}
			if err := out.Head(h); err != nil {
				return err
			}
		}
	}
	return out.Close()
}
