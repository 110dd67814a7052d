package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/outside"
)

// outsideConfig names a routing server that somebody else runs. The own engine stands
// behind it.
type outsideConfig struct {
	OSRM     map[string]string `name:"osrm" env:"GRIDPATROL_OSRM" placeholder:"MODE=URL;..." help:"Servers of OSRM by mode, such as car=http://127.0.0.1:5000: they answer times and routes, the own engine stands behind them."`
	Valhalla string            `name:"valhalla" env:"GRIDPATROL_VALHALLA" placeholder:"URL" help:"A server of Valhalla, for every mode, instead of OSRM."`
	Timeout  time.Duration     `name:"roads-timeout" env:"GRIDPATROL_ROADS_TIMEOUT" default:"800ms" help:"How long a routing server may take before the own engine answers."`
}

func (c outsideConfig) faults() (faults []error) {
	fault := func(setting, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", setting, fmt.Sprintf(format, args...)))
	}
	check := func(setting, text string) {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" {
			fault(setting, "%q is no address of a server; give one such as http://127.0.0.1:5000", text)
		}
	}
	for word, text := range c.OSRM {
		if _, err := road.ParseMode(word); err != nil {
			fault("--osrm / GRIDPATROL_OSRM", "%v", err)
		}
		check("--osrm / GRIDPATROL_OSRM", text)
	}
	if c.Valhalla != "" {
		check("--valhalla / GRIDPATROL_VALHALLA", c.Valhalla)
	}
	if c.Valhalla != "" && len(c.OSRM) > 0 {
		fault("--valhalla / GRIDPATROL_VALHALLA", "is given beside OSRM; give one of them")
	}
	if (c.Valhalla != "" || len(c.OSRM) > 0) && (c.Timeout < 10*time.Millisecond || c.Timeout > time.Minute) {
		fault("--roads-timeout / GRIDPATROL_ROADS_TIMEOUT", "%v is not within 10ms and 1m", c.Timeout)
	}
	return faults
}

// ways is the server that is configured with the own engine behind it, or that alone.
func (c outsideConfig) ways(own outside.Own, told func(server, result string)) outside.Own {
	var server outside.Server
	switch {
	case c.Valhalla != "":
		server = outside.Valhalla(c.Valhalla)
	case len(c.OSRM) > 0:
		var base [road.Modes]string
		for word, text := range c.OSRM {
			if m, err := road.ParseMode(word); err == nil { // checked before
				base[m] = text
			}
		}
		server = outside.OSRM(base)
	default:
		return own
	}
	return outside.New(outside.Config{Server: server, Own: own, Told: told, Timeout: c.Timeout})
}
