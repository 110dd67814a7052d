// Package s3vault keeps photos in S3-compatible object storage, under their
// SHA-256. It implements dispatch.OutsideVault.
//
// Names follow from content, so nothing is ever overwritten with something else,
// and what comes back is held against its name. The bucket belongs to one
// district's service; give it versions or object lock if originals must outlive
// whoever holds the keys.
package s3vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Config is where the bucket is and who we are there. All but Region and Insecure
// are required.
type Config struct {
	Endpoint  string // host[:port]
	Bucket    string
	AccessKey string
	SecretKey string
	Region    string // empty: the store is asked
	Insecure  bool   // without TLS, for a store on the same machine or network
}

// Faults finds all that is wrong with a configuration, without asking the store.
// setting is what each fault is told under.
func (c Config) Faults() (faults []Fault) {
	fault := func(setting, detail string) { faults = append(faults, Fault{setting, detail}) }
	switch u, err := url.Parse("//" + c.Endpoint); {
	case c.Endpoint == "":
		fault("ENDPOINT", "is missing; give the host of the store, such as s3.example:9000")
	case strings.Contains(c.Endpoint, "://"), err != nil, u.Host != c.Endpoint, u.Hostname() == "":
		fault("ENDPOINT", fmt.Sprintf("%q is no host; give host[:port] without https:// and path", c.Endpoint))
	}
	if len(c.Bucket) < 3 || len(c.Bucket) > 63 || strings.Trim(c.Bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		fault("BUCKET", fmt.Sprintf("%q is no name of a bucket; give 3 to 63 lower-case letters, digits, dots and hyphens", c.Bucket))
	}
	if c.AccessKey == "" {
		fault("ACCESS_KEY", "is missing")
	}
	if c.SecretKey == "" {
		fault("SECRET_KEY", "is missing")
	}
	return faults
}

// Fault is one thing that is wrong with a configuration.
type Fault struct{ Setting, Detail string }

// Vault is one bucket. It is safe for concurrent use.
type Vault struct {
	client *minio.Client
	bucket string
}

// ErrUnreachable is a store that does not answer; whoever starts may go on and
// find it later.
var ErrUnreachable = errors.New("the object store does not answer")

// Open makes a vault of a configuration without Faults.
func Open(c Config) (*Vault, error) {
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: !c.Insecure, Region: c.Region,
		MaxRetries: 2, Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       time.Minute,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 20 * time.Second,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	return &Vault{client: client, bucket: c.Bucket}, nil
}

// Check writes and reads a few bytes, so that wrong keys, a wrong bucket and
// missing rights are found at the start and not with the first photo. Its error
// wraps ErrUnreachable when nobody answered.
func (v *Vault) Check(ctx context.Context) error {
	there, err := v.client.BucketExists(ctx, v.bucket)
	if err == nil && !there {
		return fmt.Errorf("bucket %q does not exist; make it, or name another", v.bucket)
	}
	probe := []byte("gridpatrol looks whether it may write here")
	sum := sha256.Sum256(probe)
	if err == nil {
		err = v.put(ctx, sum, "text/plain", probe) // even if it is there already
	}
	if err == nil {
		_, err = v.PhotoBytes(ctx, sum)
	}
	switch answer := minio.ToErrorResponse(err); {
	case err == nil:
		return nil
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("bucket %q may not be used with these keys (%s); it takes reading and writing objects", v.bucket, answer.Code)
	case answer.StatusCode == 0:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	default:
		return fmt.Errorf("try bucket %q: %w", v.bucket, err)
	}
}

// name spreads objects, for people who look at the bucket.
func name(sum [32]byte) string {
	text := hex.EncodeToString(sum[:])
	return "photos/" + text[:2] + "/" + text
}

// PutPhoto implements dispatch.Vault. The store answers once it holds the bytes.
func (v *Vault) PutPhoto(ctx context.Context, sum [32]byte, mediaType string, content []byte) error {
	if sha256.Sum256(content) != sum {
		return fmt.Errorf("the content to keep is not %s", name(sum))
	}
	there, err := v.client.StatObject(ctx, v.bucket, name(sum), minio.StatObjectOptions{})
	if err == nil && there.Size == int64(len(content)) {
		return nil
	}
	if err != nil && !absent(err) {
		return unavailable("look for", sum, err)
	}
	return unavailable("keep", sum, v.put(ctx, sum, mediaType, content))
}

func (v *Vault) put(ctx context.Context, sum [32]byte, mediaType string, content []byte) error {
	_, err := v.client.PutObject(ctx, v.bucket, name(sum), bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{
		ContentType: mediaType, DisableMultipart: true,
	})
	return err
}

// maxObject is more than any photo has.
const maxObject = 64 << 20

// PhotoBytes implements dispatch.Vault.
func (v *Vault) PhotoBytes(ctx context.Context, sum [32]byte) ([]byte, error) {
	object, err := v.client.GetObject(ctx, v.bucket, name(sum), minio.GetObjectOptions{})
	if err != nil {
		return nil, unavailable("read", sum, err)
	}
	defer object.Close()
	content, err := io.ReadAll(io.LimitReader(object, maxObject))
	switch {
	case absent(err):
		return nil, &dispatch.Fault{Kind: dispatch.NotFound, Code: "not-found", Detail: "There is no such photo within your scope."}
	case err != nil:
		return nil, unavailable("read", sum, err)
	case sha256.Sum256(content) != sum:
		return nil, fmt.Errorf("the content kept as %s has another hash", name(sum))
	}
	return content, nil
}

// DropPhoto implements dispatch.OutsideVault.
func (v *Vault) DropPhoto(ctx context.Context, sum [32]byte) error {
	err := v.client.RemoveObject(ctx, v.bucket, name(sum), minio.RemoveObjectOptions{})
	if absent(err) {
		return nil
	}
	return unavailable("drop", sum, err)
}

func absent(err error) bool {
	return err != nil && minio.ToErrorResponse(err).StatusCode == http.StatusNotFound
}

func unavailable(doing string, sum [32]byte, err error) error {
	if err == nil {
		return nil
	}
	return &dispatch.Fault{Kind: dispatch.Unavailable, Code: "unavailable", Detail: "The store of photos does not answer; try again.",
		Err: fmt.Errorf("%s %s: %w", doing, name(sum), err)}
}
