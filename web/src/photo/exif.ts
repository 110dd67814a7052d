/**
 * The camera's own words (place, time) travel with a photo that is shrunk: a canvas
 * drops them, and the service compares them with what is reported.
 */
const app1 = 0xe1;
const orientationTag = 0x0112;
/** A camera writes them first; further back nobody looks. */
const lookedBytes = 512 * 1024;

/** The EXIF segment of a JPEG, as upright as the canvas made the picture. Null where there is none. */
export function exifOf(head: ArrayBuffer): Uint8Array | null {
  const v = new DataView(head);
  if (v.byteLength < 4 || v.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; at + 4 <= v.byteLength && v.getUint8(at) === 0xff; ) {
    const marker = v.getUint8(at + 1);
    const size = v.getUint16(at + 2);
    if (marker === 0xda || size < 2 || at + 2 + size > v.byteLength) return null;
    if (marker === app1 && size > 16 && v.getUint32(at + 4) === 0x45786966 && v.getUint16(at + 8) === 0) {
      const segment = new Uint8Array(head.slice(at, at + 2 + size));
      setUpright(new DataView(segment.buffer, 10));
      return segment;
    }
    at += 2 + size;
  }
  return null;
}

function setUpright(tiff: DataView): void {
  if (tiff.byteLength < 8) return;
  const little = tiff.getUint16(0) === 0x4949;
  const from = tiff.getUint32(4, little);
  if (from + 2 > tiff.byteLength) return;
  const entries = tiff.getUint16(from, little);
  for (let i = 0, at = from + 2; i < entries && at + 12 <= tiff.byteLength; i++, at += 12)
    if (tiff.getUint16(at, little) === orientationTag) tiff.setUint16(at + 8, 1, little);
}

/** A JPEG of the canvas with the EXIF segment of the photo it was made from. */
export async function withExifOf(original: Blob, shrunk: Blob): Promise<Blob> {
  const segment = exifOf(await original.slice(0, lookedBytes).arrayBuffer());
  if (!segment || shrunk.type !== "image/jpeg") return shrunk;
  return new Blob([shrunk.slice(0, 2), segment as BlobPart, shrunk.slice(2)], { type: "image/jpeg" });
}
