package api

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// Tiles answers vector tiles. *pgtiles.Store is one. Revision changes whenever a
// tile of the layer may; area bounds what the tile shows to the area of that code
// and those below it, empty is the whole district.
type Tiles interface {
	Layers() []string
	Revision(ctx context.Context, layer string) (string, error)
	Tile(ctx context.Context, layer string, z, x, y int, area string) ([]byte, error)
}

// maxZoom is beyond what any page asks for; maps overzoom from there.
const maxZoom = 18

func (s *Server) getTile(c echo.Context) error {
	layer := c.Param("layer")
	if !slices.Contains(s.tiles.Layers(), layer) {
		return errNotFound
	}
	name, ok := strings.CutSuffix(c.Param("y"), ".mvt")
	z, errZ := strconv.Atoi(c.Param("z"))
	x, errX := strconv.Atoi(c.Param("x"))
	y, errY := strconv.Atoi(name)
	if !ok || errZ != nil || errX != nil || errY != nil || z < 0 || z > maxZoom || x < 0 || y < 0 || x >= 1<<z || y >= 1<<z {
		return errNotFound
	}
	ctx, area := c.Request().Context(), viewer(c).AreaCode
	revision, err := s.tiles.Revision(ctx, layer)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d %d %d", layer, revision, area, z, x, y))
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	h := c.Response().Header()
	h.Set("ETag", tag)
	h.Set("Vary", "Accept-Encoding, Cookie, Authorization")
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	if c.Request().Header.Get("If-None-Match") == tag {
		return c.NoContent(http.StatusNotModified)
	}
	body, err := s.tiles.Tile(ctx, layer, z, x, y, area)
	if err != nil {
		return err
	}
	if len(body) >= 1024 && acceptsGzip(c.Request()) {
		if body, err = zip(body, gzip.BestSpeed); err != nil {
			return err
		}
		h.Set(echo.HeaderContentEncoding, "gzip")
	}
	return c.Blob(http.StatusOK, "application/vnd.mapbox-vector-tile", body)
}
