import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { binaryBurst, binarySubprotocol, decodeFixes, encodeAck } from "./binary.ts";
import { BeaconClient, type Options } from "./client.ts";
import { type Ack, burst, type Fix, type Held, type Range, subprotocol } from "./message.ts";
import type { Kept, Store } from "./store.ts";

/** A socket to a service that speaks one of the two, or both. */
class FakeSocket {
  static all: FakeSocket[] = [];
  static speaks = [binarySubprotocol, subprotocol];
  /** Lets nobody in whose first offer is not spoken, as a release before the binary. */
  static strict = false;
  protocol = "";
  binaryType = "blob";
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  closedBy: number | undefined;
  onopen: (() => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  bytes = 0;
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }
  send(data: string | ArrayBuffer) {
    const text = typeof data === "string";
    this.bytes += text ? data.length : data.byteLength;
    const message = text ? (JSON.parse(data) as Record<string, unknown>) : { type: "fixes", fixes: decodeFixes(data) };
    if (message.type === "fixes") expect(text).toBe(this.protocol !== binarySubprotocol);
    this.sent.push(message);
  }
  close(code: number) {
    this.readyState = 3;
    this.closedBy = code;
  }
  open() {
    const spoken = (FakeSocket.strict ? this.protocols.slice(0, 1) : this.protocols).find((p) => FakeSocket.speaks.includes(p));
    if (!spoken) {
      this.drop();
      return;
    }
    this.protocol = spoken;
    this.readyState = 1;
    this.onopen?.();
  }
  say(frame: { type: string; [more: string]: unknown }) {
    const binary = this.protocol === binarySubprotocol && frame.type === "ack";
    if (binary) expect(this.binaryType).toBe("arraybuffer");
    this.onmessage?.({ data: binary ? encodeAck(frame as unknown as Ack) : JSON.stringify(frame) });
  }
  drop(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  seqs(): number[] {
    return this.sent.flatMap((m) => (m.type === "fixes" ? (m.fixes as Held[]).map((f) => f.seq) : []));
  }
}

/** What a phone has on its disk, and keeps when the page is reloaded. */
class Disk implements Store {
  device = "";
  stream = "s-1";
  next = 1;
  fixes: Held[] = [];
  full = false;
  async open(device: string): Promise<Kept> {
    this.device = device;
    return { stream: this.stream, next: this.next, held: [...this.fixes], lastMs: null };
  }
  async add(fix: Fix): Promise<Held> {
    if (this.full) throw new Error("no room");
    const held = { seq: this.next++, ...fix };
    this.fixes.push(held);
    return held;
  }
  async settle(upTo: number, also: Range[] = []) {
    this.fixes = this.fixes.filter((f) => f.seq > upTo && !also.some(([a, b]) => a <= f.seq && f.seq <= b));
  }
  async skipTo(next: number) {
    this.next = Math.max(this.next, next);
  }
  async clear() {
    this.fixes = [];
  }
}

const last = () => FakeSocket.all.at(-1) as FakeSocket;
const fix = (s: number): Fix => ({ t: new Date(Date.UTC(2026, 10, 23, 8, 0, s)).toISOString(), lon: 121.4, lat: 28.58 + s / 1e5 });
const hello = (acked = 0, interval_s = 5) => ({ type: "hello", stream: "s-1", acked, interval_s, server_time: new Date().toISOString() });
const flush = () => vi.advanceTimersByTimeAsync(0);

async function begin(disk = new Disk(), more: Partial<Options> = {}) {
  const client = new BeaconClient({
    url: "ws://x/ws/beacon", device: "P-1-1", store: disk, ticket: async () => "t1", random: () => 0.5, open: (u, p) => new FakeSocket(u, p) as never, ...more,
  });
  await client.load();
  client.want(true);
  await flush();
  return { client, disk };
}
/** Connected, greeted. */
async function up(disk?: Disk, more?: Partial<Options>, acked = 0) {
  const b = await begin(disk, more);
  last().open();
  last().say(hello(acked));
  return b;
}

const both = [binarySubprotocol, subprotocol];
describe.each([{ name: "binary", speaks: both }, { name: "JSON", speaks: [subprotocol] }])("the beacon client over $name", ({ speaks }) => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    FakeSocket.speaks = speaks;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("brings its ticket as the second subprotocol, starts with what it holds, and sends only after the hello", async () => {
    const { client } = await begin();
    await client.add(fix(0));
    expect(last().protocols[1]).toBe("ticket.t1");
    last().open();
    expect(last().sent).toEqual([{ type: "start", stream: "s-1", lowest_held: 1 }]);
    last().say(hello(0, 2));
    expect(last().sent[1]).toEqual({ type: "fixes", fixes: [{ seq: 1, ...fix(0) }] });
    expect(client.status).toMatchObject({ line: "up", intervalS: 2, held: 1 });
  });

  it("keeps a fix on disk before it is sent, and until it is safe", async () => {
    const { client, disk } = await up();
    const adding = client.add(fix(0));
    expect(last().seqs()).toEqual([]);
    await adding;
    expect(last().seqs()).toEqual([1]);
    await client.add(fix(5));
    await client.add(fix(10));
    last().say({ type: "ack", seq: 1, also: [[3, 3]] });
    await client.settled();
    expect(disk.fixes.map((f) => f.seq)).toEqual([2]);
    expect(client.status).toMatchObject({ held: 1, refused: null });
    last().say({ type: "reject", seq: 2, code: "off_duty", detail: "" });
    await client.settled();
    expect(disk.fixes).toEqual([]);
    expect(client.status).toMatchObject({ held: 0, refused: "off_duty" });
  });

  it("sends again what was not acknowledged, after a gap and after a reload, each under its own sequence", async () => {
    const { client, disk } = await up();
    for (let i = 0; i < 4; i++) await client.add(fix(i * 5));
    last().say({ type: "ack", seq: 2 });
    last().drop();
    expect(client.status.line).toBe("lost");
    await client.add(fix(20));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.all).toHaveLength(2);
    last().open();
    last().say(hello(2));
    expect(last().sent[0]).toEqual({ type: "start", stream: "s-1", lowest_held: 3 });
    expect(last().seqs()).toEqual([3, 4, 5]);
    client.stop();

    const again = await up(disk, {}, 3);
    expect(last().sent[0]).toEqual({ type: "start", stream: "s-1", lowest_held: 3 });
    expect(last().seqs()).toEqual([4, 5]);
    await again.client.add(fix(25));
    expect(last().seqs()).toEqual([4, 5, 6]);
  });

