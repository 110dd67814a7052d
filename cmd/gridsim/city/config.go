package city

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"
)

// Demo is the file that the demo leaves for whoever wants to use it.
type Demo struct {
	URL        string    `json:"url"`
	Accounts   []Account `json:"accounts"`
	AdminToken string    `json:"admin_token"`
	Devices    []Device  `json:"devices"`
}

// Device is a phone and what it speaks for.
type Device struct {
	DeviceID string `json:"device_id"`
	PatrolID string `json:"patrol_id"`
	Token    string `json:"token"`
}

// ReadDemo reads the file and says everything that is wrong with it.
func ReadDemo(path string) (Demo, error) {
	var d Demo
	raw, err := os.ReadFile(path)
	if err != nil {
		return d, fmt.Errorf("read the demo file: %w", err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("read the demo file %s: %w", path, err)
	}
	var faults []error
	if u, err := url.Parse(d.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		faults = append(faults, fmt.Errorf("url %q is not an http address", d.URL))
	}
	if d.AdminToken == "" {
		faults = append(faults, errors.New("admin_token is missing"))
	}
	if len(d.Devices) == 0 {
		faults = append(faults, errors.New("devices is empty"))
	}
	for i, x := range d.Devices {
		if x.DeviceID == "" || x.PatrolID == "" || x.Token == "" {
			faults = append(faults, fmt.Errorf("devices[%d] needs device_id, patrol_id and token", i))
			break
		}
	}
	if err := errors.Join(faults...); err != nil {
		return d, fmt.Errorf("demo file %s: %w", path, err)
	}
	return d, nil
}

// Config is a city. The zero value of a field is the value given beside it.
type Config struct {
	Demo Demo
	// Seed makes the same people walk the same ways, as far as the service lets
	// them. 0 is 1.
	Seed uint64
	// Devices is how many of the devices on duty take part; 0 is all.
	Devices int
	// ReportsPerMinute is how many reports are filed, on average; 0 is none.
	ReportsPerMinute float64
	// Interval is the time between two fixes; 0 is what the service tells.
	Interval time.Duration
	// StatusEvery is the time between two status lines; 0 is 10 s.
	StatusEvery time.Duration
	// Out gets the status lines; nil throws them away.
	Out io.Writer
}

func (c Config) check() (Config, error) {
	var faults []error
	if c.Devices < 0 {
		faults = append(faults, errors.New("devices must not be negative"))
	}
	if c.ReportsPerMinute < 0 || c.ReportsPerMinute > 600 {
		faults = append(faults, errors.New("reports per minute must be 0 to 600"))
	}
	if c.Interval < 0 || c.Interval > time.Minute {
		faults = append(faults, errors.New("interval must be at most a minute"))
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.StatusEvery == 0 {
		c.StatusEvery = 10 * time.Second
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	return c, errors.Join(faults...)
}

// Account is a person with a password.
type Account struct {
	Role     string `json:"role"`
	Username string `json:"username"`
	Password string `json:"password"`
}
