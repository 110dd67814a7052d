package photo

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	maxChunks    = 100_000 // 10 MB in the smallest pieces an encoder writes
)

// walkPNG checks every chunk with its sum, up to the end of the file.
func walkPNG(b []byte, f *findings) error {
	f.mediaType = "image/png"
	data := false
	for i, n := len(pngSignature), 0; ; n++ {
		if n > maxChunks {
			return errDamaged
		}
		if i+12 > len(b) {
			return errTruncated
		}
		size := int64(binary.BigEndian.Uint32(b[i:]))
		if size > 1<<31-1 {
			return errDamaged
		}
		if int64(i)+12+size > int64(len(b)) {
			return errTruncated
		}
		kind, body := string(b[i+4:i+8]), b[i+8:i+8+int(size)]
		if crc32.ChecksumIEEE(b[i+4:i+8+int(size)]) != binary.BigEndian.Uint32(b[i+8+int(size):]) {
			return errDamaged
		}
		i += 12 + int(size)
		if (kind == "IHDR") != (n == 0) {
			return errDamaged
		}
		switch kind {
		case "IHDR":
			if len(body) != 13 {
				return errDamaged
			}
			width, height := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
			if width > 1<<30 || height > 1<<30 {
				return refuse(CodeTooLarge, "has %d x %d pixels; send one of 50 megapixels or fewer", width, height)
			}
			f.width, f.height = int(width), int(height)
			f.decodeBytes = int64(width) * int64(height) * 4
			if body[8] == 16 {
				f.decodeBytes *= 2
			}
		case "IDAT":
			data = true
		case "IEND":
			if !data {
				return errTruncated
			}
			for _, c := range b[i:] {
				if c != 0 {
					return errForeign
				}
			}
			return nil
		case "PLTE":
		default:
			if kind == "eXIf" && f.exif == nil {
				f.exif = body
			}
			if activeText(body) {
				return errForeign
			}
		}
	}
}