  it("lets the oldest go at its bound, and says so", async () => {
    const { client, disk } = await begin(undefined, { hold: 3 });
    for (let i = 0; i < 5; i++) await client.add(fix(i * 5));
    expect(disk.fixes.map((f) => f.seq)).toEqual([3, 4, 5]);
    expect(client.status).toMatchObject({ held: 3, letGo: 2 });
    last().open();
    last().say(hello());
    await client.add(fix(25));
    expect(last().sent.filter((m) => m.type === "start").map((m) => m.lowest_held)).toEqual([3, 4]);
  });

  it("never gives a sequence that the service knows already to another fix", async () => {
    const disk = new Disk(); // as after a crash that took what was written last
    const { client } = await up(disk, {}, 7);
    await client.add(fix(0));
    expect(last().seqs()).toEqual([8]);
    expect(client.status.held).toBe(1);
  });

  it("comes back with growing pauses, and at once when told that there is a line", async () => {
    let tickets = 0;
    const { client } = await begin(undefined, { ticket: () => (tickets++, Promise.reject(new Error("no line"))) });
    const at: number[] = [];
    for (let s = 0, seen = tickets; s < 200; s++) {
      await vi.advanceTimersByTimeAsync(500);
      if (tickets > seen) at.push(s / 2);
      seen = tickets;
    }
    const gaps = at.slice(1).map((t, i) => t - (at[i] ?? 0));
    expect([...gaps].sort((a, b) => a - b)).toEqual(gaps);
    expect(Math.max(...gaps)).toBe(30);
    const before = tickets;
    client.nudge();
    await flush();
    expect(tickets).toBe(before + 1);
  });

  it("waits as long as the service asks before the next ticket", async () => {
    let tickets = 0;
    await begin(undefined, { ticket: () => (tickets++, Promise.reject(Object.assign(new Error("busy"), { retryAfterS: 20 }))) });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(tickets).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(tickets).toBe(2);
  });

  it("sends the newest before its turn while nothing is kept, and again in its turn", async () => {
    const disk = new Disk();
    for (let i = 0; i < 410; i++) await disk.add(fix(i));
    const { client } = await up(disk);
    const before = Array.from({ length: 400 }, (_, i) => i + 1);
    expect(last().seqs()).toEqual(before);
    await client.add(fix(411));
    expect(last().seqs()).toEqual(before); // an answer is on its way
    await vi.advanceTimersByTimeAsync(5_000);
    await client.add(fix(412));
    await client.add(fix(413));
    last().say({ type: "notice" });
    expect(last().seqs()).toEqual([...before, 412, 413]);
    last().say({ type: "ack", seq: 400, also: [[412, 412]] });
    expect(last().seqs().slice(402)).toEqual([401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 413]);
  });

  it("gives up a socket on which nobody answers", async () => {
    const { client } = await up();
    await client.add(fix(0));
    await vi.advanceTimersByTimeAsync(25_000);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.all[0]?.say({ type: "ack", seq: 1 }); // too late to be heard
    expect(client.status.held).toBe(1);
  });

