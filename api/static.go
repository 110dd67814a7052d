package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

// pages are the addresses of the documents; everything else is a file.
var pages = map[string]string{"/": "index.html", "/login": "login.html", "/m": "m.html", "/m/": "m.html", enrolPage: "m.html", "/follow": "follow.html"}

// staticFile is one file of the page, read and compressed once.
type staticFile struct {
	body, zipped []byte // zipped is nil where it would not pay
	mediaType    string
	etag         string
	immutable    bool
}

// mediaTypesOfFiles does not depend on what a machine's mime.types says.
var mediaTypesOfFiles = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".png": "image/png", ".ico": "image/x-icon", ".txt": "text/plain; charset=utf-8",
}

// loadStatic reads the finished page. Files below assets/ carry a hash in their
// name and never change.
func loadStatic(files fs.FS) (map[string]*staticFile, error) {
	out := map[string]*staticFile{}
	if files == nil {
		return out, nil
	}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		file := &staticFile{body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, immutable: strings.HasPrefix(name, "assets/")}
		ext := path.Ext(name)
		if file.mediaType = mediaTypesOfFiles[ext]; file.mediaType == "" {
			file.mediaType = mime.TypeByExtension(ext)
		}
		if file.mediaType == "" {
			file.mediaType = "application/octet-stream"
		}
		if len(body) >= 1024 && ext != ".woff2" && ext != ".png" {
			if file.zipped, err = zip(body, gzip.DefaultCompression); err != nil {
				return err
			}
		}
		out["/"+name] = file
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the page's files: %w", err)
	}
	return out, nil
}

func zip(body []byte, level int) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, level)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(body)
	err = errors.Join(err, w.Close()) // the end of the stream is written here
	return buf.Bytes(), err
}

// file answers a page or one of its files; what is no file is a 404 like any
// other.
func (s *Server) file(c echo.Context) error {
	at := c.Request().URL.Path
	if name, ok := pages[at]; ok {
		at = "/" + name
	}
	file := s.static[at]
	if file == nil {
		if pages[c.Request().URL.Path] != "" {
			return refuse(http.StatusNotFound, "no-page", "This program was built without its page; run make build. The API answers at /docs.")
		}
		return errNotFound
	}
	h := c.Response().Header()
	h.Set("ETag", file.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set(echo.HeaderCacheControl, "no-cache")
	if file.immutable {
		h.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	if c.Request().Header.Get("If-None-Match") == file.etag {
		return c.NoContent(http.StatusNotModified)
	}
	body := file.body
	if file.zipped != nil && acceptsGzip(c.Request()) {
		h.Set(echo.HeaderContentEncoding, "gzip")
		body = file.zipped
	}
	return c.Blob(http.StatusOK, file.mediaType, body)
}

func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
