import { describe, expect, it } from "vitest";
import { exifOf, withExifOf } from "./exif.ts";

/** An EXIF segment with an orientation of 6 and nothing else. */
function segment(little: boolean): number[] {
  const tiff = new DataView(new ArrayBuffer(26));
  tiff.setUint16(0, little ? 0x4949 : 0x4d4d);
  tiff.setUint16(2, 42, little);
  tiff.setUint32(4, 8, little);
  tiff.setUint16(8, 1, little);
  tiff.setUint16(10, 0x0112, little);
  tiff.setUint16(12, 3, little);
  tiff.setUint32(14, 1, little);
  tiff.setUint16(18, 6, little);
  const body = [0x45, 0x78, 0x69, 0x66, 0, 0, ...new Uint8Array(tiff.buffer)];
  return [0xff, 0xe1, 0, body.length + 2, ...body];
}
const other = [0xff, 0xe0, 0, 4, 1, 2];
const rest = [0xff, 0xda, 0, 2, 9, 9, 0xff, 0xd9];
const bytes = (...parts: number[][]) => new Uint8Array([0xff, 0xd8, ...parts.flat()]);

describe("the camera's words", () => {
  it.each([true, false])("are found behind other segments, and say upright (little endian: %s)", (little) => {
    const found = exifOf(bytes(other, segment(little), rest).buffer);
    const upright = segment(little);
    upright[10 + 18 + (little ? 0 : 1)] = 1;
    expect([...(found ?? [])]).toEqual(upright);
  });
  it("go into what the canvas made", async () => {
    const photo = new Blob([bytes(other, segment(true), rest)]);
    const made = await withExifOf(photo, new Blob([bytes(rest)], { type: "image/jpeg" }));
    const got = new Uint8Array(await made.arrayBuffer());
    expect(got.length).toBe(bytes(rest).length + segment(true).length);
    expect([...got.slice(0, 4)]).toEqual([0xff, 0xd8, 0xff, 0xe1]);
    expect([...got.slice(-2)]).toEqual([0xff, 0xd9]);
    expect(exifOf(got.buffer)).not.toBeNull();
  });
  it("are not looked for in what is no JPEG, cut off, or without them", () => {
    for (const b of [new Uint8Array(), new Uint8Array([0x89, 0x50, 0x4e, 0x47]), bytes(other, rest), bytes(other, segment(true)).slice(0, 20), bytes([0xff, 0xe1, 0xff, 0xff])])
      expect(exifOf(b.buffer as ArrayBuffer)).toBeNull();
  });
});
