package api_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
)

// parseJSON takes no more than encoding/json does and reads it the same; what it
// refuses, it refuses as a problem.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{goodReport, `{"a":[1,2.5e3,null,true,"é"]}`, `[[[[]]]]`, `{"a":1,"a":2}`, `"\u0000"`, `1e400`, "", "{}{}", `{"a"`, `{"a":}`, `[1,]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := api.ParseJSON(body)
		want, plain := api.Unmarshal(body)
		if err != nil {
			if status, known := api.IsRefusal(err); !known || status != 400 {
				t.Errorf("%q is refused with %v", body, err)
			}
			return
		}
		if plain != nil {
			t.Fatalf("%q is taken, encoding/json says %v", body, plain)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %v, want %v", body, got, want)
		}
	})
}

// A report that is taken is one that the description allows, and is refused by
// pointer otherwise.
func FuzzReport(f *testing.F) {
	b := offline(f)
	for _, seed := range []string{goodReport, `{"category":"B01","location":{"lon":1,"lat":2}}`, `{"category":"B01","location":{"lon":0,"lat":0},"x":{}}`, `{"category":1}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := b.DecodeReport(body)
		if err == nil {
			var in api.NewReport
			if err := json.Unmarshal(body, &in); err != nil || in.Category == "" || in.Location.Lon < -180 || in.Location.Lon > 180 {
				t.Errorf("%q is taken as %+v, %v", body, in, err)
			}
			return
		}
		if status, known := api.IsRefusal(err); !known || status != 400 {
			t.Errorf("%q is refused with %v", body, err)
		}
	})
}

func FuzzForm(f *testing.F) {
	b := offline(f)
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	if err := w.SetBoundary("b"); err != nil {
		f.Fatal(err)
	}
	for name, content := range map[string][]byte{"report": []byte(goodReport), "photo": aPNG(f)} {
		p, err := w.CreateFormFile(name, "x")
		if err != nil {
			f.Fatal(err)
		}
		if _, err := p.Write(content); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=report\r\n\r\n{}\r\n--b--"))
	f.Add([]byte("--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n--b--"))
	f.Add([]byte(strings.Repeat("--b\r\n\r\n\r\n", 20) + "--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := b.ReadForm("b", body); err != nil {
			if status, known := api.IsRefusal(err); !known || status < 400 || status > 499 {
				t.Errorf("%q is refused with %v", body, err)
			}
		}
	})
}

// offline is a door whose decoders can be called without a database.
func offline(t testing.TB) *api.Server {
	t.Helper()
	server, err := api.NewDecoders()
	if err != nil {
		t.Fatal(err)
	}
	return server
}
