package pgauth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

const password = "correct horse 电池"

type bundle struct {
	t   *testing.T
	db  *pgdb.DB
	s   *pgauth.Store
	now time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, db: pgtest.New(t), now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)}
	b.s = pgauth.New(b.db, pgauth.Config{Now: func() time.Time { return b.now }})
	b.s.Cheapen()
	return b
}

func (b *bundle) exec(query string, args ...any) {
	b.t.Helper()
	if _, err := b.db.Exec(b.t.Context(), query, args...); err != nil {
		b.t.Fatal(err)
	}
}

// account adds an operator.
func (b *bundle) account(username string) dispatch.AccountID {
	b.t.Helper()
	id, err := b.s.AddAccount(b.t.Context(), pgauth.NewAccount{Username: username, Password: password, Role: dispatch.RoleOperator})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// device adds a device bound to a new patrol.
func (b *bundle) device(code string) (dispatch.DeviceID, dispatch.PatrolID) {
	b.t.Helper()
	d, p := dispatch.DeviceID{UUID: uuid.Must(uuid.NewV7())}, dispatch.PatrolID{UUID: uuid.Must(uuid.NewV7())}
	b.exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'police', '公安', 'Police') ON CONFLICT DO NOTHING`, pgdb.District)
	b.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode) VALUES ($1, $2, $3, $3, 'police', 'car')`, p, pgdb.District, "P-"+code)
	b.exec(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, $3)`, d, pgdb.District, code)
	b.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', NULL))`, d, p)
	return d, p
}

func (b *bundle) signIn(username string) pgauth.Session {
	b.t.Helper()
	session, err := b.s.SignIn(b.t.Context(), username, password, "192.0.2.1")
	if err != nil {
		b.t.Fatal(err)
	}
	return session
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.account("li.wei")
	session := b.signIn("LI.wei") // names are one in any case
	if session.Viewer.Account != id || session.Viewer.Role != dispatch.RoleOperator || session.Name != "li.wei" {
		t.Errorf("signed in as %+v", session.Identity)
	}
	who, err := b.s.BySession(t.Context(), session.Secret)
	if err != nil || who.Viewer != session.Viewer {
		t.Errorf("the session is %+v, %v", who, err)
	}
	if !pgauth.CSRFMatches(session.Secret, session.CSRF) || pgauth.CSRFMatches(session.Secret+"x", session.CSRF) || pgauth.CSRFMatches(session.Secret, "") {
		t.Error("the CSRF token does not belong to its session alone")
	}
	for _, wrong := range []struct{ username, password string }{{"li.wei", "wrong"}, {"li.wei", ""}, {"nobody.here", password}, {"", ""}} {
		if _, err := b.s.SignIn(t.Context(), wrong.username, wrong.password, "192.0.2.2"); err != pgauth.ErrUnknown {
			t.Errorf("%q with %q: %v, want ErrUnknown itself", wrong.username, wrong.password, err)
		}
	}
	if err := b.s.SignOut(t.Context(), session.Viewer, session.Secret); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.BySession(t.Context(), session.Secret); err != pgauth.ErrUnknown {
		t.Errorf("after signing out: %v", err)
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		steps []time.Duration // the session is used after each
		alive bool
	}{
		{"used within the idle time", []time.Duration{11 * time.Hour, 11 * time.Hour, 11 * time.Hour}, true},
		{"idle too long", []time.Duration{12*time.Hour + time.Minute}, false},
		{"busy beyond the absolute end", repeat(10*time.Hour, 17), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.account("a")
			session := b.signIn("a")
			var err error
			for _, step := range row.steps {
				pgtest.Advance(t, b.db, step)
				_, err = b.s.BySession(t.Context(), session.Secret)
			}
			if alive := err == nil; alive != row.alive || (err != nil && err != pgauth.ErrUnknown) {
				t.Errorf("alive is %v (%v), want %v", alive, err, row.alive)
			}
		})
	}
}

func repeat(d time.Duration, n int) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = d
	}
	return out
}

func TestDisabledAccountIsOutAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.account("a")
	session := b.signIn("a")
	_, token, err := b.s.CreateToken(t.Context(), pgauth.Owner{Username: "a"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ticket, _, err := b.s.MakeTicket(t.Context(), session.Identity, "live")
	if err != nil {
		t.Fatal(err)
	}
	b.exec(`UPDATE accounts SET disabled_at = gp_now() WHERE id = $1`, id)
	_, bySession := b.s.BySession(t.Context(), session.Secret)
	_, byToken := b.s.ByToken(t.Context(), token)
	_, byTicket := b.s.ByTicket(t.Context(), ticket, "live")
	_, again := b.s.SignIn(t.Context(), "a", password, "192.0.2.1")
	for what, err := range map[string]error{"session": bySession, "token": byToken, "ticket": byTicket, "sign-in": again} {
		if err != pgauth.ErrUnknown {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnotherPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account("a")
	b.account("b")
	old, bystander := b.signIn("a"), b.signIn("b")
	if err := b.s.SetPassword(t.Context(), "A", "another password"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.BySession(t.Context(), old.Secret); err != pgauth.ErrUnknown {
		t.Errorf("the old session: %v", err)
	}
	if _, err := b.s.BySession(t.Context(), bystander.Secret); err != nil {
		t.Errorf("somebody else's session: %v", err)
	}
	if _, err := b.s.SignIn(t.Context(), "a", password, "192.0.2.1"); err != pgauth.ErrUnknown {
		t.Errorf("the old password: %v", err)
	}
	if _, err := b.s.SignIn(t.Context(), "a", "another password", "192.0.2.1"); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if err := b.s.SetPassword(t.Context(), "nobody", "another password"); err != pgauth.ErrUnknown {
		t.Errorf("nobody's password: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account("victim")
	var throttled *pgauth.ThrottledError
	guess := func(username, address string) error {
		_, err := b.s.SignIn(t.Context(), username, "guess", address)
		return err
	}
	for range 10 {
		if err := guess("victim", "192.0.2.1"); err != pgauth.ErrUnknown {
			t.Fatal(err)
		}
	}
	if err := guess("Victim", "192.0.2.9"); !errors.As(err, &throttled) || throttled.RetryAfter <= 0 {
		t.Errorf("the 11th guess at a name, from elsewhere: %v", err)
	}
	b.now = b.now.Add(31 * time.Second)
	if _, err := b.s.SignIn(t.Context(), "victim", password, "192.0.2.9"); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
	for i := range 100 {
		err := guess("user"+strings.Repeat("x", i%40), "2001:db8::"+string(rune('1'+i%9)))
		if errors.As(err, &throttled) {
			return // one /64 is one address
		}
	}
	t.Error("a hundred guesses from one network were let through")
}

func TestRightPasswordsAreNotThrottled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account("a")
	for range 15 {
		b.signIn("a")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := b.account("program")
	device, patrol := b.device("D-1")
	ctx := t.Context()
	id, token, err := b.s.CreateToken(ctx, pgauth.Owner{Username: "program"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := b.s.ByToken(ctx, token); err != nil || who.Viewer.Account != account || who.ExpiresAt == nil {
		t.Errorf("account's token: %+v, %v", who, err)
	}
	_, deviceToken, err := b.s.CreateToken(ctx, pgauth.Owner{DeviceCode: "D-1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	who, err := b.s.ByToken(ctx, deviceToken)
	if err != nil || who.Viewer.Device != device || who.Viewer.Patrol != patrol || who.Viewer.Role != dispatch.RoleDevice || who.ExpiresAt != nil {
		t.Errorf("device's token: %+v, %v", who, err)
	}
	for _, bad := range []string{"", "gpt_", token + "x", token[:len(token)-1] + "!", strings.Replace(token, "gpt_", "gpd_", 1), "gps_" + token[4:]} {
		if _, err := b.s.ByToken(ctx, bad); err != pgauth.ErrUnknown {
			t.Errorf("token %q: %v", bad, err)
		}
	}
	if _, _, err := b.s.CreateToken(ctx, pgauth.Owner{Username: "none"}, 0); !errors.Is(err, pgauth.ErrUnknown) {
		t.Errorf("token for nobody: %v", err)
	}
	if err := b.s.RevokeToken(ctx, id.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.ByToken(ctx, token); err != pgauth.ErrUnknown {
		t.Errorf("revoked: %v", err)
	}
	if err := b.s.RevokeToken(ctx, deviceToken); err != nil {
		t.Errorf("revoke by the token itself: %v", err)
	}
	if _, err := b.s.ByToken(ctx, deviceToken); err != pgauth.ErrUnknown {
		t.Errorf("revoked by itself: %v", err)
	}
	for _, bad := range []string{"x", uuid.NewString(), "gpt_x"} {
		if err := b.s.RevokeToken(ctx, bad); !errors.Is(err, pgauth.ErrUnknown) {
			t.Errorf("revoke %q: %v", bad, err)
		}
	}
	_, short, err := b.s.CreateToken(ctx, pgauth.Owner{Username: "program"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Advance(t, b.db, time.Hour+time.Second)
	if _, err := b.s.ByToken(ctx, short); err != pgauth.ErrUnknown {
		t.Errorf("expired: %v", err)
	}
}

func TestRevokedDeviceIsOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	device, _ := b.device("D-1")
	_, token, err := b.s.CreateToken(t.Context(), pgauth.Owner{DeviceCode: "D-1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.exec(`UPDATE devices SET revoked_at = gp_now() WHERE id = $1`, device)
	if _, err := b.s.ByToken(t.Context(), token); err != pgauth.ErrUnknown {
		t.Errorf("a revoked device's token: %v", err)
	}
}

func TestTicketOpensOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account("a")
	who := b.signIn("a").Identity
	ctx := t.Context()
	ticket := func() string {
		t.Helper()
		ticket, _, err := b.s.MakeTicket(ctx, who, "live")
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	if _, err := b.s.ByTicket(ctx, ticket(), "beacon"); err != pgauth.ErrUnknown {
		t.Errorf("for another purpose: %v", err)
	}
	late := ticket()
	pgtest.Advance(t, b.db, 31*time.Second)
	if _, err := b.s.ByTicket(ctx, late, "live"); err != pgauth.ErrUnknown {
		t.Errorf("after 31 s: %v", err)
	}
	contested := ticket()
	var wg sync.WaitGroup
	opened := make(chan pgauth.Identity, 16)
	for range 16 {
		wg.Go(func() {
			if found, err := b.s.ByTicket(ctx, contested, "live"); err == nil {
				opened <- found
			}
		})
	}
	wg.Wait()
	if len(opened) != 1 {
		t.Fatalf("a ticket opened %d sockets", len(opened))
	}
	if found := <-opened; found.Viewer != who.Viewer {
		t.Errorf("the ticket is %+v's, want %+v's", found.Viewer, who.Viewer)
	}
}

func TestAccountFaultsNameTheField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account("taken")
	good := pgauth.NewAccount{Username: "new", Password: password, Role: dispatch.RoleOfficer}
	for name, change := range map[string]func(*pgauth.NewAccount){
		"/username":   func(a *pgauth.NewAccount) { a.Username = "TAKEN" },
		"/username ":  func(a *pgauth.NewAccount) { a.Username = "no spaces" },
		"/password":   func(a *pgauth.NewAccount) { a.Password = "short" },
		"/role":       func(a *pgauth.NewAccount) { a.Role = "king" },
		"/role ":      func(a *pgauth.NewAccount) { a.Role = dispatch.RoleDevice },
		"/area":       func(a *pgauth.NewAccount) { a.AreaCode = "nowhere" },
		"/department": func(a *pgauth.NewAccount) { a.Department = "magic" },
		"/staff":      func(a *pgauth.NewAccount) { a.StaffCode = "S-0" },
	} {
		a := good
		change(&a)
		_, err := b.s.AddAccount(t.Context(), a)
		kind := dispatch.Invalid
		if a.Username == "TAKEN" {
			kind = dispatch.Conflict
		}
		var fault *dispatch.Fault
		if !errors.As(err, &fault) || fault.Kind != kind || len(fault.Fields) != 1 || fault.Fields[0].Pointer != strings.TrimSpace(name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStaffMemberBelongsToTheirPatrol(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, patrol := b.device("D-1")
	staff := uuid.Must(uuid.NewV7())
	b.exec(`INSERT INTO staff (id, district_id, code, name, role) VALUES ($1, $2, 'S-1', '王', 'officer')`, staff, pgdb.District)
	b.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, tstzrange(gp_now(), gp_now() + interval '8 h'))`, patrol, staff)
	if _, err := b.s.AddAccount(t.Context(), pgauth.NewAccount{Username: "wang", Password: password, Role: dispatch.RoleOfficer, StaffCode: "S-1"}); err != nil {
		t.Fatal(err)
	}
	session := b.signIn("wang")
	if session.Viewer.Patrol != patrol || session.Viewer.Staff.UUID != staff {
		t.Errorf("on shift: %+v", session.Viewer)
	}
	pgtest.Advance(t, b.db, 9*time.Hour)
	if who, err := b.s.BySession(t.Context(), session.Secret); err != nil || who.Viewer.Patrol != (dispatch.PatrolID{}) {
		t.Errorf("after the shift: %+v, %v", who.Viewer, err)
	}
}

func TestViewsAreRecordedOnceInTenMinutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account("a")
	v := b.signIn("a").Viewer
	_, p1 := b.device("D-1")
	_, p2 := b.device("D-2")
	pgtest.SetNow(t, b.db, time.Date(2026, 5, 3, 21, 40, 0, 0, time.UTC))
	look := func(what string, patrols ...dispatch.PatrolID) {
		t.Helper()
		if err := b.s.RecordViews(t.Context(), v, what, patrols); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := b.db.QueryRow(t.Context(), `SELECT count(*) FROM position_views WHERE viewer_id = $1`, v.Account).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	look(pgauth.ViewedPosition, p1, p2)
	look(pgauth.ViewedPosition, p2, p1)
	if n := count(); n != 2 {
		t.Errorf("two looks at two patrols: %d rows, want 2", n)
	}
	look(pgauth.ViewedTrack, p1)
	pgtest.Advance(t, b.db, 10*time.Minute)
	look(pgauth.ViewedPosition, p1)
	if n := count(); n != 4 {
		t.Errorf("a track and a later look: %d rows, want 4", n)
	}
	v.Patrol = p1
	look(pgauth.ViewedTrack, p1)
	if n := count(); n != 4 {
		t.Errorf("looking at oneself was recorded")
	}
	for _, query := range []string{`UPDATE position_views SET seen_at = gp_now()`, `DELETE FROM position_views`} {
		if _, err := b.db.Exec(t.Context(), query); err == nil {
			t.Errorf("the application may %s", query)
		}
	}
}

// Whoever reads the database must find nothing to sign in with.
func TestNoSecretIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.s = pgauth.New(b.db, pgauth.Config{}) // at the price of a real password
	b.account("a")
	session := b.signIn("a")
	_, token, err := b.s.CreateToken(t.Context(), pgauth.Owner{Username: "a"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ticket, _, err := b.s.MakeTicket(t.Context(), session.Identity, "live")
	if err != nil {
		t.Fatal(err)
	}
	var dump string
	err = b.db.Owner(t.Context(), func(conn *pgx.Conn) error {
		return conn.QueryRow(context.Background(), `SELECT concat(
		  (SELECT string_agg(accounts::text, ' ') FROM accounts), (SELECT string_agg(sessions::text, ' ') FROM sessions),
		  (SELECT string_agg(tokens::text, ' ') FROM tokens), (SELECT string_agg(tickets::text, ' ') FROM tickets))`).Scan(&dump)
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"password": password, "session": session.Secret[8:], "CSRF": session.CSRF, "token": token[8:], "ticket": ticket[8:]} {
		if strings.Contains(dump, secret) {
			t.Errorf("the %s stands in the database", what)
		}
	}
	if !strings.Contains(dump, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("the password is not an argon2id string")
	}
}
