import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveChannel, type LiveState } from "./live.ts";
import type { LiveFrame } from "./types.ts";

class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { type: string }[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  binaryType = "blob";
  onmessage: ((e: { data: unknown }) => void) | null = null;
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  /** Positions in binary, without any section. */
  beat(seq: number, afresh: boolean) {
    const b = new DataView(new ArrayBuffer(14));
    b.setUint8(0, 1);
    b.setUint8(1, afresh ? 1 : 0);
    b.setUint32(2, seq);
    this.onmessage?.({ data: b.buffer });
  }
}

const setup = (ticket: () => Promise<string | null> = async () => "t1") => {
  const states: LiveState[] = [];
  const missed: boolean[] = [];
  const channel = new LiveChannel(
    { url: "ws://x/ws/live", ticket, frame: (_f: LiveFrame, m) => missed.push(m), state: (s) => states.push(s), open: (u, p) => new FakeSocket(u, p) as never, random: () => 1 },
    { bbox: [1, 2, 3, 4], zoom: 12, follow: ["p-1"] },
  );
  channel.start();
  return { states, missed, channel };
};
const last = () => FakeSocket.all.at(-1) as FakeSocket;

describe("the live channel", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("brings its ticket as the second subprotocol and says what it looks at", async () => {
    const { states } = setup();
    await vi.advanceTimersByTimeAsync(0);
    expect(last().protocols).toEqual(["gridpatrol.live.v1.bin", "ticket.t1"]);
    last().open();
    expect(last().sent).toEqual([{ type: "view", bbox: [1, 2, 3, 4], zoom: 12, follow: ["p-1"], totals: true }]);
    last().say({ type: "snapshot", seq: 1, patrols: [], cases: [] });
    expect(states.at(-1)).toBe("live");
  });

  it("asks for a new snapshot when a frame is missing, and only then", async () => {
    setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    last().say({ type: "snapshot", seq: 1, patrols: [], cases: [] });
    last().say({ type: "delta", seq: 2, moved: [] });
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(0);
    last().say({ type: "delta", seq: 4, moved: [] });
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(1);
    last().say({ type: "delta", seq: 5, moved: [] });
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(1);
  });

  it("comes back by itself, each time a little later, and says it is lost meanwhile", async () => {
    const { states } = setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    last().close();
    expect(states.at(-1)).toBe("lost");
    await vi.advanceTimersByTimeAsync(499);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.all).toHaveLength(2);
    last().close();
    await vi.advanceTimersByTimeAsync(999);
    expect(FakeSocket.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.all).toHaveLength(3);
  });

  it("comes back with the view that was asked for last", async () => {
    const { channel } = setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    last().say({ type: "snapshot", seq: 1, patrols: [], cases: [] });
    const next = { bbox: [5, 6, 7, 8] as [number, number, number, number], zoom: 9, follow: ["p-2", "p-3"] };
    channel.look(next);
    expect(last().sent.at(-1)).toEqual({ type: "view", ...next, totals: true });
    last().close();
    channel.look({ ...next, zoom: 8 }); // nobody hears it now
    await vi.advanceTimersByTimeAsync(500);
    last().open();
    expect(last().sent).toEqual([{ type: "view", ...next, zoom: 8, totals: true }]);
  });

  it("asks a quiet line whether it lives, and gives it up when it does not answer", async () => {
    const { states } = setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    last().say({ type: "snapshot", seq: 1, patrols: [], cases: [] });
    await vi.advanceTimersByTimeAsync(26_000);
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(1);
    last().say({ type: "snapshot", seq: 2, patrols: [], cases: [] });
    await vi.advanceTimersByTimeAsync(26_000);
    expect(states.at(-1)).toBe("live");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(states.at(-1)).not.toBe("live");
  });

  it("counts text and binary as one, and waits for the patrols of a snapshot", async () => {
    const { states, missed } = setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    expect(last().binaryType).toBe("arraybuffer");
    last().say({ type: "snapshot", seq: 1, cases: [] });
    expect(states.at(-1)).toBe("connecting");
    last().beat(2, true);
    expect(states.at(-1)).toBe("live");
    last().beat(3, false);
    last().say({ type: "notice", seq: 4 });
    last().beat(5, false);
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(0);
    last().beat(7, false);
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(1);
    last().onmessage?.({ data: new ArrayBuffer(3) });
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(2);
    last().say({ type: "snapshot", seq: 8, cases: [] });
    last().beat(9, true);
    last().beat(10, false);
    expect(last().sent.filter((m) => m.type === "resync")).toHaveLength(2);
    expect(missed).toEqual([true, false, false, false, false, true, false]);
  });

  it("misses nothing when other words come between a snapshot and its patrols", async () => {
    const { states } = setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    for (const seq of [1, 11]) {
      last().say({ type: "snapshot", seq, cases: [] });
      last().say({ type: "link", seq: seq + 1, cut: true });
      last().say({ type: "totals", seq: seq + 2, departments: [] });
      last().beat(seq + 3, true);
    }
    expect(last().sent.map((m) => m.type)).toEqual(["view"]);
    expect(states.at(-1)).toBe("live");
  });

  it("says when something may have been missed", async () => {
    const { missed } = setup();
    await vi.advanceTimersByTimeAsync(0);
    last().open();
    last().say({ type: "snapshot", seq: 1, patrols: [], cases: [] });
    last().say({ type: "snapshot", seq: 2, patrols: [], cases: [] });
    last().say({ type: "delta", seq: 9, moved: [] });
    last().say({ type: "snapshot", seq: 10, patrols: [], cases: [] });
    expect(missed).toEqual([true, false, false, true]);
  });

  it("tries again when no ticket is given, and stays silent once stopped", async () => {
    const ticket = vi.fn(async () => {
      throw new Error("offline");
    });
    const { channel, states } = setup(ticket);
    await vi.advanceTimersByTimeAsync(0);
    expect(states.at(-1)).toBe("lost");
    await vi.advanceTimersByTimeAsync(500);
    expect(ticket).toHaveBeenCalledTimes(2);
    channel.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ticket).toHaveBeenCalledTimes(2);
  });
});
