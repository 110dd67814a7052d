import { afterEach, describe, expect, it } from "vitest";
import { counts, figures, isPlayed, type Known, patrols, patrolsChanged, played } from "./duty.ts";

function put(id: string, simulated?: boolean): void {
  const p: Known = { id, lon: 121.38, lat: 28.58, status: "free", presence: "online", t: new Date().toISOString(), department: "grid", spreadS: 1 };
  patrols.set(id, simulated === undefined ? p : { ...p, simulated });
  patrolsChanged.value++;
}

afterEach(() => {
  patrols.clear();
  patrolsChanged.value++;
});

describe("what a program plays", () => {
  it("is counted as strength only where all of it is played", () => {
    put("a", true);
    put("b", true);
    expect(played.value).toEqual({ count: 2, all: true });
    expect(figures.value.workersOn).toBe(2);
    put("c"); // a real one: the live channel says nothing of it
    expect(played.value).toEqual({ count: 2, all: false });
    expect([isPlayed("a"), isPlayed("c"), counts("a"), counts("c")]).toEqual([true, false, false, true]);
    expect(figures.value.workersOn).toBe(1);
  });

  it("is nothing where nothing is known", () => {
    expect(played.value).toEqual({ count: 0, all: false });
  });
});
