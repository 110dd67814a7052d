package natsbus

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	realm    = "here"
	patience = 30 * time.Second
)

// ear keeps what a node heard and lets a test wait for it.
type ear struct {
	mu     sync.Mutex
	places map[dispatch.PatrolID]realtime.Place
	claims []realtime.Claim
	rung   int
	missed int
	news   chan struct{}
}

func newEar() *ear {
	return &ear{places: map[dispatch.PatrolID]realtime.Place{}, news: make(chan struct{}, 1)}
}

func (e *ear) heard(note func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	note()
	select {
	case e.news <- struct{}{}:
	default:
	}
}

func (e *ear) HearPlaces(places []realtime.Place) {
	e.heard(func() {
		for _, p := range places {
			e.places[p.Patrol] = p
		}
	})
}
func (e *ear) HearClaims(c []realtime.Claim) { e.heard(func() { e.claims = append(e.claims, c...) }) }
func (e *ear) Rung()                         { e.heard(func() { e.rung++ }) }
func (e *ear) Missed()                       { e.heard(func() { e.missed++ }) }

// await waits until what was heard is as it should be.
func (e *ear) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(patience)
	look := time.NewTicker(20 * time.Millisecond) // a goodbye is no news to an ear
	defer look.Stop()
	for {
		e.mu.Lock()
		done := is()
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-e.news:
		case <-look.C:
		case <-late:
			t.Fatalf("%s was not heard within %v", what, patience)
		}
	}
}

// node opens a bus and runs it until the test ends, or until stop.
func node(t *testing.T, s Settings, e *ear, log *slog.Logger) (b *Bus, stop func()) {
	t.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b, err := Open(Config{Node: uuid.New(), Host: "n", Realm: realm, Log: log, Settings: s}, e)
	if err != nil {
		t.Fatal(err)
	}
	stop = run(t, b)
	if s.URL == "" { // the server inside is there at once: what is said from here on is heard
		e.await(t, "that it listens", func() bool { return b.conn.NumSubscriptions() > 0 })
		if err := b.conn.FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
	}
	return b, stop
}

