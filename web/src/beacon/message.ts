/**
 * The words of the beacon channel, as the contract has them. A stream is one install
 * of a device; a fix is (device, stream, seq), and its sequence never repeats.
 */
export const subprotocol = "gridpatrol.beacon.v1.json";

/** A position at a time. What the phone did not measure is left out. */
export type Fix = {
  t: string;
  lon: number;
  lat: number;
  accuracy_m?: number;
  speed_ms?: number;
  heading_deg?: number;
  battery?: number;
};
export type Held = Fix & { seq: number };
export type Range = [first: number, last: number];

export type Code = "future" | "null_island" | "bad_coordinate" | "bad_field" | "too_old" | "off_duty" | "unknown_device";
export type Hello = { type: "hello"; stream: string; acked: number; interval_s: number; server_time: string };
export type Ack = { type: "ack"; seq: number; also?: Range[] };
export type Reject = { type: "reject"; seq: number; code: Code; detail: string };
export type Offer = { type: "offer"; assignment_id: string; case_id: string; category: string };
export type Recall = { type: "recall"; assignment_id: string; case_id: string };
export type Mission = { type: "mission"; case_id: string; state: string; in_place: number; of: number; meet_at: string | null };
export type HandOver = { type: "hand_over"; assignment_id: string; case_id: string; reason: "shift_ends" | "relief_goes" | "not_needed"; ends_at: string | null };
export type Down = Hello | Ack | Reject | Offer | Recall | Mission | HandOver | { type: "notice" } | { type: "interval"; interval_s: number };

/** After 4001 and 4004 coming back by oneself is of no use; after the others it is. */
export const closed = { token: 4001, slow: 4003, replaced: 4004, protocol: 4008 } as const;

/** Null for what this version does not know, and for what is no message at all. */
export function read(text: string): Down | null {
  try {
    const m = JSON.parse(text) as Partial<Down> | null;
    return m && typeof m.type === "string" ? (m as Down) : null;
  } catch {
    return null;
  }
}

export const mostFixes = 200;
const mostBytes = 32 << 10;

/** As many fixes from an index on as a bad line carries at once, well within the service's own bounds. */
export function burst(held: readonly Held[], from: number, most = mostFixes): { message: string; last: number } | null {
  const parts: string[] = [];
  let size = 0;
  let last = 0;
  for (let i = from; i < held.length && parts.length < Math.min(most, mostFixes); i++) {
    const fix = held[i] as Held;
    const part = JSON.stringify(fix);
    if (parts.length > 0 && size + part.length > mostBytes) break;
    parts.push(part);
    size += part.length + 1;
    last = fix.seq;
  }
  return parts.length === 0 ? null : { message: `{"type":"fixes","fixes":[${parts.join(",")}]}`, last };
}
