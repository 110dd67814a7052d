// Package pgview reads from PostgreSQL what the pages list and no rule needs: the
// registers, the grids of a map version with their people, and whether the
// database is ready. It only ever selects.
//
// What a viewer may see is settled by dispatch/policy; the area filter stands in
// the queries too, so that a page of a list costs what it shows.
package pgview