func run(t *testing.T, b *Bus) (stop func()) {
	done := make(chan struct{})
	ctx, cancel := newContext()
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func somewhere() realtime.Place {
	p := geo.Point{Lon: 121.38, Lat: 28.58}
	return realtime.Place{
		Patrol: dispatch.PatrolID{UUID: uuid.New()}, Device: dispatch.DeviceID{UUID: uuid.New()}, Stream: uuid.New(), Seq: 7,
		T: time.Now().UTC().Truncate(time.Microsecond), Point: p, Cell: cell.At(p, cell.Res), AccuracyM: 8, SpeedMS: math.NaN(), HeadingDeg: 90, Battery: 0.25,
		Off: -3 * time.Minute, Datum: geo.GCJ02,
	}
}

// sameAs compares places whose absent measures are NaN.
func sameAs(p, q realtime.Place) bool {
	for _, m := range [][2]*float64{{&p.AccuracyM, &q.AccuracyM}, {&p.SpeedMS, &q.SpeedMS}, {&p.HeadingDeg, &q.HeadingDeg}, {&p.Battery, &q.Battery}} {
		if math.IsNaN(*m[0]) && math.IsNaN(*m[1]) {
			*m[0], *m[1] = 0, 0
		}
	}
	return p == q
}

// Three nodes of which each knows only the first hear all that is said, and one that
// leaves is out of the book at once.
func TestThreeNodesHearEachOther(t *testing.T) {
	ears := []*ear{newEar(), newEar(), newEar()}
	first, _ := node(t, Settings{Listen: "127.0.0.1:0"}, ears[0], nil)
	seed := Settings{Listen: "127.0.0.1:0", Peers: []string{first.Address()}}
	second, _ := node(t, seed, ears[1], nil)
	third, leave := node(t, seed, ears[2], nil)
	buses := []*Bus{first, second, third}
	for i, e := range ears {
		e.await(t, "every other node", func() bool { return len(buses[i].Heard()) == 2 })
	}
	said := somewhere()
	claim := realtime.Claim{Key: realtime.StreamKey{Device: said.Device, Stream: said.Stream}, At: time.Now().Truncate(time.Microsecond)}
	second.Tell(said)
	second.Claim(claim)
	second.Ring()
	for _, i := range []int{0, 2} {
		ears[i].await(t, "what the second node said", func() bool {
			return sameAs(ears[i].places[said.Patrol], said) && ears[i].rung > 0 && len(ears[i].claims) == 1
		})
		if got := ears[i].claims[0]; got.Key != claim.Key || !got.At.Equal(claim.At) {
			t.Errorf("heard %+v, want %+v", got, claim)
		}
	}
	leave()
	ears[0].await(t, "that the third node goes", func() bool { return len(first.Heard()) == 1 })
	if len(ears[1].places)+ears[1].rung+len(ears[1].claims) > 0 {
		t.Error("a node heard itself")
	}
}

// A node with another secret is not let in, and the secret does not show in any log.
func TestAnotherSecretIsKeptOut(t *testing.T) {
	var log lockedBuffer
	logs := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	const mine, theirs = "a secret of some length", "another+secret of length"
	e := newEar()
	first, _ := node(t, Settings{Listen: "127.0.0.1:0", Secret: mine}, e, logs)
	stranger, _ := node(t, Settings{Listen: "127.0.0.1:0", Secret: theirs, Peers: []string{first.Address()}}, newEar(), logs)
	friend, _ := node(t, Settings{Listen: "127.0.0.1:0", Secret: mine, Peers: []string{first.Address()}}, newEar(), logs)
	e.await(t, "the friend", func() bool { _, is := first.Heard()[friend.c.Node]; return is })
	if _, is := first.Heard()[stranger.c.Node]; is {
		t.Error("a node with another secret is heard")
	}
	for _, secret := range []string{mine, theirs, "another%2Bsecret", "another+secret"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// What cannot be read is counted by why, and dropped; what is lost on the way is
// noticed by the next that comes.
func TestWhatCannotBeReadIsDropped(t *testing.T) {
	e := newEar()
	b, _ := node(t, Settings{Listen: "127.0.0.1:0"}, e, nil)
	if _, err := nats.Connect(b.server.ClientURL()); err == nil {
		t.Error("the server inside takes strangers of this machine")
	}
	conn, err := nats.Connect("", nats.InProcessServer(b.server), nats.Token(b.token))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	from := uuid.New()
	say := func(m []byte) {
		t.Helper()
		if err := conn.Publish(b.subject, m); err != nil {
			t.Fatal(err)
		}
	}
	ring := func(seq uint64) []byte { return appendHead(nil, head{kindRing, from, seq}, 0, 0) }
	newer := ring(1)
	newer[2] = version + 1
	unknown := ring(1)
	unknown[3] = 99
	nowhere := somewhere()
	nowhere.Point.Lat = math.NaN()
	say([]byte("hello"))
	say(newer)
	say(unknown)
	say(appendHead(nil, head{kindPlaces, from, 1}, 3, placeSize)) // without its records
	say(ring(1))
	good := somewhere()
	// A later release's record is longer; what it appends is passed over.
	longer := appendHead(nil, head{kindPlaces, from, 2}, 2, placeSize+5)
	longer = append(appendPlace(longer, &nowhere), "12345"...)
	longer = append(appendPlace(longer, &good), "12345"...)
	say(longer)
	say(ring(4)) // the third was lost
	e.await(t, "the good place and the hole", func() bool { return sameAs(e.places[good.Patrol], good) && e.rung == 2 && e.missed == 2 })
	got := b.Stats()
	for why, want := range map[string]int64{"malformed": 2, "version": 1, "kind": 1, "record": 1} {
		if got.Dropped[why] != want {
			t.Errorf("%d dropped as %s, want %d", got.Dropped[why], why, want)
		}
	}
	if got.Holes != 1 || len(e.places) != 1 {
		t.Errorf("%d holes, want 1; %d places, want 1", got.Holes, len(e.places))
	}
}

// A server that both sides of a cut reach again carries on, and the newest place is
// enough.
func TestOutsideServerGoesAndComesBack(t *testing.T) {
	s := outsideServer(t, -1)
	url := s.ClientURL()
	e := newEar()
	a, _ := node(t, Settings{URL: url}, newEar(), nil)
	b, _ := node(t, Settings{URL: url}, e, nil)
	e.await(t, "the other node", func() bool { return len(b.Heard()) == 1 })
	port := s.Addr().String()
	s.Shutdown()
	s.WaitForShutdown()
	outsideServerAt(t, port)
	e.mu.Lock()
	e.rung = 0
	e.mu.Unlock()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		a.Ring()
		e.mu.Lock()
		rung := e.rung
		e.mu.Unlock()
		if rung > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the nodes did not find each other again")
		}
	}
}

func TestSettingsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		s    Settings
		want string // settings that are named
	}{
		{"nothing", Settings{}, ""},
		{"this machine alone", Settings{Listen: "127.0.0.1:0"}, ""},
		{"beyond it without a secret", Settings{Listen: "0.0.0.0:6222", Plain: true}, "GRIDPATROL_BUS_SECRET"},
		{"in the clear by mistake", Settings{Listen: "10.0.0.1:6222", Secret: "0123456789abcdef"}, "GRIDPATROL_BUS_CERT"},
		{"in the clear on purpose", Settings{Listen: "10.0.0.1:6222", Secret: "0123456789abcdef", Plain: true}, ""},
		{"a short secret", Settings{Listen: "127.0.0.1:6222", Secret: "short"}, "GRIDPATROL_BUS_SECRET"},
		{"both", Settings{Listen: "127.0.0.1:6222", URL: "nats://a:4222"}, "GRIDPATROL_BUS_LISTEN"},
		{"peers alone", Settings{Peers: []string{"a:6222"}}, "GRIDPATROL_BUS_LISTEN"},
		{"a peer with a password", Settings{Listen: "127.0.0.1:1", Peers: []string{"u:hunter2@a:6222"}}, "GRIDPATROL_BUS_PEERS"},
		{"a password in the address", Settings{URL: "nats://u:hunter2@a:4222"}, "NATS_URL"},
		{"half a pair", Settings{Listen: "127.0.0.1:1", Cert: "c.pem"}, "GRIDPATROL_BUS_CERT"},
		{"an address of another kind", Settings{URL: "http://a"}, "NATS_URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var named []string
			for _, f := range c.s.Faults() {
				named = append(named, f.Setting)
				if strings.Contains(f.Detail, "hunter2") {
					t.Errorf("a password is repeated: %s", f.Detail)
				}
			}
			if got := strings.Join(named, " "); got != c.want {
				t.Errorf("named %q, want %q", got, c.want)
			}
		})
	}
}

