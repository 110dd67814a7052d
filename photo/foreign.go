package photo

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// heicBrands are the brands of still pictures in HEVC and AV1.
var heicBrands = []string{"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"}

// notAPhoto says of a file that is none of the three kinds what to do about it.
func notAPhoto(b []byte) error {
	if len(b) >= 16 && string(b[4:8]) == "ftyp" {
		end := min(len(b), int(min(binary.BigEndian.Uint32(b), 256)))
		for i := 8; i+4 <= end; i += 4 {
			if slices.Contains(heicBrands, string(b[i:i+4])) {
				return &Refusal{CodeHEIC, "is HEIC or AVIF, which is not taken; on an iPhone choose Settings > Camera > Formats > Most Compatible" +
					" (设置 > 相机 > 格式 > 兼容性最佳), or save the photo as JPEG, and send that"}
			}
		}
	}
	return errNoPhoto
}

// speaksAnother refuses a photo that is a PDF or an archive as well.
func speaksAnother(b []byte) error {
	// A PDF reader looks for its mark in the first kilobyte.
	if bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")) {
		return errForeign
	}
	// An archive's directory is found from the end; its comment reaches exactly there.
	const head, maxComment = 22, 65535
	for at := len(b) - head; at >= max(0, len(b)-head-maxComment); {
		i := bytes.LastIndex(b[max(0, len(b)-head-maxComment):at+4], []byte("PK\x05\x06"))
		if i < 0 {
			return nil
		}
		at = max(0, len(b)-head-maxComment) + i
		if at+head+int(binary.LittleEndian.Uint16(b[at+20:])) == len(b) {
			return errForeign
		}
		at--
	}
	return nil
}

// active is how text begins that a browser or a server would run.
var active = [][]byte{[]byte("<script"), []byte("<html"), []byte("<!doctype"), []byte("<?php"), []byte("<svg")}

// activeText says whether metadata holds a page or a program. Compressed data is
// not asked: a few letters come up in it by chance.
func activeText(b []byte) bool {
	for i := bytes.IndexByte(b, '<'); i >= 0; {
		for _, word := range active {
			if len(b)-i >= len(word) && bytes.EqualFold(b[i:i+len(word)], word) {
				return true
			}
		}
		next := bytes.IndexByte(b[i+1:], '<')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}
