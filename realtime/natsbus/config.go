package natsbus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config of a Bus. Either Listen, for a server inside this program, or URL is set.
type Config struct {
	Node uuid.UUID // of this run of the program, as the database knows it
	Host string    // for a person
	// Realm keeps districts apart that share a server: nodes of one database have one.
	Realm string
	// Ahead is how far this machine's clock is before the database's; nil is not at all.
	Ahead func() time.Duration
	Log   *slog.Logger // slog.Default if nil

	Settings
}

// Settings are what an operator sets.
type Settings struct {
	// Listen is where the server inside takes routes of its peers, host:port; Peers are
	// theirs. One that is reached is enough: it tells of the others. A name may have
	// several addresses.
	Listen string
	Peers  []string
	// Secret is what peers prove to each other that they belong together by.
	Secret string
	// Cert, Key and CA are PEM files. Peers show their certificate to each other, and a
	// server outside is judged by CA.
	Cert, Key, CA string
	// Plain allows routes without TLS beyond this machine, where the network itself is
	// trusted or encrypted.
	Plain bool

	// URL is a server outside: nats://host:4222 or tls://..., several with commas.
	URL             string
	User, Password  string
	Token           string
	CredentialsFile string // of NATS's own kind
}

// Wanted says whether there is to be a bus at all.
func (s Settings) Wanted() bool { return s.Listen != "" || s.URL != "" }

// Fault is what is wrong with one setting, in the words of whoever may mend it.
type Fault struct{ Setting, Detail string }

// leastSecret is as long as what cannot be guessed is at least.
const leastSecret = 16

// Faults finds all that is wrong at once. No detail repeats a secret.
func (s Settings) Faults() []Fault {
	var faults []Fault
	fault := func(setting, format string, args ...any) {
		faults = append(faults, Fault{setting, fmt.Sprintf(format, args...)})
	}
	if s.Listen != "" && s.URL != "" {
		fault("GRIDPATROL_BUS_LISTEN", "is set together with NATS_URL; the bus is either inside the program or outside, so leave one out")
	}
	if s.Listen == "" && len(s.Peers) > 0 {
		fault("GRIDPATROL_BUS_LISTEN", "is empty while GRIDPATROL_BUS_PEERS names nodes; give the address on which this node takes theirs, such as 10.0.0.1:6222")
	}
	for _, p := range s.Peers {
		if strings.Contains(p, "@") || strings.Contains(p, "://") {
			fault("GRIDPATROL_BUS_PEERS", "a peer is host:port, without scheme, name or password; the password is GRIDPATROL_BUS_SECRET")
		} else if err := hostPort(p); err != nil {
			fault("GRIDPATROL_BUS_PEERS", "%v", err)
		}
	}
	if (s.Cert == "") != (s.Key == "") {
		fault("GRIDPATROL_BUS_CERT", "and GRIDPATROL_BUS_KEY go together; set both or neither")
	}
	if s.Listen != "" {
		faults = append(faults, s.listenFaults()...)
	}
	for _, one := range s.urls() {
		u, err := url.Parse(one)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "nats" && u.Scheme != "tls"):
			fault("NATS_URL", "cannot be read; give nats://host:4222 or tls://host:4222, several with commas")
		case u.User != nil:
			fault("NATS_URL", "holds a name or a password, which would show in lists of processes; give them as NATS_USER and NATS_PASSWORD, or NATS_TOKEN, or the file NATS_CREDS")
		}
	}
	if s.Password != "" && s.User == "" {
		fault("NATS_USER", "is empty while NATS_PASSWORD is set; give both")
	}
	if _, err := s.tls(); err != nil {
		fault("GRIDPATROL_BUS_CERT", "%v", err)
	}
	if s.CredentialsFile != "" {
		if _, err := os.Stat(s.CredentialsFile); err != nil {
			fault("NATS_CREDS", "%v; name a file that this user may read", err)
		}
	}
	return faults
}

func (s Settings) listenFaults() []Fault {
	var faults []Fault
	if err := hostPort(s.Listen); err != nil {
		return []Fault{{"GRIDPATROL_BUS_LISTEN", err.Error()}}
	}
	if s.Secret != "" && len(s.Secret) < leastSecret {
		faults = append(faults, Fault{"GRIDPATROL_BUS_SECRET", fmt.Sprintf("has fewer than %d characters; make one with openssl rand -hex 24", leastSecret)})
	}
	host, _, _ := net.SplitHostPort(s.Listen)
	ip := net.ParseIP(host)
	if host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return faults
	}
	if s.Secret == "" {
		faults = append(faults, Fault{"GRIDPATROL_BUS_SECRET", "is empty while the bus listens beyond this machine: anybody could invent positions; give every node the same, made with openssl rand -hex 24"})
	}
	if s.Cert == "" && !s.Plain {
		faults = append(faults, Fault{"GRIDPATROL_BUS_CERT", "is empty while the bus listens beyond this machine: positions of people would travel in the clear; give GRIDPATROL_BUS_CERT, GRIDPATROL_BUS_KEY and GRIDPATROL_BUS_CA, or set GRIDPATROL_BUS_PLAIN=true where the network itself is private"})
	}
	return faults
}

