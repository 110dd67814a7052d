import { describe, expect, it } from "vitest";
import { modules } from "./qr.ts";

const long = `https://h.example/follow#01890a5d-ac96-774b-bcce-b302099a8057.7QK2M-9XD4T${"x".repeat(300)}`;
/** A picture in one number, so that one module that moves is seen. */
const sum = (m: boolean[][]) => m.flat().reduce((h, on) => Math.imul(h ^ Number(on), 16777619) >>> 0, 2166136261);

describe("a QR code", () => {
  // Each of these pictures was read back by zbarimg 0.23, byte for byte: one of every version.
  it.each([
    [14, 21, 3585545859],
    [20, 25, 3357808034],
    [40, 29, 1419744480],
    [60, 33, 3731689524],
    [84, 37, 2676245249],
    [100, 41, 2788183927],
    [120, 45, 3301055945],
    [150, 49, 3119955501],
    [178, 53, 3072531853],
    [213, 57, 1451499927],
  ])("of %d bytes has %d modules a side and is the one that was read back", (n, side, want) => {
    const m = modules(long.slice(0, n));
    expect([m.length, sum(m)]).toEqual([side, want]);
  });
  it("refuses what it cannot hold", () => expect(() => modules(long.slice(0, 214))).toThrow(/too many/));
});
