import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TotalsWatch } from "./totalswatch.ts";

describe("whether totals are told", () => {
  let absent: ReturnType<typeof vi.fn<() => void>>;
  let watch: TotalsWatch;
  beforeEach(() => {
    vi.useFakeTimers();
    absent = vi.fn<() => void>();
    watch = new TotalsWatch(absent);
  });
  afterEach(() => vi.useRealTimers());
  const pass = (ms: number) => vi.advanceTimersByTime(ms);

  it("is doubted when a connection shows something and tells none, though it shows it again and again", () => {
    for (let i = 0; i < 5; i++) {
      watch.shown();
      pass(1_000);
    }
    expect(absent).toHaveBeenCalledTimes(1);
  });

  it("is not doubted by a picture sent afresh, before or after the totals of its connection", () => {
    watch.shown();
    pass(1_000);
    watch.told();
    for (let i = 0; i < 3; i++) {
      watch.shown();
      pass(60_000);
    }
    expect(absent).not.toHaveBeenCalled();
  });

  it("is asked of each connection anew", () => {
    watch.told();
    watch.lost();
    watch.shown();
    watch.lost();
    pass(60_000);
    expect(absent).not.toHaveBeenCalled();
    watch.shown();
    pass(5_000);
    expect(absent).toHaveBeenCalledTimes(1);
  });
});
