// Package proof says how what happened is written down so that it can be shown
// later: an event is one text (RFC 8785), each event is chained to the one before it
// by SHA-256, and the chain's end is signed every hour. docs/proof.md has the
// encoding with vectors that another program can be tested against.
//
// It decides nothing, and speaks to no database and no network: proof/pgproof keeps
// events, seals them and signs. What is verified here needs an export and nothing
// else.
package proof