// A place comes out as it went in.
func TestPlacesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := somewhere()
		p.Point = geo.Point{Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"), Lat: rapid.Float64Range(-90, 90).Draw(t, "lat")}
		p.Seq = rapid.Int64Min(0).Draw(t, "seq")
		p.Cell = cell.At(p.Point, cell.Res)
		p.AccuracyM = float64(rapid.Float32Range(0, 1e6).Draw(t, "accuracy"))
		p.Off = time.Duration(rapid.Int32().Draw(t, "off")) * time.Millisecond
		p.Datum = rapid.SampledFrom(datums[:]).Draw(t, "datum")
		record := appendPlace(nil, &p)
		got, err := readPlace(record)
		if err != nil || !sameAs(got, p) || len(record) != placeSize {
			t.Fatalf("%+v, %v, want %+v", got, err, p)
		}
		// The release before says less of it.
		p.Off, p.Datum, p.Battery = 0, "", math.NaN()
		if got, err := readPlace(record[:placeLeast]); err != nil || !sameAs(got, p) {
			t.Fatalf("of an older node: %+v, %v, want %+v", got, err, p)
		}
	})
}

func FuzzMessages(f *testing.F) {
	p := somewhere()
	f.Add(appendPlace(appendHead(nil, head{kindPlaces, uuid.New(), 1}, 1, placeSize), &p))
	f.Add(appendHead(nil, head{kindPulse, uuid.New(), 1}, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, r, err := openMessage(b)
		if err != nil {
			return
		}
		for i := range r.count {
			switch h.kind {
			case kindPlaces:
				_, _ = readPlace(r.at(i))
			case kindClaims:
				readClaim(r.at(i))
			}
		}
	})
}

// lockedBuffer takes logs of many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
