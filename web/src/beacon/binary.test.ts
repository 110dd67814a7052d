import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeAck, decodeFixes, encodeAck, encodeFixes, type Recorded } from "./binary.ts";
import type { Ack } from "./message.ts";

/** The messages of docs/beacon.md, which the service's tests read too. */
const vectors = (() => {
  const manual = readFileSync("../docs/beacon.md", "utf8"); // tests run in web/
  const lines = (manual.split("```vectors\n")[1] ?? "").split("```")[0] ?? "";
  return lines.trim().split("\n").map((line) => {
    const [kind, hex, ...says] = line.split(" ");
    return { kind, hex: hex ?? "", says: JSON.parse(says.join(" ")) as unknown };
  });
})();

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (b) => parseInt(b, 16)).buffer;
const hexOf = (b: ArrayBuffer) => [...new Uint8Array(b)].map((v) => v.toString(16).padStart(2, "0")).join("");
const fix: Recorded = { seq: 1, t: "2026-11-23T08:00:00Z", lon: 121.38, lat: 28.58 };

describe("the binary record", () => {
  it("says what the manual says it does", () => {
    expect(vectors.length).toBe(4);
    for (const v of vectors) {
      if (v.kind === "fixes") {
        const want = (v.says as { fixes: Recorded[] }).fixes.map((f) => ({ ...f, t: new Date(f.t).toISOString() }));
        expect(decodeFixes(bytesOf(v.hex))).toEqual(want);
        expect(hexOf(encodeFixes(want))).toBe(v.hex);
      } else {
        expect(v.kind).toBe("ack");
        expect(decodeAck(bytesOf(v.hex))).toEqual(v.says);
        expect(hexOf(encodeAck(v.says as Ack))).toBe(v.hex);
      }
    }
  });

  it("holds the largest that its fields hold, and never the mark of what is unknown", () => {
    const [got] = decodeFixes(encodeFixes([{ ...fix, accuracy_m: 1e6, speed_ms: 1e6, heading_deg: 360, battery: 1 }]));
    expect(got).toEqual({ ...fix, t: "2026-11-23T08:00:00.000Z", accuracy_m: 6553.4, speed_ms: 655.34, heading_deg: 360, battery: 1 });
    const [least] = decodeFixes(encodeFixes([{ ...fix, accuracy_m: 0, speed_ms: 0, heading_deg: 0, battery: 0, lon: -180, lat: -90 }]));
    expect(least).toMatchObject({ accuracy_m: 0, speed_ms: 0, heading_deg: 0, battery: 0, lon: -180, lat: -90 });
  });

  it("is whole records, and an acknowledgement whole numbers", () => {
    expect(() => decodeFixes(new ArrayBuffer(0))).toThrow(RangeError);
    expect(() => decodeFixes(new ArrayBuffer(33))).toThrow(RangeError);
    for (const n of [0, 7, 9, 16, 32]) expect(decodeAck(new ArrayBuffer(n))).toBeNull();
  });
});
