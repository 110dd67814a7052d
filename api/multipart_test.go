package api

import (
	"bytes"
	"mime/multipart"
)

func multipartReader(boundary string, body []byte) *multipart.Reader {
	return multipart.NewReader(bytes.NewReader(body), boundary)
}
