package road

import "testing"

// LoadExtract is set by the tests outside the package, which may import the
// importer.
var LoadExtract func(t testing.TB, extract string) *Network