  it("is not connected off duty, but sends what is left of duty first", async () => {
    const { client, disk } = await up();
    await client.add(fix(0));
    client.want(false);
    expect(last().closedBy).toBeUndefined();
    last().say({ type: "ack", seq: 1 });
    expect(last().closedBy).toBe(1000);
    expect(client.status.line).toBe("idle");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all).toHaveLength(1);

    await disk.add(fix(5)); // left by a page that was closed
    const later = new BeaconClient({ url: "", device: "P-1-1", store: disk, ticket: async () => "t", open: (u, p) => new FakeSocket(u, p) as never });
    await later.load();
    await flush();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("leaves the stream to a newer socket until a person decides otherwise", async () => {
    const { client } = await up();
    last().drop(4004);
    client.nudge();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(client.status.line).toBe("replaced");
    client.want(true);
    await flush();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("asks who it is when its right has ended", async () => {
    const ended = vi.fn();
    await up(undefined, { heard: { ended } });
    last().drop(4001);
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it("obeys the interval, and passes on what it is told", async () => {
    const heard = { offer: vi.fn(), recall: vi.fn(), mission: vi.fn(), notice: vi.fn(), reject: vi.fn() };
    const { client } = await up(undefined, { heard });
    last().say({ type: "interval", interval_s: 2 });
    for (const type of ["offer", "recall", "mission", "notice", "of tomorrow"]) last().say({ type });
    last().onmessage?.({ data: "no json" });
    await client.add(fix(0));
    last().say({ type: "reject", seq: 1, code: "future", detail: "" });
    expect(client.status).toMatchObject({ intervalS: 2, refused: "future", held: 0 });
    expect(Object.values(heard).map((f) => f.mock.calls.length)).toEqual([1, 1, 1, 1, 1]);
  });

  it("says that the phone cannot keep a fix, and goes on with the next", async () => {
    const { client, disk } = await up();
    disk.full = true;
    await expect(client.add(fix(0))).rejects.toThrow("no room");
    disk.full = false;
    await client.add(fix(5));
    expect(last().seqs()).toEqual([1]);
  });
});

const full = (i: number): Fix => ({ ...fix(i), accuracy_m: 12.5, speed_ms: 1.25, heading_deg: 359.5, battery: 0.87 });
it.each([{ name: "binary", of: binaryBurst, most: 6_400 }, { name: "JSON", of: burst, most: 64 << 10 }])("makes bursts of $name within the bounds of a message", ({ of, most }) => {
  const held = Array.from({ length: 1_000 }, (_, i): Held => ({ seq: i + 1, ...full(i) }));
  let from = 0;
  for (let n = 0; from < held.length; n++) {
    const b = of(held, from);
    const size = typeof b?.message === "string" ? b.message.length : b?.message.byteLength;
    expect(size).toBeLessThanOrEqual(most);
    from = b?.last ?? Infinity;
    expect(n).toBeLessThan(10);
  }
  expect(from).toBe(1_000);
  expect(of(held, 1_000)).toBeNull();
});

describe("what the beacon client speaks", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    FakeSocket.speaks = both;
    FakeSocket.strict = false;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is binary where the service takes it: 32 bytes a fix", async () => {
    const { client } = await up();
    expect(last().protocols).toEqual(["gridpatrol.beacon.v1.bin", "ticket.t1", "gridpatrol.beacon.v1.json"]);
    const before = last().bytes;
    for (let i = 0; i < 10; i++) await client.add(full(i));
    expect(last().bytes - before).toBe(320);
    expect((last().sent.at(-1)?.fixes as Held[])[0]).toEqual({ seq: 10, ...full(9) });
  });

  it("is JSON by the third try where nobody lets binary in, and binary again once it is spoken", async () => {
    FakeSocket.speaks = [subprotocol];
    FakeSocket.strict = true;
    const { client } = await begin();
    await client.add(full(0));
    for (let i = 0; i < 2; i++) {
      expect(last().protocols[0]).toBe(binarySubprotocol);
      last().open();
      await vi.advanceTimersByTimeAsync(3_000);
    }
    expect(FakeSocket.all).toHaveLength(3);
    last().open();
    last().say(hello());
    expect(last().seqs()).toEqual([1]);
    FakeSocket.speaks = both;
    last().drop(1001);
    await vi.advanceTimersByTimeAsync(3_000);
    last().open();
    last().say(hello());
    expect([last().protocol, last().seqs()]).toEqual([binarySubprotocol, [1]]);
  });

  it("is JSON from then on when the service does not understand the binary", async () => {
    const { client } = await up();
    await client.add(full(0));
    last().drop(4008);
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(40_000);
      last().open();
      expect(last().protocol).toBe(subprotocol);
      last().say(hello());
      expect(last().seqs()).toEqual([1]);
      last().drop(1001);
    }
  });
});
