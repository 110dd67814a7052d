package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/proof"
)

var district = uuid.MustParse("00000000-0000-7000-8000-000000000001")

// chain is an export in the making, line by line.
type chain struct {
	lines []string
	at    []int // line of each event, from position 1
	heads map[int64]int
	made  time.Time // as the export says
}

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// export writes n events with a head after each of some positions; the key rotates
// after half of the heads.
func export(t testing.TB, n int, heads ...int64) chain {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 5, 3, 13, 40, 0, 0, time.UTC)
	var out bytes.Buffer
	genesis := proof.Genesis(district)
	e, err := proof.NewExporter(&out, proof.Header{District: district, From: 1, Prev: proof.HexHash(genesis), At: at.Add(2 * time.Hour)})
	must(err)
	first, second := key(1), key(2)
	must(e.Key(proof.NewKey(public(first), at, nil)))
	must(e.Key(proof.NewKey(public(second), at.Add(time.Hour), first)))
	c := chain{heads: map[int64]int{}, made: at.Add(2 * time.Hour)}
	line := 3
	prev, signed := genesis, 0
	for i := int64(1); i <= int64(n); i++ {
		event, err := proof.Write(proof.Entry{Kind: "stage", At: at.Add(time.Duration(i) * time.Second), District: district, Case: uuid.UUID{1},
			Actor: proof.Actor{Name: "system"}, Detail: map[string]any{"n": i}})
		must(err)
		hash := proof.Link(prev, i, event.Canonical)
		must(e.Event(i, prev, hash, event.Canonical))
		c.at = append(c.at, line)
		line++
		prev = hash
		if slices.Contains(heads, i) {
			by := first
			if signed*2 >= len(heads) {
				by = second
			}
			h, err := proof.Head{District: district, Position: i, Hash: proof.HexHash(hash), At: at.Add(time.Hour)}.Sign(by)
			must(err)
			must(e.Head(h))
			c.heads[i] = line
			line++
			signed++
		}
	}
	must(e.Close())
	c.lines = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	return c
}

