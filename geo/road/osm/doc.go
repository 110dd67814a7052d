// Package osm reads OpenStreetMap extracts (.osm.pbf) and turns them into
// what a road network is made of.
//
// # Why a reader of our own
//
// The usual Go library decodes blocks in goroutines of its own and panics there
// when a file announces dense nodes and then holds plain ones. No recover of
// ours can catch that: one odd upload would end the service. The format is
// small, so Reader parses it by hand over protowire, in the caller's
// goroutine: blobs within the bounds the format sets (64 KiB of header, 32 MiB of
// data), raw or zlib, both encodings of nodes, every length checked before it is
// believed. What is wrong with a file is a *FileError with the byte it is at and
// what to do.
//
// # From tags to travel
//
// Import passes over the file twice: ways and restrictions first, then only the
// nodes these ways use, so memory follows the roads and not the file. What the tags
// make of a way for whom is data: profiles of geo/road/profile, one for each mode of
// the network, all read in the one run. The rules in rules.go, access.go and gate.go
// put them to work.
package osm
