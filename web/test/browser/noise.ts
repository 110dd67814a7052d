/** A picture that does not shrink much: noise, as a camera's in the dark. */
import { deflateSync } from "node:zlib";

export function photo(seed: number): Buffer {
  const [w, h] = [900, 700];
  const rows = Buffer.alloc(h * (w * 3 + 1));
  for (let i = 0, x = seed; i < rows.length; i++) {
    x = (x * 1_103_515_245 + 12_345) & 0x7fffffff;
    rows[i] = i % (w * 3 + 1) === 0 ? 0 : (x >> 16) & 0xff;
  }
  const crcs = Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1; return c >>> 0; });
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    let crc = 0xffffffff;
    for (const b of body) crc = (crcs[(crc ^ b) & 0xff] as number) ^ (crc >>> 8);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(w, 0);
  head.writeUInt32BE(h, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", head), chunk("IDAT", deflateSync(rows, { level: 1 })), chunk("IEND", Buffer.alloc(0))]);
}
