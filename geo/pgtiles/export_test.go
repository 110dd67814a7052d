package pgtiles

// Query is the statement that cuts a layer, and whether it takes an area.
func Query(name string) (query string, bounded bool) { return layers[name].query, layers[name].bounded }
