//go:build !linux

package pgdb

import "syscall"

func boundUnheard(string, string, syscall.RawConn) error { return nil }
