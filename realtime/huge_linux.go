package realtime

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// huge makes a slice and, when it is large, asks for pages of 2 MB beneath it: with
// pages of 4 KB a look at a place at random costs a walk through the page tables too.
// Without them all works, slower.
func huge[T any](n int) []T {
	const page = 2 << 20
	s := make([]T, n)
	var one T
	size := uintptr(n) * unsafe.Sizeof(one)
	if size < 2*page {
		return s
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(bytes))) & (page - 1)
	whole := (size - skip) &^ (page - 1)
	_ = unix.Madvise(bytes[skip:skip+whole], unix.MADV_HUGEPAGE)
	return s
}
