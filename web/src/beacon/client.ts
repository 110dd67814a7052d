/**
 * Sends a phone's positions and keeps each one until the service says that it is safe,
 * or will never be: the twin of realtime/beaconclient. It holds a bounded number of
 * fixes, sends again what was not acknowledged when it comes back, obeys the interval
 * it is told, and is connected only while there is duty or something left of it. It
 * speaks binary, a quarter of the bytes, where the service does, and JSON elsewhere.
 */
import { binaryBurst, binarySubprotocol, decodeAck } from "./binary.ts";
import { type Ack, burst, closed, type Code, type Down, type Fix, type Held, read, subprotocol } from "./message.ts";
import type { Store } from "./store.ts";

export type Line = "idle" | "connecting" | "up" | "lost" | "replaced";
export type Heard = {
  offer?: () => void;
  recall?: () => void;
  mission?: () => void;
  handOver?: () => void;
  notice?: () => void;
  reject?: (code: Code) => void;
  /** The service says that this device's right has ended; whoever knows better asks it. */
  ended?: () => void;
  /** Something that status shows is another. */
  changed?: () => void;
};
export type Options = {
  url: string;
  device: string;
  store: Store;
  /** A one-time ticket; what it throws may name a pause in retryAfterS. */
  ticket: () => Promise<string>;
  heard?: Heard;
  /** How many fixes are kept unacknowledged; beyond it the oldest is let go. */
  hold?: number;
  open?: (url: string, protocols: string[]) => WebSocket;
  random?: () => number;
};
export type Status = {
  line: Line;
  held: number;
  letGo: number;
  intervalS: number;
  /** When the service last said that something is safe. */
  ackedMs: number | null;
  /** Why the newest fix that was answered will never be kept; null when it is. */
  refused: Code | null;
  /** How far the phone's clock is ahead of the service's. */
  aheadS: number;
};

const firstPauseMs = 500;
const longestPauseMs = 30_000;
const ackWithinMs = 30_000;
const greetWithinMs = 20_000;
const checkEveryMs = 5_000;
/** A burst on its way at a time on a bad line, and one behind it. */
const mostFlying = 400;
/** Without a word for as long and with that much on its way, the newest fix goes before its turn. */
const aheadAfterMs = 5_000;

export class BeaconClient {
  readonly #o: Options;
  #held: Held[] = [];
  #stream = "";
  #next = 1;
  #acked = 0;
  #wanted = false;
  #socket: WebSocket | null = null;
  #greeted = false;
  #understood = true; // what was sent in binary
  #unopened = 0; // sockets in a row that nobody let in
  #restart = false;
  #sent = 0; // the highest sequence sent in order on this connection
  #ahead = 0; // the highest sent alone, before its turn
  #progressMs = 0; // when the service last said something that counts
  #tries = 0;
  #connecting = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #check: ReturnType<typeof setInterval> | undefined;
  #writes: Promise<unknown> = Promise.resolve(); // the store's, one after the other
  #status: Status = { line: "idle", held: 0, letGo: 0, intervalS: 5, ackedMs: null, refused: null, aheadS: 0 };

  constructor(options: Options) {
    this.#o = options;
  }

  get status(): Status {
    return this.#status;
  }

  /** Takes up what an earlier page has left. Must have ended before anything else is called. */
  async load(): Promise<{ lastMs: number | null }> {
    const kept = await this.#o.store.open(this.#o.device);
    this.#stream = kept.stream;
    this.#held = kept.held;
    this.#next = kept.next;
    this.#set({ held: kept.held.length });
    this.#reach();
    return { lastMs: kept.lastMs };
  }

