// Package realtime is beacons in and changes out: it takes fixes from devices,
// keeps the newest place of every patrol in memory, and shows viewers what moves.
//
//	socket -> decode -> judge -+-> Index (newest fix wins) -> Bus -> LiveServer -> viewers
//	                           +-> writer -> Ledger (one commit for many sockets) -> ack
//
// It holds no SQL (realtime/pgtrack does) and decides nothing about cases. Nothing
// on the left of the picture waits for anything on the right: a viewer that does
// not read is closed, a bus that is full keeps the newest place of each patrol,
// and a database that is away stops acknowledgements but not the live map.
//
// Other nodes are told of places and of who holds a stream through Peers, which
// waits for nobody either; what they tell comes in by HearPlaces and HearClaims.
//
// LocalBus.mu may be held while a mailbox.mu is taken; no other two locks of this
// package are held together, and none is held while writing to a socket or a
// database.
package realtime
