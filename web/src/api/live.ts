/**
 * The live channel: a ticket, a socket, a view, then a snapshot and what changes.
 * A hole in the count asks for a new snapshot; a lost socket comes back by itself
 * with growing pauses, and says all the while how old what it showed is.
 */
import type { Bounds } from "../map/mercator.ts";
import { binarySubprotocol, type CellCount, decode, Picture } from "./liveframe.ts";
import type { Case, LiveFrame } from "./types.ts";

export type LiveState = "connecting" | "live" | "lost";

/** What is looked at: the ground, how closely, and who is told of wherever they are. */
export type LiveView = { bbox: Bounds; zoom: number; follow: string[] };

export type LiveOptions = {
  url: string;
  /** A one-time ticket, or null to rely on the cookie. */
  ticket: () => Promise<string | null>;
  /** missed: something may have happened that no frame told of; read the lists again. */
  frame: (frame: LiveFrame, missed: boolean) => void;
  state: (state: LiveState) => void;
  open?: (url: string, protocols: string[]) => WebSocket;
  random?: () => number;
};

const firstPauseMs = 500;
const longestPauseMs = 15_000;
/** A quiet line is asked whether it still lives, and given up when it does not answer. */
const quietMs = 20_000;
const silenceMs = 35_000;
const lookEveryMs = 5_000;

export class LiveChannel {
  #options: LiveOptions;
  #socket: WebSocket | null = null;
  #seq = 0;
  #tries = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  #view: LiveView;
  #heardMs = 0;
  #missed = true;
  #asked = false;
  #picture = new Picture();
  /** The cases of a snapshot whose patrols are the next message. */
  #cases: Case[] | null = null;

  constructor(options: LiveOptions, view: LiveView) {
    this.#options = options;
    this.#view = view;
  }

  start(): void {
    this.#stopped = false;
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** What is shown stays until the first message of the new view; a lost line comes back with it. */
  look(view: LiveView): void {
    this.#view = view;
    this.#ask();
  }

  #ask(): void {
    this.#send({ type: "view", ...this.#view, totals: true });
  }

  resync(): void {
    this.#send({ type: "resync" });
  }

  #send(message: unknown): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  async #connect(): Promise<void> {
    this.#options.state("connecting");
    let protocols = [binarySubprotocol];
    try {
      const ticket = await this.#options.ticket();
      if (ticket) protocols = [binarySubprotocol, `ticket.${ticket}`];
    } catch {
      this.#comeBack();
      return;
    }
    if (this.#stopped) return;
    const open = this.#options.open ?? ((url, list) => new WebSocket(url, list));
    const socket = open(this.#options.url, protocols);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#picture = new Picture();
    this.#cases = null;
    socket.onopen = () => {
      this.#heardMs = Date.now();
      this.#ask();
      clearInterval(this.#watch);
      this.#watch = setInterval(() => {
        const silentMs = Date.now() - this.#heardMs;
        if (silentMs > silenceMs) socket.close(4000);
        else if (silentMs > quietMs && !this.#asked) {
          this.#asked = true;
          this.resync();
        }
      }, lookEveryMs);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#hear(event.data);
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearInterval(this.#watch);
      this.#comeBack();
    };
  }

  /** How many are where, when the view is too wide to tell of each. */
  get counts(): ReadonlyMap<string, CellCount> {
    return this.#picture.counts;
  }

  #hear(data: unknown): void {
    this.#heardMs = Date.now();
    this.#asked = false;
    let frame: LiveFrame | null;
    try {
      frame = data instanceof ArrayBuffer ? this.#positions(data) : this.#text(String(data));
    } catch {
      this.#missed = true;
      this.resync();
      return;
    }
    if (frame) this.#take(frame);
  }

  #positions(data: ArrayBuffer): LiveFrame {
    const message = decode(data);
    const { moved, gone, counted } = this.#picture.apply(message);
    if (!message.afresh) return { type: "delta", seq: message.seq, moved, gone, counted };
    const cases = this.#cases ?? [];
    this.#cases = null;
    return { type: "snapshot", seq: message.seq, patrols: moved, cases, counted };
  }

  #text(text: string): LiveFrame | null {
    const frame = JSON.parse(text) as LiveFrame;
    if (frame.type !== "snapshot" || frame.patrols) return frame;
    this.#cases = frame.cases; // its patrols come in binary, soon
    this.#seq = frame.seq;
    return null;
  }

  #take(frame: LiveFrame): void {
    if (frame.type === "snapshot") {
      this.#seq = frame.seq;
      this.#tries = 0;
      this.#options.state("live");
    } else if (typeof frame.seq === "number") {
      const hole = frame.seq !== this.#seq + 1;
      this.#seq = frame.seq;
      if (hole) {
        this.#missed = true;
        this.resync();
      }
    }
    const missed = frame.type === "snapshot" && this.#missed;
    if (missed) this.#missed = false;
    this.#options.frame(frame, missed);
  }

  #comeBack(): void {
    if (this.#stopped) return;
    this.#missed = true;
    this.#options.state("lost");
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#tries++);
    const jitter = 0.5 + (this.#options.random ?? Math.random)() * 0.5;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), pause * jitter);
  }
}