  /** Duty begins or ends. What was kept until its end is still sent. */
  want(on: boolean): void {
    this.#wanted = on;
    if (!on && this.#status.refused !== null) this.#set({ refused: null });
    if (on && this.#status.line === "replaced") this.#set({ line: "lost" });
    this.#reach();
    this.#restIfDone();
  }

  /** There may be a line again: come back at once. */
  nudge(): void {
    if (this.#socket || this.#status.line === "replaced") return;
    this.#tries = 0;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#reach();
  }

  /** Ends when the fix is on the phone's disk; it is sent from there. */
  add(fix: Fix): Promise<void> {
    return this.#write(async () => {
      let held = await this.#o.store.add(fix);
      if (held.seq <= this.#acked) {
        // The phone lost what it wrote, and the service knows more of this stream than it does.
        await this.#o.store.skipTo(this.#acked + 1);
        held = await this.#o.store.add(fix);
      }
      this.#held.push(held);
      this.#next = held.seq + 1;
      const most = this.#o.hold ?? 10_000;
      if (this.#held.length > most) {
        const gone = this.#held.splice(0, this.#held.length - most);
        await this.#o.store.settle(gone.at(-1)?.seq ?? 0);
        this.#restart = true;
        this.#set({ letGo: this.#status.letGo + gone.length });
      }
      this.#set({ held: this.#held.length });
      this.#reach();
      this.#pump();
    });
  }

  /** Ends when all that was asked of the store is done. */
  settled(): Promise<unknown> {
    return this.#writes;
  }

  /** For good: another client takes up what is left. */
  stop(): void {
    this.#wanted = false;
    this.#stream = "";
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#leave("idle");
  }

  #write<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#writes.then(act);
    this.#writes = done.catch(() => {}); // whoever asked hears of it
    return done;
  }

