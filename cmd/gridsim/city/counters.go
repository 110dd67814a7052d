package city

import (
	"fmt"
	"sync/atomic"
)

// Counters are what the status line tells. Everybody adds; only Line reads.
type Counters struct {
	OnDuty                          atomic.Int64
	Made, Acked, Rejected, Dropped  atomic.Int64
	Reconnects                      atomic.Int64
	Reports, ReportsFailed, Closed  atomic.Int64
	Offers, Answered, Refused, Done atomic.Int64
}

// Line is one line for people.
func (c *Counters) Line() string {
	return fmt.Sprintf("on duty %d | fixes made %d, acked %d, rejected %d, dropped %d | reconnects %d | reports %d, failed %d, closed %d | offers %d, answered %d, refused %d, done %d",
		c.OnDuty.Load(), c.Made.Load(), c.Acked.Load(), c.Rejected.Load(), c.Dropped.Load(), c.Reconnects.Load(),
		c.Reports.Load(), c.ReportsFailed.Load(), c.Closed.Load(), c.Offers.Load(), c.Answered.Load(), c.Refused.Load(), c.Done.Load())
}
