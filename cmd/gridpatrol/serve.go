package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

type serveCmd struct {
	serveConfig
}

// Run serves until it is told to stop. The ready line is the only thing it
// writes on stdout.
func (c serveCmd) Run(ctx context.Context, env *Env) error {
	zone, err := c.check(env.Common)
	if err != nil {
		return err
	}
	closeDatabase, err := env.openDatabase(ctx, 24)
	if err != nil {
		return err
	}
	defer closeDatabase()
	return c.serve(ctx, env, zone, func(url string) {
		line, _ := json.Marshal(struct {
			Event string `json:"event"`
			URL   string `json:"url"`
		}{"ready", url}) // two strings always marshal
		fmt.Fprintf(env.Stdout, "%s\n", line)
	})
}

// serve opens the doors on the configured address, says when they are open, and
// keeps them open until ctx ends.
func (c serveConfig) serve(ctx context.Context, env *Env, zone *time.Location, ready func(url string)) error {
	service, err := newService(ctx, env, c, zone)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		service.neighbours.close()
		return usageFault{fmt.Errorf("--listen / GRIDPATROL_LISTEN: %w; name a free address", err)}
	}
	var metrics net.Listener
	if c.MetricsListen != "" {
		if metrics, err = net.Listen("tcp", c.MetricsListen); err != nil {
			listener.Close()
			service.neighbours.close()
			return usageFault{fmt.Errorf("--metrics-listen / GRIDPATROL_METRICS_LISTEN: %w; name a free address", err)}
		}
	}
	return service.run(ctx, listener, metrics, func() { ready("http://" + reachable(listener.Addr())) })
}

// reachable is an address a browser on this machine can open: a wildcard is
// reached by loopback.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
}