  #set(more: Partial<Status>): void {
    this.#status = { ...this.#status, ...more };
    this.#o.heard?.changed?.();
  }

  #reach(): void {
    if (this.#socket || this.#connecting || this.#retry !== undefined || this.#status.line === "replaced" || this.#stream === "") return;
    if (this.#wanted || this.#held.length > 0) void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#connecting = true;
    this.#set({ line: this.#status.line === "lost" ? "lost" : "connecting" });
    let ticket: string;
    try {
      ticket = await this.#o.ticket();
    } catch (why) {
      this.#connecting = false;
      this.#comeBack(((why as { retryAfterS?: number | null }).retryAfterS ?? 0) * 1000);
      return;
    }
    this.#connecting = false;
    if (this.#stream === "" || (!this.#wanted && this.#held.length === 0)) {
      this.#set({ line: "idle" });
      return;
    }
    const open = this.#o.open ?? ((url, protocols) => new WebSocket(url, protocols));
    // A service that knows no binary lets nobody in who offers it first, and a browser
    // tells that from a bad line by nothing: every third socket in vain speaks JSON.
    const binary = this.#understood && this.#unopened % 3 < 2;
    const socket = open(this.#o.url, binary ? [binarySubprotocol, `ticket.${ticket}`, subprotocol] : [subprotocol, `ticket.${ticket}`]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#greeted = false;
    this.#restart = true;
    this.#sent = 0;
    this.#ahead = 0;
    const sinceMs = Date.now();
    this.#progressMs = sinceMs;
    clearInterval(this.#check);
    this.#check = setInterval(() => {
      const flying = this.#after(this.#sent) > 0;
      const late = this.#greeted ? flying && Date.now() - this.#progressMs > ackWithinMs : Date.now() - sinceMs > greetWithinMs;
      // A browser may take minutes to see that nobody is there.
      if (late) this.#gone();
    }, checkEveryMs);
    this.#unopened++;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#unopened = 0;
      this.#pump();
    };
    socket.onmessage = (event) => {
      const data: unknown = event.data;
      const down = data instanceof ArrayBuffer ? decodeAck(data) : read(String(data));
      if (socket === this.#socket && down) this.#take(down);
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      if (event.code === closed.replaced) {
        this.#leave("replaced");
        return;
      }
      const misunderstood = event.code === closed.protocol;
      if (misunderstood && socket.protocol === binarySubprotocol) this.#understood = false;
      this.#gone(misunderstood ? longestPauseMs : 0);
      if (event.code === closed.token) this.#o.heard?.ended?.();
    };
  }

  /** The connection is over; a new one is made unless there is no need of it. */
  #gone(atLeastMs = 0): void {
    this.#leave("lost");
    this.#comeBack(atLeastMs);
  }

  #leave(line: Line): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#greeted = false;
    clearInterval(this.#check);
    socket?.close(1000);
    this.#set({ line });
  }

  #comeBack(atLeastMs = 0): void {
    if (!this.#wanted && this.#held.length === 0) {
      this.#set({ line: "idle" });
      return;
    }
    this.#set({ line: "lost" });
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#tries++, 16));
    const random = this.#o.random ?? Math.random;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#reach();
      },
      Math.max(atLeastMs, pause / 2 + random() * pause),
    );
  }

  /** Off duty and everything safe: the line is given back. */
  #restIfDone(): void {
    if (this.#wanted || this.#held.length > 0 || this.#connecting) return;
    if (this.#socket) {
      if (this.#greeted) this.#leave("idle");
      return;
    }
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#status.line === "lost") this.#set({ line: "idle" });
  }

  /** The index of the first held fix above a sequence. */
  #after(seq: number): number {
    let low = 0;
    let high = this.#held.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#held[mid] as Held).seq <= seq) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /**
   * Sends what is due: a start, then what is held and not yet on its way. With as much on
   * its way as may be and a service that keeps nothing, as while its database is away, the
   * newest fix goes alone: the live map goes on by it, and in its turn it goes again.
   */
  #pump(): void {
    const socket = this.#socket;
    if (socket?.readyState !== 1) return;
    if (this.#restart) {
      this.#restart = false;
      socket.send(JSON.stringify({ type: "start", stream: this.#stream, lowest_held: this.#held[0]?.seq ?? Math.max(this.#next, this.#acked + 1) }));
    }
    const burstOf = socket.protocol === binarySubprotocol ? binaryBurst : burst;
    while (this.#greeted) {
      const from = this.#after(this.#sent);
      if (from >= this.#held.length) return;
      if (from >= mostFlying) {
        const newest = burstOf(this.#held, this.#held.length - 1, 1);
        if (!newest || newest.last <= this.#ahead || Date.now() - this.#progressMs < aheadAfterMs) return;
        socket.send(newest.message);
        this.#ahead = newest.last;
        return;
      }
      const b = burstOf(this.#held, from, mostFlying - from);
      if (!b) return;
      if (from === 0) this.#progressMs = Date.now(); // patience begins with the first fix on its way
      socket.send(b.message);
      this.#sent = b.last;
    }
  }

  #take(down: Down): void {
    switch (down.type) {
      case "hello":
        if (down.stream !== this.#stream) return;
        this.#greeted = true;
        this.#tries = 0;
        this.#set({ line: "up", intervalS: down.interval_s > 0 ? down.interval_s : this.#status.intervalS, aheadS: ahead(down.server_time) });
        this.#settle({ type: "ack", seq: down.acked }, null);
        break;
      case "ack":
        this.#settle(down, null);
        break;
      case "reject":
        this.#settle({ type: "ack", seq: 0, also: [[down.seq, down.seq]] }, down.code);
        this.#o.heard?.reject?.(down.code);
        break;
      case "interval":
        if (down.interval_s > 0) this.#set({ intervalS: down.interval_s });
        break;
      case "offer":
        this.#o.heard?.offer?.();
        break;
      case "recall":
        this.#o.heard?.recall?.();
        break;
      case "mission":
        this.#o.heard?.mission?.();
        break;
      case "hand_over":
        this.#o.heard?.handOver?.();
        break;
      case "notice":
        this.#o.heard?.notice?.();
        break;
    }
    this.#pump();
    this.#restIfDone();
  }

  #settle(ack: Ack, refused: Code | null): void {
    this.#progressMs = Date.now();
    this.#acked = Math.max(this.#acked, ack.seq);
    const before = this.#held.length;
    this.#held = this.#held.filter((f) => f.seq > ack.seq && !(ack.also ?? []).some(([first, last]) => first <= f.seq && f.seq <= last));
    const went = before - this.#held.length;
    if (went === 0) return;
    void this.#write(() => this.#o.store.settle(ack.seq, ack.also)).catch(() => {}); // what stays is sent again, and the service knows it
    this.#set({ held: this.#held.length, refused, ...(refused === null ? { ackedMs: Date.now() } : {}) });
  }
}

function ahead(serverTime: string): number {
  const t = Date.parse(serverTime);
  return Number.isNaN(t) ? 0 : (Date.now() - t) / 1000;
}
