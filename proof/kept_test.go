package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/proof"
)

// keptOf is what was copied out of an export's keys and heads.
func keptOf(t testing.TB, c chain, more ...string) proof.Kept {
	t.Helper()
	var lines []string
	for _, l := range c.lines {
		if strings.HasPrefix(l, `{"key"`) || strings.HasPrefix(l, `{"head"`) {
			lines = append(lines, l)
		}
	}
	kept, err := proof.ReadKept(strings.NewReader(strings.Join(append(lines, more...), "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func verifyKept(t testing.TB, lines []string, kept proof.Kept, trusted ...string) proof.Report {
	t.Helper()
	r, err := proof.VerifyKept(strings.NewReader(strings.Join(lines, "\n")+"\n"), kept, trusted...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// An export whose end was cut off with its heads, and that says it ends there, holds
// together. Heads that were kept elsewhere tell, wherever the cut is.
func TestAnEndThatWasCutOffIsFound(t *testing.T) {
	t.Parallel()
	const last = 20
	whole := export(t, last, 5, 10, last)
	kept := keptOf(t, whole)
	for _, trusted := range [][]string{nil, {proof.KeyID(public(key(1)))}} {
		if r := verifyKept(t, whole.lines, kept, trusted...); r.Fault != nil || r.Events != last || r.Heads != 3 || r.SignedTo != last {
			t.Errorf("the whole, trusting %v: %+v", trusted, r)
		}
	}
	for n := range last {
		var heads []int64
		for _, at := range []int64{5, 10} {
			if at <= int64(n) {
				heads = append(heads, at)
			}
		}
		cut := export(t, n, heads...)
		if n > 0 && cut.lines[cut.at[n-1]] != whole.lines[whole.at[n-1]] {
			t.Fatal("the two are different chains")
		}
		if r := verify(t, cut.lines); r.Fault != nil {
			t.Errorf("cut off after %d, by itself: %v", n, r.Fault)
		}
		r := verifyKept(t, cut.lines, kept)
		if r.Fault == nil || r.Fault.Kind != proof.Missing || r.Fault.Position != int64(n)+1 || r.Fault.To != last {
			t.Errorf("cut off after %d: %+v", n, r.Fault)
		}
	}
}

// A chain that was made anew and signed with a key of one's own holds together as well.
func TestAChainOfAnotherKeyIsNotTheOneThatWasKept(t *testing.T) {
	t.Parallel()
	whole := export(t, 12, 4, 12)
	other := export(t, 13, 5, 13) // heads elsewhere
	if r := verifyKept(t, other.lines, keptOf(t, whole)); r.Fault != nil || r.Heads != 4 {
		t.Errorf("of the same chain, looked at twice: %+v", r)
	}
	kept := keptOf(t, whole)
	kept.Heads[0].Hash[0]++ // as another chain would have had it
	if r := verifyKept(t, whole.lines, kept); r.Fault == nil || r.Fault.Kind != proof.BadHead {
		t.Errorf("a head that nobody signed: %+v", r.Fault)
	}
	signed, err := proof.Head{District: district, Position: 4, Hash: proof.HexHash{7}, At: whole.made.Add(-time.Hour)}.Sign(key(1))
	if err != nil {
		t.Fatal(err)
	}
	kept = keptOf(t, whole)
	kept.Heads[0] = signed // of the chain as it was before it was made anew
	if r := verifyKept(t, whole.lines, kept); r.Fault == nil || r.Fault.Kind != proof.Rewrote || r.Fault.Position != 1 || r.Fault.To != 4 {
		t.Errorf("made anew: %+v", r.Fault)
	}
	stranger := keptOf(t, whole)
	stranger.Keys = []proof.Key{proof.NewKey(public(key(7)), whole.made, nil)}
	if r := verifyKept(t, whole.lines, stranger); r.Fault == nil || r.Fault.Kind != proof.BadHead {
		t.Errorf("of a key that was never kept: %+v", r.Fault)
	}
}

// What was signed after an export was made is no part of it.
func TestAnOldExportIsWhole(t *testing.T) {
	t.Parallel()
	old := export(t, 8, 8)
	kept := keptOf(t, old)
	later, err := proof.Head{District: district, Position: 30, At: old.made.AddDate(0, 1, 0)}.Sign(key(2))
	if err != nil {
		t.Fatal(err)
	}
	kept.Heads = append(kept.Heads, later)
	if r := verifyKept(t, old.lines, kept); r.Fault != nil || r.SignedTo != 8 || r.At == nil || !r.At.Equal(old.made) {
		t.Errorf("%+v", r)
	}
}

func TestWhatIsNoCopyOfHeads(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", "not JSON\n{}", `{"key":{"id":"x"}}`} {
		if k, err := proof.ReadKept(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read as %+v", text, k)
		}
	}
	// A copy that was cut off in the middle of a line is of use as far as it goes.
	whole := export(t, 9, 3, 9)
	kept := keptOf(t, whole, `{"head":{"at":"2026`)
	if len(kept.Heads) != 2 || kept.Unread != 1 {
		t.Errorf("%d heads, %d lines unread", len(kept.Heads), kept.Unread)
	}
	if r := verifyKept(t, whole.lines, kept); r.Fault != nil {
		t.Errorf("%v", r.Fault)
	}
}

func FuzzReadKept(f *testing.F) {
	whole := export(f, 4, 2, 4)
	f.Add(strings.Join(whole.lines, "\n"))
	f.Add(whole.lines[1] + "\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		kept, err := proof.ReadKept(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := proof.VerifyKept(strings.NewReader(strings.Join(whole.lines, "\n")), kept); err != nil {
			t.Fatal(err)
		}
	})
}
