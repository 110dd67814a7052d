// Package story plays one night of the article on a real service: a grid worker
// photographs a vat, police and environment meet out of sight and go in together. It
// is audience to what it plays, too: Judge looks in the chain of events whether the
// night went as it must.
//
// People and devices use the doors that everybody uses. What only a story has is its
// clock: it runs as in life while people speak, and faster while they drive. The clock
// is the database's own shift, which the owner of a database alone may move.
package story
