package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Kept are signed heads, and their keys, that were put away elsewhere as they were made.
// Whoever cuts the end off a chain removes its heads as well, and makes it end where it
// pleases: only what is kept elsewhere tells.
type Kept struct {
	Keys  []Key
	Heads []Head // by position
	// Unread is how many lines are neither: of a copy that was cut off in the middle of one.
	Unread int
}

// maxKept bounds how many heads are read: one an hour of a hundred years.
const maxKept = 1_000_000

// ReadKept reads lines of {"key":...} and {"head":...}, as they are copied out.
func ReadKept(r io.Reader) (Kept, error) {
	var out Kept
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var it struct {
			Key  *Key
			Head *Head
		}
		switch err := json.Unmarshal(line, &it); {
		case err != nil, it.Key == nil && it.Head == nil:
			out.Unread++
		case it.Key != nil:
			out.Keys = append(out.Keys, *it.Key)
		default:
			out.Heads = append(out.Heads, *it.Head)
		}
		if len(out.Keys)+len(out.Heads)+out.Unread > maxKept {
			return Kept{}, fmt.Errorf("more than %d lines are no copy of heads", maxKept)
		}
	}
	if err := in.Err(); err != nil {
		return Kept{}, fmt.Errorf("read the heads that were kept: %w", err)
	}
	if len(out.Heads) == 0 {
		return Kept{}, errors.New("there is no signed head in the heads that were kept; name the copy of heads.jsonl")
	}
	slices.SortStableFunc(out.Heads, func(a, b Head) int { return cmp.Compare(a.Position, b.Position) })
	return out, nil
}

// Expect has the checker hold the chain against heads that were kept elsewhere. It is
// called before the first key or event; Passed follows each event, and Cut the last one.
func (c *Checker) Expect(k Kept) *Fault {
	for _, key := range k.Keys {
		if f := c.Key(key); f != nil {
			return f
		}
	}
	c.kept = k.Heads
	for len(c.kept) > 0 && c.kept[0].Position < c.first-1 {
		c.kept = c.kept[1:] // of events that are not looked at
	}
	return c.Passed()
}

// Passed checks the kept heads of positions that the chain has come to.
func (c *Checker) Passed() *Fault {
	for len(c.kept) > 0 && c.kept[0].Position <= c.next-1 {
		if f := c.Head(c.kept[0]); f != nil {
			return f
		}
		c.kept = c.kept[1:]
	}
	return nil
}

// Cut checks that the chain goes as far as the kept heads say.
func (c *Checker) Cut() *Fault {
	if len(c.kept) == 0 {
		return nil
	}
	return c.Head(c.kept[len(c.kept)-1])
}
