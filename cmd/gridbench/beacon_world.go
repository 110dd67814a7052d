package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// town is a durable private cluster with patrols that are on duty.
type town struct {
	cluster *pgcluster.Cluster
	db      *pgdb.DB
	units   []unit
	viewer  string // an operator's token
}

type unit struct {
	patrol uuid.UUID
	token  string
}

func layTown(ctx context.Context, data string, patrols int) (_ *town, err error) {
	t := &town{}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.cluster, err = pgcluster.Start(ctx, pgcluster.Config{Dir: data}); err != nil {
		return nil, fmt.Errorf("start a private cluster: %w", err)
	}
	if err := migrations.Up(ctx, t.cluster.URL(), nil); err != nil {
		return nil, err
	}
	if t.db, err = pgdb.Open(ctx, pgdb.Config{URL: t.cluster.URL(), MaxConns: 2}); err != nil {
		return nil, err
	}
	codes := make([]string, patrols)
	err = t.db.Owner(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'police', '公安', 'Police')`, pgdb.District)
		b.Queue(`INSERT INTO areas (district_id, code, name, level) VALUES ($1, 'district', '区', 'district')`, pgdb.District)
		for i := range patrols {
			patrol, device := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
			codes[i] = fmt.Sprintf("bench-%05d", i)
			t.units = append(t.units, unit{patrol: patrol})
			b.Queue(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status) VALUES ($1, $2, $3, $3, 'police', 'car', 'district', 'free')`,
				patrol, pgdb.District, codes[i])
			b.Queue(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, $3)`, device, pgdb.District, codes[i])
			b.Queue(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '1 day', NULL))`, device, patrol)
			b.Queue(`INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange(gp_now() - interval '1 hour', gp_now() + interval '1 day'), 'shift')`, patrol)
		}
		return conn.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("lay out patrols: %w", err)
	}
	auth := pgauth.New(t.db, pgauth.Config{})
	for i, code := range codes {
		if _, t.units[i].token, err = auth.CreateToken(ctx, pgauth.Owner{DeviceCode: code}, time.Hour*24); err != nil {
			return nil, err
		}
	}
	if _, err = auth.AddAccount(ctx, pgauth.NewAccount{Username: "bench", Password: uuid.NewString(), Role: dispatch.RoleOperator}); err != nil {
		return nil, err
	}
	_, t.viewer, err = auth.CreateToken(ctx, pgauth.Owner{Username: "bench"}, time.Hour*24)
	return t, err
}

func (t *town) close() {
	if t.db != nil {
		t.db.Close()
	}
	if t.cluster != nil {
		if err := t.cluster.Stop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "stop the cluster:", err)
		}
	}
}

// server is the program under test, in a process of its own.
type server struct {
	command *exec.Cmd
	url     string
}

func startServer(ctx context.Context, program, data string) (*server, error) {
	return startProgram(ctx, data, "service.log", program, "serve", "--listen=127.0.0.1:0", "--data-dir="+data)
}

// startProgram starts what says that it is ready as the service does.
func startProgram(ctx context.Context, data, logName, program string, args ...string) (*server, error) {
	log, err := os.Create(filepath.Join(data, logName))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "DATABASE_URL=")
	c.Stderr = log
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	s := &server{command: c}
	ready := make(chan error, 1)
	go func() {
		var line struct{ Event, URL string }
		text, err := bufio.NewReader(out).ReadString('\n')
		if err == nil {
			err = json.Unmarshal([]byte(text), &line)
		}
		if err == nil && line.Event != "ready" {
			err = errors.New("its first line is not the ready line")
		}
		s.url = line.URL
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(2 * time.Minute):
		err = errors.New("not ready after two minutes")
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w (see %s)", program, err, log.Name())
	}
	return s, nil
}

func (s *server) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	_ = s.command.Wait()
}

// cpu is the time the service's process has spent on the processors.
func (s *server) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets and may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("a short /proc/PID/stat")
	}
	return cpuOf(fields)
}

// cpuOf reads the fields of /proc/PID/stat behind the name.
func cpuOf(fields []string) (time.Duration, error) {
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick, err
}