func hostPort(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return fmt.Errorf("%q is no address; give host:port, such as 10.0.0.1:6222", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no usable port; give a number up to 65535", address)
	}
	return nil
}

func (s Settings) urls() []string {
	if s.URL == "" {
		return nil
	}
	return strings.Split(s.URL, ",")
}

// tls is how peers know each other, nil without a certificate or an authority.
func (s Settings) tls() (*tls.Config, error) {
	if s.Cert == "" && s.CA == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.Cert != "" && s.Key != "" {
		pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, fmt.Errorf("the certificate and its key cannot be used: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("the authority (GRIDPATROL_BUS_CA) cannot be read: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("the authority (GRIDPATROL_BUS_CA) holds no certificate in PEM")
		}
		c.RootCAs, c.ClientCAs, c.ClientAuth = pool, pool, tls.RequireAndVerifyClientCert
	}
	return c, nil
}

func (c *Config) complete() error {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Ahead == nil {
		c.Ahead = func() time.Duration { return 0 }
	}
	var faults []error
	if c.Node == uuid.Nil || c.Realm == "" {
		faults = append(faults, errors.New("natsbus: Config needs a Node and a Realm"))
	}
	if !c.Wanted() {
		faults = append(faults, errors.New("natsbus: Config needs Listen or URL"))
	}
	for _, f := range c.Faults() {
		faults = append(faults, fmt.Errorf("%s: %s", f.Setting, f.Detail))
	}
	return errors.Join(faults...)
}

// hide takes secrets out of what others say.
func (c *Config) hide(text string) string {
	for _, secret := range []string{c.Secret, c.Password, c.Token} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "***")
		}
	}
	return text
}

func (c *Config) url() string {
	if c.Listen != "" {
		return ""
	}
	return c.URL
}

func (c *Config) outside() []nats.Option {
	var options []nats.Option
	if c.User != "" {
		options = append(options, nats.UserInfo(c.User, c.Password))
	}
	if c.Token != "" {
		options = append(options, nats.Token(c.Token))
	}
	if c.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(c.CredentialsFile))
	}
	if t, err := c.tls(); err == nil && t != nil { // Faults has tried it
		options = append(options, nats.Secure(t))
	}
	return options
}

// routeUser is the name that peers give; the secret is what counts.
const routeUser = "gridpatrol"

// embed starts the server inside: it takes nobody but this program, in process, and
// routes of peers. A server that takes no clients at all starts no routes either
// (2.15), so it does on this machine alone, at any port, by a token that only this
// process knows.
func embed(c *Config, token string) (*server.Server, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, err // Faults has said so
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	secure, err := c.tls()
	if err != nil {
		return nil, err
	}
	options := &server.Options{
		ServerName: c.Host + "-" + c.Node.String(), Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: token,
		NoSigs: true, NoSystemAccount: true,
		WriteDeadline: 5 * time.Second,
		Cluster: server.ClusterOpts{
			Name: "gridpatrol", Host: host, Port: number, Username: routeUser, Password: c.Secret, TLSConfig: secure, TLSTimeout: 5,
			// One connection a route is enough. A peer that is cut off is noticed by its pings.
			PoolSize: -1, PingInterval: 2 * time.Second, MaxPingsOut: 2, WriteDeadline: 5 * time.Second, AuthTimeout: 5,
			NoAdvertise: true, // of that port
		},
	}
	if c.Secret == "" {
		options.Cluster.Username = ""
	}
	for _, p := range c.Peers {
		u := &url.URL{Scheme: "nats-route", Host: p}
		if c.Secret != "" {
			u.User = url.UserPassword(routeUser, c.Secret)
		}
		options.Routes = append(options.Routes, u)
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("start the bus between nodes: %s", c.hide(err.Error()))
	}
	s.SetLoggerV2(logger{log: c.Log, hide: c.hide}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("GRIDPATROL_BUS_LISTEN: the bus cannot listen on %s; name a free address of this machine", c.Listen)
	}
	return s, nil
}
