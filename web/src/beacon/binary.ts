/**
 * The binary words of the beacon channel: a burst of 32-byte records up, an acknowledgement
 * down; all else is the JSON of message.ts. docs/beacon.md has the layout and test vectors,
 * realtime/beacon/binary.go is the twin.
 */
import { type Ack, type Held, mostFixes, type Range } from "./message.ts";

export const binarySubprotocol = "gridpatrol.beacon.v1.bin";

export const recordBytes = 32;
const unknown16 = 0xffff;
const unknown8 = 0xff;
const flagMock = 1;

/** A fix as a record holds it: what a phone keeps, and the mark of a position that is not its own. */
export type Recorded = Held & { mock?: boolean };

/** Rounds places to a centimetre and times down to a millisecond; a measure beyond its field becomes the largest that it holds. */
export function encodeFixes(fixes: readonly Recorded[]): ArrayBuffer {
  const out = new DataView(new ArrayBuffer(fixes.length * recordBytes));
  fixes.forEach((f, i) => {
    const at = i * recordBytes;
    out.setBigUint64(at, BigInt(f.seq));
    out.setBigInt64(at + 8, BigInt(Math.floor(Date.parse(f.t))));
    out.setInt32(at + 16, round(f.lon * 1e7));
    out.setInt32(at + 20, round(f.lat * 1e7));
    out.setUint16(at + 24, measure16(f.accuracy_m, 10));
    out.setUint16(at + 26, measure16(f.speed_ms, 100));
    out.setUint16(at + 28, measure16(f.heading_deg, 100));
    out.setUint8(at + 30, f.battery === undefined ? unknown8 : round(Math.max(0, Math.min(f.battery, 1)) * 200));
    out.setUint8(at + 31, f.mock ? flagMock : 0);
  });
  return out.buffer;
}

/** The records of as many fixes from an index on as a bad line carries at once. */
export function binaryBurst(held: readonly Held[], from: number, most = mostFixes): { message: ArrayBuffer; last: number } | null {
  const fixes = held.slice(from, from + Math.min(most, mostFixes));
  return fixes.length === 0 ? null : { message: encodeFixes(fixes), last: fixes.at(-1)?.seq ?? 0 };
}

/** Reads a burst, as the service does. */
export function decodeFixes(message: ArrayBuffer): Recorded[] {
  if (message.byteLength === 0 || message.byteLength % recordBytes !== 0) throw new RangeError(`a burst of ${message.byteLength} bytes`);
  const view = new DataView(message);
  const fixes: Recorded[] = [];
  for (let at = 0; at < message.byteLength; at += recordBytes) {
    const accuracy = view.getUint16(at + 24);
    const speed = view.getUint16(at + 26);
    const heading = view.getUint16(at + 28);
    const battery = view.getUint8(at + 30);
    fixes.push({
      seq: Number(view.getBigUint64(at)),
      t: new Date(Number(view.getBigInt64(at + 8))).toISOString(),
      lon: view.getInt32(at + 16) / 1e7,
      lat: view.getInt32(at + 20) / 1e7,
      ...(accuracy === unknown16 ? {} : { accuracy_m: accuracy / 10 }),
      ...(speed === unknown16 ? {} : { speed_ms: speed / 100 }),
      ...(heading === unknown16 ? {} : { heading_deg: heading / 100 }),
      ...(battery === unknown8 ? {} : { battery: battery / 200 }),
      ...(view.getUint8(at + 31) & flagMock ? { mock: true } : {}),
    });
  }
  return fixes;
}

export function encodeAck(ack: Ack): ArrayBuffer {
  const also = ack.also ?? [];
  const out = new DataView(new ArrayBuffer(8 + 16 * also.length));
  [ack.seq, ...also.flat()].forEach((seq, i) => out.setBigUint64(8 * i, BigInt(seq)));
  return out.buffer;
}

/** Null for what is no acknowledgement. */
export function decodeAck(message: ArrayBuffer): Ack | null {
  if (message.byteLength % 16 !== 8) return null;
  const view = new DataView(message);
  const also: Range[] = [];
  for (let at = 8; at < message.byteLength; at += 16) also.push([Number(view.getBigUint64(at)), Number(view.getBigUint64(at + 8))]);
  return { type: "ack", seq: Number(view.getBigUint64(0)), ...(also.length > 0 ? { also } : {}) };
}

/** Halves go away from nothing, as in Go. */
function round(v: number): number {
  return Math.sign(v) * Math.round(Math.abs(v));
}

function measure16(v: number | undefined, unit: number): number {
  return v === undefined ? unknown16 : Math.max(0, Math.min(round(v * unit), unknown16 - 1));
}
