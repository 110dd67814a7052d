package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/s3vault"
	"github.com/gridpatrol/gridpatrol/photo"
	"github.com/gridpatrol/gridpatrol/photo/copier"
)

// s3Config is where photos are kept outside the database. The keys come by the
// environment alone: other users of a machine can read a command line.
type s3Config struct {
	Endpoint string `name:"s3-endpoint" env:"GRIDPATROL_S3_ENDPOINT" placeholder:"HOST[:PORT]" help:"S3-compatible storage for photos. Empty: they are kept in the database."`
	Bucket   string `name:"s3-bucket" env:"GRIDPATROL_S3_BUCKET" help:"Its bucket."`
	Region   string `name:"s3-region" env:"GRIDPATROL_S3_REGION" help:"Its region; empty: it is asked."`
	TLS      bool   `name:"s3-tls" env:"GRIDPATROL_S3_TLS" default:"true" negatable:"" help:"Reach it by TLS."`
}

const (
	s3AccessKey = "GRIDPATROL_S3_ACCESS_KEY"
	s3SecretKey = "GRIDPATROL_S3_SECRET_KEY"
)

func (c s3Config) wanted() bool {
	return c.Endpoint != "" || c.Bucket != "" || c.Region != "" || os.Getenv(s3AccessKey) != "" || os.Getenv(s3SecretKey) != ""
}

func (c s3Config) vault() s3vault.Config {
	return s3vault.Config{Endpoint: c.Endpoint, Bucket: c.Bucket, Region: c.Region, Insecure: !c.TLS,
		AccessKey: os.Getenv(s3AccessKey), SecretKey: os.Getenv(s3SecretKey)}
}

// s3Patience is how long a start waits for the object store.
const s3Patience = 10 * time.Second

// open answers the vault outside the database, nil when there is none. What is
// wrong with keys and bucket ends the start; a store that does not answer does not,
// since a case must not wait for photos.
func (c s3Config) open(ctx context.Context, env *Env) (dispatch.OutsideVault, error) {
	if !c.wanted() {
		return nil, nil
	}
	vault, err := s3vault.Open(c.vault())
	if err != nil {
		return nil, usageFault{err}
	}
	within, cancel := context.WithTimeout(ctx, s3Patience)
	defer cancel()
	switch err := vault.Check(within); {
	case errors.Is(err, s3vault.ErrUnreachable):
		env.Log.Error("photos stay in the database until the object store answers", "error", err)
	case err != nil:
		return nil, usageFault{fmt.Errorf("--s3-endpoint, --s3-bucket / GRIDPATROL_S3_*: %w", err)}
	}
	return vault, nil
}

// photoCopier hands the duty what a copier makes.
type photoCopier struct{ *copier.Copier }

func newPhotoCopier() photoCopier { return photoCopier{copier.New(copier.Config{})} }

func (c photoCopier) Copies(ctx context.Context, original []byte, watched bool) ([]dispatch.PhotoCopy, error) {
	copies, err := c.Copier.Copies(ctx, original, watched)
	var refused *photo.Refusal
	if errors.As(err, &refused) {
		return nil, &dispatch.Fault{Kind: dispatch.Invalid, Code: refused.Code, Detail: refused.Detail}
	}
	if errors.Is(err, copier.ErrNotNow) {
		return nil, &dispatch.Fault{Kind: dispatch.Unavailable, Code: "photo-not-ready", Detail: "This photo is still being made ready; try again in a moment.", Err: err}
	}
	if err != nil {
		return nil, err
	}
	out := make([]dispatch.PhotoCopy, len(copies))
	for i, k := range copies {
		out[i] = dispatch.PhotoCopy{Size: dispatch.PhotoSize(k.Size), MediaType: "image/jpeg", Width: k.Width, Height: k.Height, Content: k.JPEG}
	}
	return out, nil
}
