package proof_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/proof"
)

// The vectors of docs/proof.md are what the code does.
func TestVectorsOfTheDocument(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 3, 13, 40, 0, 0, time.UTC)
	events := []proof.Entry{
		{Kind: "reported", At: at, District: district, Case: uuid.MustParse("01969b2f-0000-7000-8000-000000000001"),
			Actor:  proof.Actor{Name: "device:01969b2f-0000-7000-8000-000000000002", Role: "device", OnBehalf: "patrol:01969b2f-0000-7000-8000-000000000003"},
			Detail: map[string]any{"number": "20260503-0001", "category": "C01", "photos": 1}, After: map[string]any{"stage": "reported"}},
		{Kind: "stage", At: at.Add(1500 * time.Millisecond), District: district, Case: uuid.MustParse("01969b2f-0000-7000-8000-000000000001"),
			Actor: proof.System, Why: "category C01 is dispatched auto", Detail: map[string]any{"share": 0.8, "road_m": 1e-7},
			Before: map[string]any{"stage": "filed"}, After: map[string]any{"stage": "dispatched", "note": "夜间\n酸洗"}},
	}
	want := func(what, text string) {
		t.Helper()
		if !strings.Contains(string(doc), text) {
			t.Errorf("docs/proof.md does not have the %s:\n%s", what, text)
		}
	}
	prev := proof.Genesis(district)
	want("hash before the first event", prev.String())
	for i, e := range events {
		event, err := proof.Write(e)
		if err != nil {
			t.Fatal(err)
		}
		want("canonical bytes", string(event.Canonical))
		prev = proof.Link(prev, int64(i+1), event.Canonical)
		want("hash", prev.String())
	}
	head, err := proof.Head{District: district, Position: 2, Hash: proof.HexHash(prev), At: at.Add(time.Hour)}.Sign(key(1))
	if err != nil {
		t.Fatal(err)
	}
	text, err := proof.Canonical(head)
	if err != nil {
		t.Fatal(err)
	}
	want("head", string(text))
	want("public key", hex.EncodeToString(public(key(1))))
	second, err := proof.Canonical(proof.NewKey(public(key(2)), at, key(1)))
	if err != nil {
		t.Fatal(err)
	}
	want("second key", string(second))
}
