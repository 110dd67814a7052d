package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/gridpatrol/gridpatrol/realtime/beaconcheck"
)

// beaconCheckCmd goes through the beacon channel as a device would.
type beaconCheckCmd struct {
	URL       string `arg:"" help:"The service, such as https://patrol.example, or its channel, such as wss://patrol.example/ws/beacon."`
	TokenFile string `name:"token-file" type:"existingfile" placeholder:"FILE" help:"A device's token; GRIDPATROL_DEVICE_TOKEN does the same. What is sent is kept as that device's track: take one that is for tests."`
	At        string `default:"121.38,28.58" placeholder:"LON,LAT" help:"Where the device stands."`
	JSON      bool   `name:"json" help:"Print each step as a line of JSON."`
}

// Run prints a line a step; what is wrong makes it fail.
func (c beaconCheckCmd) Run(ctx context.Context, env *Env) error {
	channel, err := channelOf(c.URL)
	if err != nil {
		return usageFault{fmt.Errorf("URL: %w", err)}
	}
	at, err := lonLat(c.At)
	if err != nil {
		return usageFault{fmt.Errorf("--at: %w", err)}
	}
	token := os.Getenv(deviceTokenEnv)
	if c.TokenFile != "" {
		raw, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return usageFault{fmt.Errorf("--token-file: %w", err)}
		}
		token = strings.TrimSpace(string(raw))
	}
	if token == "" {
		return usageFault{fmt.Errorf("--token-file, %s: a device's token is needed; gridpatrol token create --device CODE prints one", deviceTokenEnv)}
	}
	done, wrong := 0, 0
	var failed error
	err = beaconcheck.Steps(ctx, beaconcheck.Config{URL: channel, Token: token, Lon: at.Lon, Lat: at.Lat}, func(s beaconcheck.Step) {
		done++
		if s.Wrong != "" {
			wrong++
		}
		if failed == nil {
			failed = c.print(env, s)
		}
	})
	if err != nil {
		return fmt.Errorf("beacon-check: %w", err)
	}
	if failed != nil {
		return printed(failed)
	}
	if wrong > 0 {
		return fmt.Errorf("beacon-check: %d of %d steps went wrong", wrong, done)
	}
	return nil
}

func (c beaconCheckCmd) print(env *Env, s beaconcheck.Step) error {
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(s)
	}
	if s.Wrong == "" {
		_, err := fmt.Fprintf(env.Stdout, "ok     %s\n", s.Name)
		return err
	}
	_, err := fmt.Fprintf(env.Stdout, "WRONG  %s\n       %s\n", s.Name, s.Wrong)
	return err
}

// channelOf is the channel of a service that is named by any of its addresses.
func channelOf(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("%q does not begin with http://, https://, ws:// or wss://", text)
	}
	if u.Host == "" {
		return "", fmt.Errorf("%q names no host", text)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/ws/beacon"
	}
	return u.String(), nil
}
