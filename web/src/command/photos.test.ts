import { describe, expect, it } from "vitest";
import type { Photo } from "../api/types.ts";
import { said } from "./photos.tsx";

const at = "2026-11-23T12:40:00Z";
const shot = (exif: Photo["exif"]) => said({ photo: { exif } as Photo, stage: "before", at });
const exif = { lon: 121.39, lat: 28.58, t: "2026-11-23T12:39:50Z", distance_m: 40, age_s: 10, doubts: [] };

describe("what the camera says", () => {
  it("is plain where it agrees", () => {
    const { doubts, plain } = shot(exif);
    expect(doubts).toEqual([]);
    expect(plain).toEqual(["照片位置距上报点 40 m", expect.stringContaining("与上报时刻相符")]);
  });
  it("puts the doubts first, with figures", () => {
    const { doubts, plain } = shot({ ...exif, distance_m: 1200, t: "2026-11-22T12:40:00Z", age_s: 86400, doubts: ["far", "old"] });
    expect(doubts).toEqual(["照片位置距上报点 1.2 km", expect.stringMatching(/^拍摄于 2026-11-22 .*上报前/)]);
    expect(plain).toEqual([]);
  });
  it("says what is missing", () => {
    expect(shot(null).plain).toEqual(["照片不带位置和时间"]);
    expect(shot({ ...exif, lon: null, lat: null, distance_m: null }).plain[0]).toBe("照片不带位置");
    expect(shot({ ...exif, t: null, age_s: null }).plain[1]).toBe("照片不带拍摄时间");
  });
});
