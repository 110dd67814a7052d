// Package web holds the two pages people look at: the command centre and the
// phone page. Their source is TypeScript below src; "npm run build" leaves the
// finished files in dist, and this package carries them inside the program, so
// that one binary is all there is to install and no other host is ever asked.
package web

import (
	"embed"
	"io/fs"
)

// dist is committed empty but for .keep, so that the program builds without Node.
//
//go:embed all:dist
var dist embed.FS

// Files is what the build left: index.html (command centre), m.html (phone),
// login.html, sw.js and assets/, whose names carry a hash and never change. Where
// no page was built it holds only .keep.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, or this would not have compiled
	}
	return files
}
