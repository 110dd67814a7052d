//go:build !linux

package realtime

func huge[T any](n int) []T { return make([]T, n) }
