package pgtiles

import (
	"container/list"
	"sync"
)

type cacheKey struct {
	layer, revision, area string
	z, x, y               int
}

// cache keeps the tiles asked for last, up to a number of bytes. A tile of an old
// revision is never asked for again and leaves as others come.
type cache struct {
	mu    sync.Mutex
	most  int
	bytes int
	order *list.List // of *cached, newest first
	tiles map[cacheKey]*list.Element
}

type cached struct {
	key  cacheKey
	tile []byte
}

// perTile is what an entry costs beside its bytes, roughly.
const perTile = 256

func newCache(most int) *cache {
	return &cache{most: most, order: list.New(), tiles: map[cacheKey]*list.Element{}}
}

func (c *cache) get(key cacheKey) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.tiles[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).tile, true
}

func (c *cache) put(key cacheKey, tile []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.tiles[key]; twice || len(tile)+perTile > c.most/4 {
		return
	}
	c.tiles[key] = c.order.PushFront(&cached{key, tile})
	for c.bytes += len(tile) + perTile; c.bytes > c.most; {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.tiles, last.key)
		c.bytes -= len(last.tile) + perTile
	}
}
