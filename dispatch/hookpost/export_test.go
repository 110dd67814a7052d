package hookpost

// Short is what is kept of a stranger's bytes.
var Short = short
