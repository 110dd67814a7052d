package proof_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/proof"
)

// A small export, with no database beside it, held against changes of every byte, every
// line, and the place of every line. What is not found leaves each event and their order as
// they were: the date on the export and on the first key, which
// nobody signs, a line that is there twice, a head that a later one covers; that the last
// head is gone is said by how far the chain is signed.
func TestNoChangeOfAnEventGoesUnseen(t *testing.T) {
	t.Parallel()
	for n, name := range map[byte]string{1: "who trusts the first key", 2: "who trusts the newest alone"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noChangeGoesUnseen(t, proof.KeyID(public(key(n))))
		})
	}
}

func noChangeGoesUnseen(t *testing.T, trusted string) {
	c := export(t, 4, 2, 4)
	good := strings.Join(c.lines, "\n") + "\n"
	events := func(text string) string { // each as it stands, repetitions apart
		var out []string
		for l := range strings.Lines(text) {
			if strings.Contains(l, `"e":`) {
				out = append(out, strings.TrimSuffix(l, "\n"))
			}
		}
		return strings.Join(out, "\n")
	}
	want, whole := events(good), verify(t, c.lines, trusted)
	if whole.Fault != nil || whole.SignedTo != 4 {
		t.Fatal(whole)
	}
	tried, found := 0, 0
	try := func(text, what string) {
		t.Helper()
		tried++
		r, err := proof.Verify(strings.NewReader(text), trusted)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if r.Fault != nil {
			found++
			return
		}
		for l := range strings.Lines(text) {
			if l = strings.TrimSuffix(l, "\n"); strings.Contains(l, `"head"`) && !slices.Contains(c.lines, l) {
				t.Errorf("%s: a head that was changed is good: %s", what, l)
			}
		}
		if events(text) != want || r.SignedTo > whole.SignedTo || r.Last != whole.Last || r.Hash != whole.Hash {
			t.Errorf("%s was not found: %+v", what, r)
		}
	}
	for i := range good {
		for _, bit := range []int{i % 7} {
			b := []byte(good)
			b[i] ^= 1 << bit
			try(string(b), fmt.Sprintf("bit %d of byte %d (%q)", bit, i, good[max(0, i-12):min(len(good), i+12)]))
		}
		try(good[:i]+good[i+1:], fmt.Sprintf("byte %d gone", i))
	}
	joined := func(lines []string) string { return strings.Join(lines, "\n") + "\n" }
	for i := range c.lines {
		try(joined(slices.Delete(slices.Clone(c.lines), i, i+1)), fmt.Sprintf("line %d gone", i))
		try(joined(slices.Insert(slices.Clone(c.lines), i, c.lines[i])), fmt.Sprintf("line %d twice", i))
		try(joined(c.lines[:i]), fmt.Sprintf("all from line %d on gone", i))
		for n := range i {
			swapped := slices.Clone(c.lines)
			swapped[i], swapped[n] = swapped[n], swapped[i]
			try(joined(swapped), fmt.Sprintf("lines %d and %d swapped", n, i))
			moved := slices.Insert(slices.Delete(slices.Clone(c.lines), i, i+1), n, c.lines[i])
			try(joined(moved), fmt.Sprintf("line %d moved to %d", i, n))
		}
	}
	if found < tried*9/10 {
		t.Errorf("of %d changes %d were found", tried, found)
	}
	t.Logf("of %d changes of %d bytes %d were found, the rest change no event", tried, len(good), found)
}
