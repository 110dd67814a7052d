package pgtiles

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever is put and got, the cache answers only what was put, and stays within
// its bytes.
func TestCache(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const most = 8 * (perTile + 64)
		c := newCache(most)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			x := rapid.IntRange(0, 30).Draw(t, "x")
			key := cacheKey{layer: "grids", x: x}
			if tile, ok := c.get(key); ok && (len(tile) != x*7 || c.order.Front().Value.(*cached).key != key) {
				t.Fatalf("tile %d has %d bytes", x, len(tile))
			}
			c.put(key, make([]byte, x*7))
			sum := 0
			for e := c.order.Front(); e != nil; e = e.Next() {
				sum += len(e.Value.(*cached).tile) + perTile
			}
			if sum != c.bytes || c.bytes > most || len(c.tiles) != c.order.Len() {
				t.Fatalf("%d bytes counted, %d held, %d at most", c.bytes, sum, most)
			}
		}
	})
}
