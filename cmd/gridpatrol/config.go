package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// serveConfig is how a service is run. Everything has a default that works on a
// developer's machine.
type serveConfig struct {
	Listen        string        `env:"GRIDPATROL_LISTEN" default:"127.0.0.1:8080" help:"Address of the service."`
	TZ            string        `name:"tz" env:"GRIDPATROL_TZ" default:"Asia/Shanghai" help:"The district's time zone: case numbers and days follow it."`
	Origins       []string      `env:"GRIDPATROL_ORIGINS" placeholder:"ORIGIN" help:"Origins, beside the service's own, whose pages may sign in: https://host[:port]."`
	MetricsListen string        `name:"metrics-listen" env:"GRIDPATROL_METRICS_LISTEN" placeholder:"ADDR" help:"Address for /metrics without a token. Empty: only with a token."`
	BatchWindow   time.Duration `name:"batch-window" env:"GRIDPATROL_BATCH_WINDOW" default:"2s" help:"How long a report that is not urgent waits for others to be planned with, 10s at most; 0 plans each at once."`
	Webhooks      []string      `name:"webhook-networks" env:"GRIDPATROL_WEBHOOK_NETWORKS" placeholder:"CIDR" help:"Networks that webhooks reach beside the public Internet, such as 10.20.0.0/16; loopback among them by plain http too."`
	Photos        s3Config      `embed:""`
	Heads         headConfig    `embed:""`

	Outside outsideConfig `embed:""`
	Bus     busSettings   `embed:""`

	// Clock and stage are of a story that is played (see demo_story.go): the clock that the
	// service goes by beside the database's, and what stands before its door. No setting
	// reaches them; nil is the machine's clock, and nothing.
	clock func() time.Time
	stage func(door http.Handler) http.Handler
	// local is the machine's clock, which tests put wrong; nil is time.Now.
	local func() time.Time
	// vigilEvery is how often the right of an open socket is asked for again, whatever was
	// taken away, which tests put off; 0 is the door's own.
	vigilEvery time.Duration
}

// machine is the clock of the machine.
func (c serveConfig) machine() func() time.Time {
	if c.local != nil {
		return c.local
	}
	return time.Now
}

// now is the clock that the service goes by: the database's, but for a story's own.
func (c serveConfig) now(steady *steadyClock) func() time.Time {
	if c.clock != nil {
		return c.clock
	}
	return steady.now
}

// check finds all that is wrong at once, so that a configuration is mended in
// one go, and answers the time zone.
func (c serveConfig) check(common Common) (*time.Location, error) {
	var faults []error
	fault := func(setting, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", setting, fmt.Sprintf(format, args...)))
	}
	if err := checkAddress(c.Listen); err != nil {
		fault("--listen / GRIDPATROL_LISTEN", "%v", err)
	}
	if c.MetricsListen != "" {
		if err := checkAddress(c.MetricsListen); err != nil {
			fault("--metrics-listen / GRIDPATROL_METRICS_LISTEN", "%v", err)
		}
	}
	zone, err := time.LoadLocation(c.TZ)
	if err != nil {
		fault("--tz / GRIDPATROL_TZ", "%q is no time zone this machine knows; give a name such as Asia/Shanghai", c.TZ)
	}
	if c.BatchWindow < 0 || c.BatchWindow > dispatch.MostWindow {
		fault("--batch-window / GRIDPATROL_BATCH_WINDOW", "%v is not from 0 to %v", c.BatchWindow, dispatch.MostWindow)
	}
	for _, origin := range c.Origins {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.TrimSuffix(u.Path, "/") != "" {
			fault("--origins / GRIDPATROL_ORIGINS", "%q is no origin; give scheme and host only, such as https://map.example", origin)
		}
	}
	for _, network := range c.Webhooks {
		if _, err := netip.ParsePrefix(network); err != nil {
			fault("--webhook-networks / GRIDPATROL_WEBHOOK_NETWORKS", "%q is no network; give one such as 10.20.0.0/16", network)
		}
	}
	if c.Photos.wanted() {
		for _, f := range c.Photos.vault().Faults() {
			fault("GRIDPATROL_S3_"+f.Setting, "%s", f.Detail)
		}
	}
	faults = append(faults, c.Outside.faults()...)
	for _, f := range c.Bus.settings().Faults() {
		fault(f.Setting, "%s", f.Detail)
	}
	if common.DatabaseURL != "" {
		if _, err := pgxpool.ParseConfig(common.DatabaseURL); err != nil {
			fault("--database-url / DATABASE_URL", "cannot be read; give postgres://user@host:5432/name or key=value pairs")
		}
	} else if err := checkDataDir(common.DataDir); err != nil {
		fault("--data-dir / GRIDPATROL_DATA_DIR", "%v", err)
	}
	if len(faults) > 0 {
		return nil, usageFault{fmt.Errorf("this configuration cannot work:\n%w", errors.Join(faults...))}
	}
	return zone, nil
}

// webhookNetworks are those of a configuration that was checked.
func (c serveConfig) webhookNetworks() (out []netip.Prefix) {
	for _, network := range c.Webhooks {
		if p, err := netip.ParsePrefix(network); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address; give host:port, such as 127.0.0.1:8080", address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("%q has no usable port; give a number from 0 to 65535", address)
	}
	return nil
}

// checkDataDir makes the directory when it is missing, since a first start has none.
func checkDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%s cannot be made (%v); name a directory that this user may write", dir, err)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written (%v); name another directory", filepath.Clean(dir), err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}
