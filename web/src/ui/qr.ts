/**
 * A QR code of a short text (ISO 18004): bytes, error correction M, versions 1 to
 * 10, which holds 213 bytes. That is all a link needs, so there is no library.
 */

/** Of each version: error bytes a block, then blocks and their data bytes, twice. */
const blocksOf: [number, number, number, number, number][] = [
  [10, 1, 16, 0, 0], [16, 1, 28, 0, 0], [26, 1, 44, 0, 0], [18, 2, 32, 0, 0], [24, 2, 43, 0, 0],
  [16, 4, 27, 0, 0], [18, 4, 31, 0, 0], [22, 2, 38, 2, 39], [22, 3, 36, 2, 37], [26, 4, 43, 1, 44],
];
const alignment: number[][] = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

const exp = new Uint8Array(512);
const log = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  exp[i] = x;
  exp[i + 255] = x;
  log[x] = i;
  x = (x << 1) ^ (x & 0x80 ? 0x11d : 0);
}
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : (exp[(log[a] as number) + (log[b] as number)] as number));

/** The remainder of the data by the generator of that many error bytes. */
function errorBytes(data: number[], n: number): number[] {
  let generator = [1];
  for (let i = 0; i < n; i++) {
    const next = Array<number>(generator.length + 1).fill(0);
    generator.forEach((g, j) => {
      next[j] = (next[j] as number) ^ g;
      next[j + 1] = (next[j + 1] as number) ^ times(g, exp[i] as number);
    });
    generator = next;
  }
  const rest = [...data, ...Array<number>(n).fill(0)];
  for (let i = 0; i < data.length; i++) {
    const lead = rest[i] as number;
    if (lead !== 0) generator.forEach((g, j) => (rest[i + j] = (rest[i + j] as number) ^ times(g, lead)));
  }
  return rest.slice(data.length);
}

function codewords(bytes: Uint8Array, version: number): number[] {
  const [errors, n1, d1, n2, d2] = blocksOf[version - 1] as [number, number, number, number, number];
  const room = n1 * d1 + n2 * d2;
  const bits: number[] = [];
  const put = (value: number, n: number) => {
    for (let i = n - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const b of bytes) put(b, 8);
  put(0, Math.min(4, room * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data: number[] = [];
  for (let i = 0; i < bits.length; i += 8) data.push(bits.slice(i, i + 8).reduce((v, b) => v * 2 + b, 0));
  for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);
  const blocks: number[][] = [];
  for (let at = 0, i = 0; i < n1 + n2; i++) {
    const size = i < n1 ? d1 : d2;
    blocks.push(data.slice(at, at + size));
    at += size;
  }
  const ends = blocks.map((b) => errorBytes(b, errors));
  const out: number[] = [];
  for (let i = 0; i < Math.max(d1, d2); i++) for (const b of blocks) if (i < b.length) out.push(b[i] as number);
  for (let i = 0; i < errors; i++) for (const e of ends) out.push(e[i] as number);
  return out;
}

/** Value and its BCH remainder, as format and version are written. */
function bch(value: number, n: number, polynomial: number): number {
  let rest = value << n;
  for (let i = 31 - Math.clz32(rest); i >= n; i--) if ((rest >> i) & 1) rest ^= polynomial << (i - n);
  return (value << n) | rest;
}

const masks: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function draw(version: number, words: number[], mask: number): boolean[][] {
  const size = 17 + 4 * version;
  const dark: (boolean | null)[][] = Array.from({ length: size }, () => Array<boolean | null>(size).fill(null));
  const set = (x: number, y: number, on: boolean) => {
    if (x >= 0 && y >= 0 && x < size && y < size) (dark[y] as (boolean | null)[])[x] = on;
  };
  const finder = (cx: number, cy: number) => {
    for (let y = -4; y <= 4; y++)
      for (let x = -4; x <= 4; x++) {
        const ring = Math.max(Math.abs(x), Math.abs(y));
        set(cx + x, cy + y, ring !== 2 && ring !== 4);
      }
  };
  for (let i = 8; i < size - 8; i++) {
    set(i, 6, i % 2 === 0);
    set(6, i, i % 2 === 0);
  }
  finder(3, 3);
  finder(size - 4, 3);
  finder(3, size - 4);
  const centres = alignment[version - 1] as number[];
  const last = centres.length - 1;
  centres.forEach((cy, i) =>
    centres.forEach((cx, j) => {
      if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
      for (let y = -2; y <= 2; y++) for (let x = -2; x <= 2; x++) set(cx + x, cy + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
    }),
  );
  const format = bch(mask, 10, 0x537) ^ 0x5412; // M is 00
  for (let i = 0; i < 15; i++) {
    const on = ((format >> i) & 1) === 1;
    if (i < 6) set(8, i, on);
    else if (i < 8) set(8, i + 1, on);
    else set(8, size - 15 + i, on);
    if (i < 8) set(size - 1 - i, 8, on);
    else if (i < 9) set(7, 8, on);
    else set(14 - i, 8, on);
  }
  set(8, size - 8, true);
  if (version >= 7) {
    const info = bch(version, 12, 0x1f25);
    for (let i = 0; i < 18; i++) {
      const on = ((info >> i) & 1) === 1;
      const a = size - 11 + (i % 3);
      const b = Math.floor(i / 3);
      set(a, b, on);
      set(b, a, on);
    }
  }
  const hides = masks[mask] as (x: number, y: number) => boolean;
  let bit = 0;
  for (let right = size - 1, up = true; right >= 1; right -= 2, up = !up) {
    if (right === 6) right = 5; // the timing column
    for (let k = 0; k < size; k++) {
      const y = up ? size - 1 - k : k;
      for (const x of [right, right - 1]) {
        if (dark[y]?.[x] !== null) continue;
        const on = (((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
        bit++;
        set(x, y, on !== hides(x, y));
      }
    }
  }
  return dark as boolean[][];
}

/** How hard a picture is to read: runs, squares, what looks like a corner, and imbalance. */
function penalty(m: boolean[][]): number {
  const size = m.length;
  const at = (x: number, y: number) => m[y]?.[x] === true;
  let sum = 0;
  let on = 0;
  const corner = /(?=(?:10111010000|00001011101))/g;
  for (let a = 0; a < size; a++) {
    for (const line of [m[a]?.map((v) => (v ? "1" : "0")).join("") ?? "", m.map((row) => (row[a] ? "1" : "0")).join("")]) {
      for (const run of line.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
      sum += 40 * [...line.matchAll(corner)].length;
    }
    for (let b = 0; b < size; b++) {
      if (at(b, a)) on++;
      if (a > 0 && b > 0 && at(b, a) === at(b - 1, a) && at(b, a) === at(b, a - 1) && at(b, a) === at(b - 1, a - 1)) sum += 3;
    }
  }
  return sum + 10 * Math.floor(Math.abs((on / (size * size)) * 20 - 10));
}

/** The dark modules, row by row, without the quiet zone of 4 around them. */
export function modules(text: string): boolean[][] {
  const bytes = new TextEncoder().encode(text);
  const version = blocksOf.findIndex(([, n1, d1, n2, d2], i) => (n1 * d1 + n2 * d2) * 8 >= 4 + (i < 9 ? 8 : 16) + bytes.length * 8) + 1;
  if (version === 0) throw new RangeError(`${bytes.length} bytes are too many for a QR code here`);
  const words = codewords(bytes, version);
  const pictures = masks.map((_, mask) => draw(version, words, mask));
  return pictures.reduce((best, m) => (penalty(m) < penalty(best) ? m : best));
}
