// Package pgauth knows who is at the door: accounts and their passwords,
// sessions, tokens of programs and devices, and the tickets that open a
// WebSocket. It holds every SQL statement of identity and no rule of who may do
// what; that is dispatch/policy.
//
// No secret is stored. A password is kept as an argon2id string; sessions,
// tokens and tickets are 32 random bytes kept as their SHA-256. A secret that is
// unknown, expired, revoked or used up gives one and the same error, ErrUnknown.
package pgauth