func verify(t testing.TB, lines []string, trusted ...string) proof.Report {
	t.Helper()
	r, err := proof.Verify(strings.NewReader(strings.Join(lines, "\n")+"\n"), trusted...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyGoodExport(t *testing.T) {
	t.Parallel()
	c := export(t, 50, 10, 20, 30, 50)
	for _, trusted := range [][]string{nil, {proof.KeyID(public(key(1)))}, {proof.KeyID(public(key(2)))}} {
		r := verify(t, c.lines, trusted...)
		if r.Fault != nil || r.Events != 50 || r.Heads != 4 || r.SignedTo != 50 || len(r.Keys) != 2 {
			t.Errorf("trusting %v: %+v", trusted, r)
		}
	}
	if r := verify(t, c.lines, "0123456789abcdef"); r.Fault == nil || r.Fault.Kind != proof.BadHead {
		t.Errorf("a stranger's key was taken: %+v", r)
	}
	// Who knows the newest key alone believes what stands under a head of it, and no more.
	newest := proof.KeyID(public(key(2)))
	if r := verify(t, export(t, 50, 50).lines, newest); r.Fault == nil || r.Fault.Kind != proof.BadHead || r.Fault.Position != 1 || r.Fault.To != 50 || r.SignedTo != 0 {
		t.Errorf("what an older key alone signed was believed: %+v", r)
	}
	// Nor does an older key vouch for another one that comes after the trusted one.
	third, at := slices.Clone(c.lines), time.Date(2026, 5, 3, 15, 0, 0, 0, time.UTC)
	line, err := proof.Canonical(map[string]any{"key": proof.NewKey(public(key(3)), at, key(1))})
	if err != nil {
		t.Fatal(err)
	}
	third = slices.Insert(third, 3, string(line))
	if r := verify(t, third, newest); r.Fault == nil || r.Fault.Kind != proof.BadHead {
		t.Errorf("a key that an older one vouches for was taken: %+v", r)
	}
	if r := verify(t, third, proof.KeyID(public(key(1)))); r.Fault != nil || len(r.Keys) != 3 {
		t.Errorf("and it is a good one to whoever trusts the older: %+v", r)
	}
	if r := verify(t, export(t, 0).lines); r.Fault != nil || r.Events != 0 {
		t.Errorf("an empty chain: %+v", r)
	}
}

// line is an event's line taken apart.
type line struct {
	n       int64
	p, h, e string
}

func split(t testing.TB, s string) line {
	t.Helper()
	var l struct {
		N    int64
		P, H string
		E    json.RawMessage
	}
	if err := json.Unmarshal([]byte(s), &l); err != nil {
		t.Fatal(err)
	}
	return line{l.N, l.P, l.H, string(l.E)}
}

func (l line) String() string {
	return fmt.Sprintf(`{"n":%d,"p":"%s","h":"%s","e":%s}`, l.n, l.p, l.h, l.e)
}

// seal gives the line the hash that it should have.
func (l line) seal() line {
	var p proof.Hash
	_, _ = hex.Decode(p[:], []byte(l.p))
	l.h = proof.Link(p, l.n, []byte(l.e)).String()
	return l
}

// Whatever is changed in an export is found, at the first place that was changed;
// whoever chains everything anew is found by the next signature.
func TestVerifyFindsEveryChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(3, 40).Draw(r, "events")
		last := int64(n)
		heads := []int64{rapid.Int64Range(1, last).Draw(r, "head"), last}
		if rapid.Bool().Draw(r, "tail unsigned") {
			heads = heads[:1]
		}
		c := export(t, n, heads...)
		k := rapid.Int64Range(1, last).Draw(r, "position") // where it is changed
		at := c.at[k-1]
		lines := slices.Clone(c.lines)
		here := split(t, lines[at])
		flip := func(s string) string {
			i := rapid.IntRange(0, len(s)-1).Draw(r, "at")
			b := []byte(s)
			b[i] ^= byte(1 << rapid.IntRange(0, 6).Draw(r, "bit"))
			if b[i] == '\n' {
				b[i] = 'x'
			}
			return string(b)
		}
		digit := func(s string) string {
			i := rapid.IntRange(0, len(s)-1).Draw(r, "at")
			b := []byte(s)
			b[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", b[i])]
			return string(b)
		}
		from, to := k, k
		what := rapid.SampledFrom([]string{"byte", "event", "hash", "before", "number", "resealed", "removed", "renumbered", "swapped", "twice",
			"added", "added-renumbered", "cut", "cut-ended", "rechained", "head", "line"}).Draw(r, "what")
		switch what {
		case "byte":
			lines[at] = flip(lines[at])
		case "event":
			here.e = flip(here.e)
			lines[at] = here.String()
		case "hash":
			here.h = digit(here.h)
			lines[at] = here.String()
		case "before":
			here.p = digit(here.p)
			lines[at] = here.String()
		case "number":
			here.n += rapid.SampledFrom([]int64{-2, -1, 1, 2, 1000}).Draw(r, "by")
			lines[at] = here.String()
		case "resealed": // its own hash is right again, as far as a look at it alone goes
			here.e = strings.Replace(here.e, `"stage"`, `"stagf"`, 1)
			lines[at] = here.seal().String()
			if i := slices.IndexFunc(heads, func(h int64) bool { return h == k }); i == 0 && k > 1 {
				from = 1 // the signature speaks before the next event can
			} else if i == 1 {
				from = min(heads[0], k-1) + 1
			}
		case "removed":
			lines = slices.Delete(lines, at, at+1)
		case "renumbered": // removed, and those after it take its number
			lines = slices.Delete(lines, at, at+1)
			for i := k; i < last; i++ {
				l := split(t, lines[c.at[i]-1])
				l.n--
				lines[c.at[i]-1] = l.String()
			}
		case "swapped":
			if k == last {
				k--
				from, to, at = k, k, c.at[k-1]
			}
			lines[at], lines[c.at[k]] = lines[c.at[k]], lines[at]
		case "twice":
			lines = slices.Insert(lines, at, lines[at])
			from, to = k, k+1 // the copy is as good as the original
		case "added":
			extra := here
			extra.e = strings.Replace(extra.e, `"stage"`, `"stagf"`, 1)
			lines = slices.Insert(lines, at, extra.seal().String())
		case "added-renumbered":
			extra := here
			extra.e = strings.Replace(extra.e, `"stage"`, `"stagf"`, 1)
			for i := k; i <= last; i++ {
				l := split(t, lines[c.at[i-1]])
				l.n++
				lines[c.at[i-1]] = l.String()
			}
			lines = slices.Insert(lines, at, extra.seal().String())
		case "cut":
			lines = lines[:at]
		case "cut-ended":
			lines = append(lines[:at], lines[len(lines)-1])
		case "rechained": // by somebody who can compute, and cannot sign
			prev := here.p
			here.e = strings.Replace(here.e, `"stage"`, `"stagf"`, 1)
			for i := k; i <= last; i++ {
				l := split(t, lines[c.at[i-1]])
				if i == k {
					l = here
				}
				l.p = prev
				l = l.seal()
				prev = l.h
				lines[c.at[i-1]] = l.String()
			}
			lines[len(lines)-1] = fmt.Sprintf(`{"end":{"h":"%s","n":%d}}`, prev, last)
			next := slices.IndexFunc(heads, func(h int64) bool { return h >= k })
			if next < 0 {
				return // nothing was signed after it: the next head would tell
			}
			from, to = 1, heads[next]
			if next == 1 && heads[0] < k {
				from = heads[0] + 1
			}
		case "head":
			i := rapid.SampledFrom(heads).Draw(r, "which")
			lines[c.heads[i]] = flip(lines[c.heads[i]])
			from, to = 1, i+1
		case "line":
			i := rapid.IntRange(0, len(lines)).Draw(r, "where")
			lines = slices.Insert(lines, i, rapid.SampledFrom([]string{"", "{}", "null", `{"n":0}`, "x", strings.Repeat("[", 5000)}).Draw(r, "text"))
			from, to = 1, last+1
		}
		got := verify(t, lines)
		if got.Fault == nil {
			r.Fatalf("%s at %d of %d was not found", what, k, n)
		}
		f := got.Fault
		if f.Position < from || f.Position > to || f.To < f.Position || (f.To < k && (what == "rechained" || what == "resealed")) {
			r.Fatalf("%s at %d of %d (heads %v) was found as %v, want %d to %d", what, k, n, heads, f, from, to)
		}
	})
}

// Any bytes at all are judged, and only what was written is good.
func FuzzVerify(f *testing.F) {
	good := strings.Join(export(f, 3, 2).lines, "\n")
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "1", "2", 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := proof.Verify(bytes.NewReader(b), proof.KeyID(public(key(1))))
		if err != nil {
			t.Fatal(err)
		}
		if r.Fault == nil && r.Heads > 0 && r.SignedTo == r.Last && strings.TrimSuffix(string(b), "\n") != good {
			t.Errorf("something else than what was signed is good: %q", b)
		}
	})
}
