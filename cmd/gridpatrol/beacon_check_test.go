package main

import (
	"errors"
	"strings"
	"testing"
)

func TestTheChannelOfAService(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"http://127.0.0.1:8080":            "ws://127.0.0.1:8080/ws/beacon",
		"https://patrol.example/":          "wss://patrol.example/ws/beacon",
		"wss://patrol.example/x/ws/beacon": "wss://patrol.example/x/ws/beacon",
		"patrol.example":                   "",
		"ftp://patrol.example":             "",
		"http://":                          "",
	} {
		if got, err := channelOf(given); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v, want %q", given, got, err, want)
		}
	}
}

func TestBeaconCheckSaysWhatIsMissing(t *testing.T) {
	t.Setenv(deviceTokenEnv, "")
	for name, c := range map[string]beaconCheckCmd{
		"begin with": {URL: "patrol.example", At: "121,28"},
		"--at":       {URL: "http://patrol.example", At: "here"},
		"token":      {URL: "http://patrol.example", At: "121,28"},
	} {
		var usage usageFault
		if err := c.Run(t.Context(), &Env{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
