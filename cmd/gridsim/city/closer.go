package city

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// closer is the operator who reads what was fed back and closes the case with an
// answer to whoever reported it. A case is left to be looked at for a while first.
type closer struct {
	rng      *rand.Rand
	service  *service
	hotline  *hotline
	counters *Counters
	log      func(format string, args ...any)
	seen     map[string]time.Time // cases that wait, since when
	told     string               // the last trouble, told once
}

const (
	closeEvery   = 15 * time.Second
	verifyingFor = time.Minute
	mostAtOnce   = 20
)

var results = []string{
	"现场已检查并责令整改，感谢您的反映。", "问题已当场处理，我们会再来回访。", "经现场核查，相关物品已清理完毕。", "已依法处理，后续由责任网格每周巡查。",
}

// Run closes cases until ctx ends.
func (c *closer) Run(ctx context.Context) error {
	tick := time.NewTicker(closeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := c.look(ctx, time.Now()); err != nil && ctx.Err() == nil && err.Error() != c.told {
			c.told = err.Error()
			c.log("cases are not closed: %v", err)
		}
	}
}

func (c *closer) look(ctx context.Context, now time.Time) error {
	who := c.hotline.caller(ctx)
	var ripe []string
	waiting := map[string]time.Time{}
	err := each(ctx, c.service, who, "/api/v1/cases?stage=verifying", 400, func(found struct {
		ID string `json:"id"`
	}) {
		since, known := c.seen[found.ID]
		if !known {
			since = now
		}
		waiting[found.ID] = since
		if now.Sub(since) >= verifyingFor && len(ripe) < mostAtOnce {
			ripe = append(ripe, found.ID)
		}
	})
	if err != nil {
		if isUnauthorized(err) {
			c.hotline.expired(who)
		}
		return err
	}
	c.seen = waiting
	for _, id := range ripe {
		if err := c.service.close(ctx, who, id, results[c.rng.IntN(len(results))]); err != nil && outcomeOf(err) != refused {
			return err
		}
		c.counters.Closed.Add(1)
	}
	return nil
}

// close ends a case with an answer to whoever reported it.
func (s *service) close(ctx context.Context, who caller, caseID, answer string) error {
	body, err := json.Marshal(map[string]string{"answer": answer})
	if err != nil {
		return fmt.Errorf("close a case: %w", err)
	}
	return s.do(ctx, who, http.MethodPost, "/api/v1/cases/"+url.PathEscape(caseID)+"/close", strings.NewReader(string(body)),
		http.Header{"Content-Type": {"application/json"}}, nil)
}
